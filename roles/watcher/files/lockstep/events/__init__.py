"""`lockstep events` and `lockstep stats`: what inotifywait and inotifywatch do, and nothing missed in new directories.

They have nothing to do with mirrors.  `stream` says what happened, `wait` and `stats` are the two commands upon it.
"""
