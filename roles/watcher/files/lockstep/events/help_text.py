"""What --help says."""

_SHARED = """\
  @FILE                     do not watch this one, nor what is below it
  --fromfile FILE           read paths, one a line, from FILE or - (stdin); @ as above
  --exclude[i] PATTERN      leave out what this POSIX extended regular expression matches (i: in any case of letters);
                            a directory that it matches is not watched; may be given several times
  --include[i] PATTERN      tell only what it matches
  -r, --recursive           watch all directories below, new ones too
  -P, --no-dereference      do not follow symbolic links
  -t, --timeout SECONDS     {timeout}
  -e, --event EVENT,...     only these: access modify attrib close_write close_nowrite close open moved_to moved_from
                            move move_self create delete delete_self unmount
  -h, --help                this text
"""

EVENTS = (
    """\
usage: lockstep events [OPTION...] PATH...
Wait for events on files and directories: an inotifywait that misses nothing in new directories.

  -m, --monitor             go on for ever, or until the timeout
  -d, --daemon              the same in the background; needs -o
  -o, --outfile FILE        append events to FILE
  -s, --syslog              say what goes wrong to syslog
  -q, --quiet               print events only; -qq: nothing at all
  -c, --csv                 print CSV
  --format FORMAT           %w watched, %f file, %e events, %Xe the same with X between them, %T time, %c cookie,
                            %0 NUL, %n newline, %% a percent sign
  --timefmt FORMAT          of %T, as in strftime(3)
  --no-newline              no newline after the format
"""
    + _SHARED.format(timeout="give up when nothing was told for so long; may be a fraction")
    + """\

Exit status: 0 an event that was asked for, 1 another one (what was watched is gone) or an error, 2 the time is over.
"""
)

STATS = (
    """\
usage: lockstep stats [OPTION...] PATH...
Count events on files and directories: an inotifywatch that misses nothing in new directories.

  -v, --verbose             say what is done
  -z, --zero                rows and columns of zeros too
  -a, --ascending EVENT     sort by this event, or total
  -d, --descending EVENT    the same, the largest first (default: total)
"""
    + _SHARED.format(timeout="count for so long; otherwise until SIGINT or SIGTERM")
    + """\

Exit status: 0 done, 1 an error.
"""
)
