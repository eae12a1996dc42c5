"""python3 -m rsyncd_check config|login: one line for each problem on stderr; exit 0 right, 1 wrong, 2 usage."""

from __future__ import annotations

import argparse
import sys

from rsyncd_check import deletion, grammar, login, rules, trial


def main(argv: list[str]) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="rsyncd_check")
    commands = parser.add_subparsers(dest="command", required=True)
    config = commands.add_parser("config", help="check a configuration before a daemon reads it")
    config.add_argument("file")
    ask = commands.add_parser("login", help="log in to every module of the running daemon")
    ask.add_argument("--address", required=True, help="where it listens")
    ask.add_argument("--port", required=True, type=int)
    ask.add_argument("--wait", default=10.0, type=float, help="seconds until it must answer")
    ask.add_argument("file", help="the configuration it reads")
    for command in (config, ask):
        command.add_argument("--rsync", required=True, help="the program, at both ends")
    given = parser.parse_args(argv)
    try:
        parsed = grammar.read(given.file)
    except OSError as error:
        return _say([f"{given.file}: cannot be read: {error.strerror}"])
    problems = rules.check(parsed)
    if problems:
        return _say(problems)
    if given.command == "config":
        return _say(deletion.check(given.rsync) or trial.check(given.rsync, parsed))
    return _say(login.check_all(given.rsync, login.logins(parsed), (given.address, given.port), given.wait))


def _say(problems: list[str]) -> int:
    for problem in problems:
        sys.stderr.write(f"rsyncd_check: {problem}\n")
    return 1 if problems else 0


sys.exit(main(sys.argv[1:]))
