"""`make bench`: the watcher and what people use today, side by side in one run, as an outside observer sees them."""
