"""How work reaches a target: rsync processes that are connected ahead, and what their end means."""
