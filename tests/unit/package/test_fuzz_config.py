"""Whatever stands in a configuration, it is understood or refused with a key or a line, and no secret is told."""

from __future__ import annotations

import os
import re
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lockstep.config import Config, ConfigError, parse
from lockstep.config_errors import MAX_PROBLEMS

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)
VALID: dict[str, Any] = {
    "state_dir": "/var/lib/lockstep",
    "log_level": "info",
    "rsync": "rsync",
    "status": {"listen": "127.0.0.1:8008", "socket": "/run/lockstep/s.sock", "max_lag": 30},
    "mirrors": [
        {
            "name": "data",
            "source": "/data",
            "exclude": [".nfs*", "*.swp"],
            "delete": False,
            "quiet": 0.5,
            "max_wait": 5,
            "reconcile_every": 0,
            "max_delete": {"percent": 10, "at_least": 5, "window": 30},
            "pace": 0,
            "targets": [
                {"url": "rsync://u@h:8873/m/x", "password_file": "/etc/p", "rsync_options": ["-zX", "--bwlimit=1"]},
                {"url": "file:///mnt/copy"},
            ],
        },
        {"name": "more", "source": "/more", "targets": [{"url": "rsync://h/m"}]},
    ],
}
# about the whole file, which has no key then
WHOLE = re.compile(
    r"is empty|must be a mapping|is larger than|has more than|is nested too deeply|is not valid YAML|and more: "
)
KEY = r"[^:\s]+(\[\d+\])?(\.[^\s]+)*"
NAMED = re.compile(rf"line \d+|({KEY})?.*: .*|.*\(line \d+\)", re.DOTALL)

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(["", "/", "..", "a/b"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def understood(text: bytes) -> Config | ConfigError:
    """Either one; any other exception is what this looks for."""
    try:
        return parse(text, "x.yml")
    except ConfigError as error:
        found = error
    assert 0 < len(found.problems) <= MAX_PROBLEMS + 1
    for problem in found.problems:
        assert problem.strip()
        assert WHOLE.match(problem) or re.search(r"\(line \d+\)$|^line \d+", problem) or NAMED.match(problem)
        assert len(problem) < 2_000, "a message is for people"
    return found


def places(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value of a document."""
    found = [at] if at else []
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found += places(value, (*at, key))
    return found


def replaced(node: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[way[0]] = replaced(node[way[0]], way[1:], value)
    return copy


@FUZZ
@given(data=st.binary(max_size=300))
@example(b"\xef\xbb\xbf")
@example(b"? [a]\n: b")
@example(b"mirrors: !!python/object/apply:os.system [id]")
def test_bytes_are_understood_or_refused(data: bytes) -> None:
    understood(data)


@FUZZ
@given(data=st.data())
def test_a_file_with_broken_bytes_is_understood_or_refused(data: st.DataObject) -> None:
    text = bytearray(yaml.safe_dump(VALID).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text) - 1))
        if data.draw(st.booleans()):
            text[at] = data.draw(st.integers(0, 255))
        else:
            text[at : at + data.draw(st.integers(1, 20))] = data.draw(st.binary(max_size=5))
    understood(bytes(text))


@FUZZ
@given(data=st.data())
def test_a_value_of_another_kind_is_understood_or_refused_at_its_key(data: st.DataObject) -> None:
    way = data.draw(st.sampled_from(places(VALID)))
    changed = replaced(VALID, way, data.draw(values))
    found = understood(yaml.safe_dump(changed, allow_unicode=True).encode("utf-8", "surrogatepass"))
    if isinstance(found, ConfigError):
        # the mistake is told where it is, above it, or where it collides with another
        top = str(way[0])
        assert any(top in problem or WHOLE.match(problem) or "line" in problem for problem in found.problems)


@FUZZ
@given(name=st.text(min_size=1, max_size=12), value=values, at=st.sampled_from([(), ("status",), ("mirrors", 0)]))
def test_a_key_that_is_not_known_is_always_refused_by_name(name: str, value: Any, at: tuple[Any, ...]) -> None:
    node = VALID
    for step in at:
        node = node[step]
    if name in node or name == "<<":
        return
    changed = replaced(VALID, at, {**node, name: value})
    found = understood(yaml.safe_dump(changed, allow_unicode=True).encode("utf-8", "surrogatepass"))
    assert isinstance(found, ConfigError)


SECRET = "Xq7secretZ"
around = st.text(st.sampled_from("/@:[]#?%. ab1"), max_size=4)


@FUZZ
@given(
    scheme=st.sampled_from(["rsync://", "rsync:/", "ftp://", "", "file://", "ssh://"]),
    before=around,
    after=around,
    rest=st.sampled_from(["host/module", "host:873/m", "host", "[::1]/m", "host/m@x", ""]),
    file=st.booleans(),
)
@example("rsync://", "a", "/", "host/module", False)
@example("rsync://", "a:", "/", "host/module", False)
@example("", "", "/", "host::module", True)
def test_a_password_in_an_address_is_never_told(scheme: str, before: str, after: str, rest: str, file: bool) -> None:
    """Whatever else it holds: the message is for logs and for the screens of others."""
    target: dict[str, str] = {
        "url": f"{scheme}user:{before}{SECRET}{after}@{rest}",
        **({"password_file": "/etc/p"} if file else {}),
    }
    found = understood(yaml.safe_dump(replaced(VALID, ("mirrors", 0, "targets", 0), target)).encode())
    if isinstance(found, Config):
        # host, port and module: nobody could tell it from one that is meant so
        assert re.match(r"rsync://user:\d+/", target["url"]), target
        return
    assert SECRET not in str(found)
    assert "targets[0].url" in str(found)
