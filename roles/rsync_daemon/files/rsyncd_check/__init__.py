"""Whether an rsyncd.conf is right, and whether the daemon that reads it lets its user in.

rsync has no way to check its daemon's configuration: a mistake in it is logged, or not even that, and the setting is
skipped. `grammar` and `rules` read it strictly, `trial` lets rsync itself serve one connection from it, `login` asks
a running daemon.
"""
