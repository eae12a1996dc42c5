"""The command line. Exit status: 0 done, 1 failed, 2 wrong usage or configuration."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, Callable

from lockstep import __version__

DEFAULT_SOCKET = "/run/lockstep/status.sock"
OK, FAILED, USAGE = 0, 1, 2
# They read their own options, as the tools do that they stand for, and exit as these: 2 means another thing there.
_ALIKE = {
    "events": "print events of files and directories, as inotifywait does; see events --help",
    "stats": "count events of files and directories, as inotifywatch does; see stats --help",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` (or sys.argv) names and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding cannot show must not end the command.
            stream.reconfigure(errors="backslashreplace")
    given = sys.argv[1:] if argv is None else list(argv)
    parser = _parser()
    arguments = parser.parse_args(given[:1] if given[:1] and given[0] in _ALIKE else given)
    arguments.rest = given[1:]
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        status: int = arguments.function(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output (head, less) has seen enough; the interpreter must not try once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _fail("interrupted")
    except ModuleNotFoundError as error:
        return _fail(f"the Python module {error.name} is missing for {sys.executable}; install it")
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
        return _fail(f"{where}{error.strerror or error}")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lockstep",
        description="Keeps directories on backup hosts in lockstep with directories on this host.",
        epilog="Exit status: 0 done, 1 failed, 2 wrong usage or configuration.",
    )
    parser.add_argument("--version", action="version", version=f"lockstep {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    run = _command(commands, "run", _run, "watch and mirror, until stopped")
    run.add_argument("--config", required=True, metavar="FILE", help="the configuration, as /etc/lockstep/lockstep.yml")
    run.add_argument("--once", action="store_true", help="compare everything once, send what differs, and end; exit "
                     "status 0 only when all is in step")  # fmt: skip
    run.add_argument("--dry-run", action="store_true", help="the same as plan")
    run.add_argument("--daemon", action="store_true", help="go into the background when everything has started")
    run.add_argument("--pid-file", metavar="FILE", help="where to write the process's number; held while it runs")
    run.add_argument("--log-file", metavar="FILE", help="where the log goes with --daemon (default: nowhere)")

    plan = _command(commands, "plan", _plan, "tell what would go across if everything were compared now")
    plan.add_argument("--config", required=True, metavar="FILE", help="the configuration")
    plan.add_argument("mirror", metavar="MIRROR", nargs="*", help="only these mirrors")

    check = _command(commands, "check", _check, "check a configuration, and whether this host can do what it says")
    check.add_argument("file", metavar="FILE", help="the configuration to check")
    check.add_argument("--offline", action="store_true", help="do not log in to the targets")

    status = _command(commands, "status", _status, "show how it goes; exit status 0 only when all is in step", True)
    how = status.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="as JSON, with everything")
    how.add_argument("--nagios", action="store_true", help="one line with performance data; exit status 0, 1, 2 or 3")
    how.add_argument("--watch", type=_seconds, nargs="?", const=2.0, metavar="SECONDS",
                     help="again every so many seconds (default: 2), until interrupted")  # fmt: skip

    resync = _command(commands, "resync", _resync, "compare a mirror with its targets now, and send what differs", True)
    resync.add_argument("mirror", metavar="MIRROR", help="the mirror's name")
    resync.add_argument("path", metavar="PATH", nargs="?", help="only this path, relative to the source")

    convert = _command(commands, "convert", _convert, "turn a confxml.xml or lsyncd.conf.lua into YAML for this")
    convert.add_argument("file", metavar="FILE", help="the configuration of sersync or lsyncd")
    convert.add_argument("--inventory", action="store_true", help="print lockstep_mirrors, not lockstep.yml")

    for name, text in _ALIKE.items():
        _command(commands, name, _inotify_tool, text, own_options=True)

    for name, text in (
        ("pause", "stop sending a mirror; what changes meanwhile is remembered"),
        ("resume", "go on after pause"),
        ("release", "let go deletions that are held, or accept a source that has become another one"),
    ):
        _command(commands, name, _control, text, True).add_argument(
            "mirror", metavar="MIRROR", help="the mirror's name"
        )
    return parser


def _command(
    commands: Any,
    name: str,
    function: Callable[[argparse.Namespace], int],
    text: str,
    client: bool = False,
    own_options: bool = False,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", add_help=not own_options
    )
    parser.set_defaults(function=function)
    if client:
        parser.add_argument(
            "--socket", metavar="PATH", default=DEFAULT_SOCKET, help="the service's (default: %(default)s)"
        )
    return parser


# Each command imports what it needs: a client must not load what the service is made of.


def _run(arguments: argparse.Namespace) -> int:
    from lockstep import daemonize, service  # noqa: PLC0415
    from lockstep.config import ConfigError  # noqa: PLC0415
    from lockstep.preflight import load_config  # noqa: PLC0415

    path = os.path.abspath(arguments.config)
    if arguments.log_file is not None and not arguments.daemon:
        return _usage("run: --log-file is for --daemon; in the foreground the log goes to stderr")
    if sum((arguments.once, arguments.dry_run, arguments.daemon)) > 1:
        return _usage("run: --once, --dry-run and --daemon exclude each other")
    if arguments.dry_run:
        arguments.mirror = []
        return _plan(arguments)
    try:
        if arguments.once:
            return _once(path)
        if arguments.daemon:
            # Before it leaves the terminal: afterwards there would be no exit status of 2 any more.
            load_config(path)
            return daemonize.daemonize(lambda ready: service.run(path, ready), arguments.pid_file, arguments.log_file)
        if arguments.pid_file is None:
            return service.run(path, None)
        held = daemonize.PidFile(arguments.pid_file)
        held.take()
        try:
            return service.run(path, None)
        finally:
            held.release()
    except ConfigError as error:
        return _tell(path, error.problems, USAGE)
    except daemonize.DaemonError as error:
        return _fail(str(error))


def _once(path: str) -> int:
    """Raises ConfigError."""
    import asyncio  # noqa: PLC0415

    from lockstep import logs, once, preflight  # noqa: PLC0415
    from lockstep.status.control import ControlError  # noqa: PLC0415

    found = preflight.load_config(path)
    logs.set_up(found.log_level, found.log_format)
    try:
        verdicts = asyncio.run(once.run(found))
    except (once.Running, ControlError) as error:
        return _fail(str(error))
    for verdict in verdicts:
        print(verdict, file=sys.stderr if verdict.why else sys.stdout)
    return FAILED if any(verdict.why for verdict in verdicts) else OK


def _plan(arguments: argparse.Namespace) -> int:
    from lockstep import dry_run  # noqa: PLC0415
    from lockstep.config import ConfigError, load  # noqa: PLC0415

    path = os.path.abspath(arguments.config)
    try:
        config = load(path)
    except ConfigError as error:
        return _tell(path, error.problems, USAGE)
    known = [mirror.name for mirror in config.mirrors]
    for name in arguments.mirror:
        if name not in known:
            return _usage(f"plan: no mirror {name!r}; there are: {', '.join(known)}")
    return OK if dry_run.run(config, arguments.mirror) else FAILED


def _check(arguments: argparse.Namespace) -> int:
    from lockstep import preflight  # noqa: PLC0415
    from lockstep.config import ConfigError, load  # noqa: PLC0415

    try:
        config = load(arguments.file)
    except ConfigError as error:
        return _tell(arguments.file, error.problems, USAGE)
    problems = preflight.local_problems(config)
    if not problems and not arguments.offline:
        problems = preflight.login_problems(config)
    if problems:
        return _tell(arguments.file, problems, FAILED)
    targets = sum(len(mirror.targets) for mirror in config.mirrors)
    print(f"{arguments.file}: ok (mirrors: {len(config.mirrors)}, targets: {targets})")
    return OK


def _status(arguments: argparse.Namespace) -> int:
    from lockstep.status import client, control  # noqa: PLC0415

    try:
        return client.run(arguments.socket, arguments.json, arguments.nagios, arguments.watch)
    except (control.ControlError, client.NoStatus) as error:
        return _fail(str(error))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86400.0:
        raise argparse.ArgumentTypeError(f"seconds from 0.1 to 86400 are wanted, not {text!r}")
    return seconds


def _resync(arguments: argparse.Namespace) -> int:
    return _request(arguments, {"command": "resync", "mirror": arguments.mirror, "path": arguments.path})


def _control(arguments: argparse.Namespace) -> int:
    return _request(arguments, {"command": arguments.command, "mirror": arguments.mirror})


def _request(arguments: argparse.Namespace, request: dict[str, Any]) -> int:
    from lockstep.status import control, words  # noqa: PLC0415

    try:
        answer = control.ask(arguments.socket, request)
    except control.ControlError as error:
        return _fail(str(error))
    if answer.get("ok") is not True:
        return _fail(words.plain(answer.get("error", "the service refused")))
    print(words.plain(answer.get("message", "done")))
    return OK


def _convert(arguments: argparse.Namespace) -> int:
    from lockstep import convert  # noqa: PLC0415
    from lockstep.convert.model import MAX_BYTES  # noqa: PLC0415

    def read(path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)

    try:
        found = convert.convert(read(arguments.file), read)
    except convert.ConvertError as error:
        return _tell(arguments.file, error.problems, USAGE)
    print(convert.as_configuration(found, arguments.inventory), end="")
    return OK


def _inotify_tool(arguments: argparse.Namespace) -> int:
    from lockstep.events import stats, wait  # noqa: PLC0415

    rest: list[str] = arguments.rest
    return wait.main(rest) if arguments.command == "events" else stats.main(rest)


def _tell(path: str, problems: Sequence[str], status: int) -> int:
    for problem in problems:
        print(f"lockstep: {path}: {problem}", file=sys.stderr)
    return status


def _usage(text: str) -> int:
    print(f"lockstep: {text}", file=sys.stderr)
    return USAGE


def _fail(text: str) -> int:
    print(f"lockstep: {text}", file=sys.stderr)
    return FAILED
