"""Hooks are understood as they are meant, or refused with the key, the reason and the mend."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lockstep.config import ConfigError, parse
from lockstep.config_hooks import CHANGED, DELETED, Hook, Purge, Stream
from lockstep.config_notify import Command, Post


def configured(*hooks: Any) -> bytes:
    mirror = {"name": "data", "source": "/data", "targets": [{"url": "rsync://h/m"}], "hooks": list(hooks)}
    return json.dumps({"mirrors": [mirror]}).encode()


def read(hook: dict[str, Any]) -> Hook:
    return parse(configured(hook), "x.yml").mirrors[0].hooks[0]


def mistake(hook: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(configured(hook), "x.yml")
    return str(caught.value)


BOTH = (CHANGED, DELETED)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"command": ["/bin/x", "$y"]}, Hook(Command(("/bin/x", "$y"), 10.0), b"\0", (), BOTH, True, 1.0)),
        (
            {"command": ["/bin/x"], "names": "lines", "include": ["*.jpg"], "tell": ["deleted"],
             "on_failure": "ignore", "interval": 0, "timeout": 3},
            Hook(Command(("/bin/x",), 3.0), b"\n", (b"*.jpg",), (DELETED,), False, 0.0),
        ),
        (
            {"url": "https://h/x", "token_file": "/t", "headers_file": "/h"},
            Hook(Post("https://h/x", None, "/t", 10.0, "/h"), b"\0", (), BOTH, True, 1.0),
        ),
        ({"url_file": "/u"}, Hook(Post(None, "/u", None, 10.0), b"\0", (), BOTH, True, 1.0)),
        ({"socket": "[::1]:8009"}, Hook(Stream("::1", 8009, None, 10.0), b"\n", (), BOTH, True, 1.0)),
        ({"socket": "unix:/run/x"}, Hook(Stream("", 0, "/run/x", 10.0), b"\n", (), BOTH, True, 1.0)),
        (
            {"purge": "http://cdn/{path}"},
            Hook(Purge("http://cdn/{path}", "PURGE", None, None, None, 10.0), b"\0", (), BOTH, True, 1.0),
        ),
        (
            {"purge": "http://cdn/i/{2}?x={1}", "method": "GET", "match": "^(.*)/img/(.*)$", "token_file": "/t"},
            Hook(
                Purge("http://cdn/i/{2}?x={1}", "GET", "^(.*)/img/(.*)$", "/t", None, 10.0), b"\0", (), BOTH, True, 1.0
            ),
        ),
    ],
)  # fmt: skip
def test_a_hook_is_understood(given: dict[str, Any], meant: Hook) -> None:
    assert read(given) == meant


def test_without_hooks_there_are_none() -> None:
    assert parse(configured(), "x.yml").mirrors[0].hooks == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "hooks[0]: needs one of command, url, url_file, socket, purge"),
        ({"url": "http://h/", "socket": "h:1"}, "needs one of command"),
        ("/bin/x", "hooks[0]: must be a mapping"),
        ({"command": ["x"]}, "hooks[0].command[0]: must be the absolute path of a program, not 'x'"),
        ({"command": "/bin/x"}, "hooks[0].command: must be a list"),
        ({"command": []}, "hooks[0].command: must name a program"),
        ({"command": ["/bin/x"], "token_file": "/t"}, "token_file: is for url and url_file and purge, not for command"),
        ({"url": "http://h/", "names": "nul"}, "hooks[0].names: is for a command"),
        ({"url": "http://u:p@h/"}, "must not contain a user or password"),
        ({"url": "http://h/", "match": "x"}, "hooks[0].match: is for purge, not for url"),
        ({"socket": "nowhere"}, "hooks[0].socket: must be HOST:PORT"),
        ({"socket": "unix:x"}, "must be an absolute path"),
        ({"purge": "http://cdn/"}, "hooks[0].purge: must have {path}"),
        ({"purge": "http://cdn/{file}"}, "must have {path}"),
        ({"purge": "http://cdn/{path}{"}, "must have {path}"),
        ({"purge": "cdn/{path}"}, "must be http://HOST"),
        ({"purge": "http://{path}/"}, "must not take its host from a name"),
        ({"purge": "http://cdn/{2}", "match": "(a)"}, "has a group that match does not have; it has 1"),
        ({"purge": "http://cdn/{path}", "match": "("}, "hooks[0].match: is no regular expression"),
        ({"purge": "http://cdn/{path}", "method": "purge"}, "method: must be one of PURGE, GET"),
        ({"command": ["/bin/x"], "tell": ["moved"]}, "tell[0]: must be one of changed, deleted"),
        ({"command": ["/bin/x"], "on_failure": "stop"}, "on_failure: must be one of retry, ignore"),
        ({"command": ["/bin/x"], "include": ["/"]}, "include[0]: matches nothing"),
        ({"command": ["/bin/x"], "comand": 1}, "hooks[0].comand: is not a known key; did you mean command?"),
    ],
)
def test_a_mistake_is_named_with_its_key(given: Any, said: str) -> None:
    assert said in mistake(given)
