"""A configuration is understood whole, or refused with every mistake in it named."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from subprocess import run

import pytest

from lockstep import config_options
from lockstep.config import ConfigError, MaxDelete, Notify, Target, load, parse
from lockstep.config_deletion import Deletes
from lockstep.config_notify import Command, Post

FULL = rb"""
state_dir: /var/lib/lockstep/
log_level: debug
rsync: /usr/bin/rsync
status: {listen: "[::1]:8008", socket: /run/lockstep/s.sock, max_lag: 30}
mirrors:
  - name: data
    source: //data/./x/
    exclude: [".nfs*", "+ a", "\udcff", "*.swp"]
    delete: false
    quiet: 0.5
    max_wait: 5
    reconcile_every: 0
    max_delete: {percent: 10, at_least: 5, window: 30}
    pace: 0
    targets:
      - url: rsync://rsync_backup@172.16.1.41:8873/backup//x/
        password_file: /etc/lockstep/secrets/backup01
        rsync_options: [-zX, --bwlimit=1000]
      - url: file:///mnt/copy/
"""


def minimal(
    mirror: str = "", target: str = "", url: str = "rsync://h/m", top: str = "", source: str = "/data"
) -> bytes:
    return (
        f"{top}\nmirrors:\n  - name: data\n    source: {source}\n    {mirror}\n"
        f'    targets:\n      - url: "{url}"\n        {target}\n'
    ).encode()


def mistakes(text: bytes) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "x.yml")
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_every_key_is_understood() -> None:
    config = parse(FULL, "x.yml")
    assert (config.path, config.sha256) == ("x.yml", hashlib.sha256(FULL).hexdigest())
    assert (config.state_dir, config.log_level, config.rsync) == ("/var/lib/lockstep", "debug", "/usr/bin/rsync")
    assert config.status.listen == ("::1", 8008)
    assert (config.status.socket, config.status.max_lag) == ("/run/lockstep/s.sock", 30.0)
    (mirror,) = config.mirrors
    assert (mirror.name, mirror.source) == ("data", b"/data/x")
    assert mirror.exclude == (b".nfs*", b"+ a", b"\xff", b"*.swp")
    assert (bool(mirror.delete), mirror.quiet, mirror.max_wait) == (False, 0.5, 5.0)
    assert (mirror.reconcile_every, mirror.pace, mirror.max_delete) == (0.0, 0.0, MaxDelete(10.0, 5, 30.0))
    assert mirror.targets == (
        Target(
            url="rsync://rsync_backup@172.16.1.41:8873/backup//x/",
            scheme="rsync",
            user="rsync_backup",
            host="172.16.1.41",
            port=8873,
            module="backup",
            path="x",
            password_file="/etc/lockstep/secrets/backup01",
            rsync_options=("-zX", "--bwlimit=1000"),
        ),
        Target("file:///mnt/copy/", "file", None, "", 0, "", "/mnt/copy", None, ()),
    )
    assert [target.name for target in mirror.targets] == ["172.16.1.41/backup/x", "/mnt/copy"]


def test_everything_but_name_source_and_url_has_a_default() -> None:
    config = parse(minimal(), "x.yml")
    assert config.status.listen == ("127.0.0.1", 8008)
    assert (config.state_dir, config.rsync, config.log_level) == ("/var/lib/lockstep", "rsync", "info")
    (mirror,) = config.mirrors
    assert (mirror.delete, mirror.quiet, mirror.max_wait, mirror.reconcile_every) == (Deletes(), 1.0, 10.0, 86400.0)
    assert (mirror.max_delete, mirror.pace, mirror.exclude) == (MaxDelete(25.0, 1000, 60.0), 0.25, ())
    assert mirror.targets[0].port == 873


@pytest.mark.parametrize("listen", ["null", '""'])
def test_http_can_be_switched_off(listen: str) -> None:
    assert parse(minimal(top=f"status: {{listen: {listen}}}"), "x").status.listen is None


@pytest.mark.parametrize(
    ("listen", "understood"),
    [
        ("localhost:80", ("localhost", 80)),
        ("127.1.2.3:80", ("127.1.2.3", 80)),
        ("[::1]:80", ("::1", 80)),
        ("unix:/run//x/http.sock", "/run/x/http.sock"),
    ],
)
def test_where_only_this_host_comes_in_no_token_is_needed(listen: str, understood: object) -> None:
    status = parse(minimal(top=f"status: {{listen: '{listen}'}}"), "x").status
    assert (status.listen, status.token_file) == (understood, None)


def test_with_a_token_it_may_listen_everywhere() -> None:
    status = parse(minimal(top="status: {listen: '0.0.0.0:80', token_file: /etc/lockstep/token}"), "x").status
    assert (status.listen, status.token_file) == (("0.0.0.0", 80), "/etc/lockstep/token")


def test_who_is_told_is_understood() -> None:
    text = """notify:
  behind: 120
  down: 5
  interval: 15
  to:
    - {command: [/usr/local/bin/page, -u, critical], timeout: 3}
    - {url: "https://alerts.example/hook?x=1", token_file: /etc/lockstep/secrets/alerts}
    - {url_file: /etc/lockstep/secrets/chat}
"""
    found = parse(minimal(top=text), "x").notify
    assert found == Notify(120.0, 5.0, 15.0, (
        Command(("/usr/local/bin/page", "-u", "critical"), 3.0),
        Post("https://alerts.example/hook?x=1", None, "/etc/lockstep/secrets/alerts", 10.0),
        Post(None, "/etc/lockstep/secrets/chat", None, 10.0),
    ))  # fmt: skip
    assert parse(minimal(), "x").notify == Notify(60.0, 10.0, 30.0, ())


def test_a_longer_quiet_lengthens_the_default_wait() -> None:
    assert parse(minimal("quiet: 20"), "x").mirrors[0].max_wait == 20.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"[1]", "must be a mapping with the key mirrors, not a list"),
        (b"mirrors: [\n", "line 2, column 1: is not valid YAML"),
        (b"a: \xff\n", "line 1: is not UTF-8"),
        (b"a: \x07\n", "is not valid YAML"),
        (b"--- 1\n--- 2\n", "expected a single document"),
        (b"[" * 20000, "nested too deeply"),
        (b"x" * (2 * 1024 * 1024), "is larger than 1 MiB"),
        (b"mirrors: *nobody", "undefined alias"),
        (b"mirrors: []", "mirrors: must not be empty"),
        (b"mirrors: {}", "mirrors: must be a list, not a mapping (line 1)"),
        (b"mirrors: [3]", "mirrors[0]: must be a mapping of keys and values, not a number: '3'"),
        (b"log_level: info", "mirrors: is missing"),
        (b"mirrors: !!python/object/apply:os.system [id]", "with the tag tag:yaml.org,2002:python/object/apply"),
        (b"mirrors: !secret x", "with the tag !secret, which is not supported"),
        (b"<<: {a: 1}\nmirrors: []", "merge keys"),
        (b"? [1]\n: 2", "keys that are no text"),
        (b"mirrors: &a [*a, *a]", "mirrors[0]: must be a mapping"),
    ],
)
def test_a_file_that_is_no_configuration_says_why(text: bytes, expected: str) -> None:
    assert any(expected in problem for problem in mistakes(text)), mistakes(text)


def test_aliases_that_multiply_are_cut_short() -> None:
    bomb = b"mirrors:\n  - &m {name: a, source: /a, targets: &t [" + b"{url: 'rsync://h/m'}, " * 2000 + b"]}\n"
    assert len(mistakes(bomb + b"  - *m\n" * 5000)) <= 101


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (minimal("excludes: []"), "mirrors[0].excludes: is not a known key; did you mean exclude? (line 5)"),
        (
            minimal(target="password: x"),
            "mirrors[0].targets[0].password: is not a known key; did you mean password_file?",
        ),
        (minimal(top="statsu: {}"), "statsu: is not a known key; did you mean status? (line 1)"),
        (minimal(top="zzz: {}"), "zzz: is not a known key; known here: state_dir"),
        (minimal("delete: 1"), "mirrors[0].delete: must be true or false, not a number: '1' (line 5)"),
        (minimal("quiet: true"), "mirrors[0].quiet: must be a number, not true or false: 'true' (line 5)"),
        (minimal('quiet: "1"'), "must be a number, not text: '1'"),
        (minimal("quiet: .nan"), "must be a plain decimal number"),
        (minimal("quiet: -.inf"), "must be a plain decimal number"),
        (minimal("quiet: 1:30"), "must be a plain decimal number, not '1:30'"),
        (minimal("quiet: -1"), "mirrors[0].quiet: must be from 0 to 3600, not -1 (line 5)"),
        (minimal("quiet: 1" + "0" * 400), "must be a plain decimal number"),
        (minimal("max_wait: 0.5"), "mirrors[0].max_wait: is 0.5, less than quiet (1)"),
        (minimal("reconcile_every: 0.2"), "write 0 for never"),
        (minimal("pace: 1.5"), "mirrors[0].pace: must be from 0 to 1, not 1.5"),
        (minimal("max_delete: {percent: 101}"), "mirrors[0].max_delete.percent: must be from 0 to 100, not 101"),
        (minimal("max_delete: {at_least: 1.5}"), "mirrors[0].max_delete.at_least: must be a whole number"),
        (minimal("max_delete: 25"), "mirrors[0].max_delete: must be a mapping"),
        (minimal("exclude: '*.swp'"), "mirrors[0].exclude: must be a list, not text: '*.swp'"),
        (minimal("exclude: ['']"), "mirrors[0].exclude[0]: must not be empty"),
        (minimal("exclude: ['/']"), "mirrors[0].exclude[0]: matches nothing"),
        (minimal('exclude: ["a\\0b"]'), "must not contain a NUL byte"),
        (minimal('exclude: ["\\ud800"]'), "no file name can hold"),
        (minimal("exclude: [1.5]"), "must be text (put it in quotes), not a number: '1.5'"),
        (minimal("name: other"), "mirrors[0].name: is given twice, the first time in line 3 (line 5)"),
        (
            minimal(source="data"),
            "mirrors[0].source: must be an absolute path, one that begins with /, not 'data' (line 4)",
        ),
        (minimal(source="/data/../etc"), "mirrors[0].source: must not contain .."),
        (minimal(source="//."), "mirrors[0].source: must not be /"),
        (minimal(top="log_level: loud"), "log_level: must be one of debug, info, warning, error, not 'loud' (line 1)"),
        (minimal(top="rsync: bin/rsync"), "rsync: must be an absolute path or a bare name"),
        (minimal(top="status: {listen: 8008}"), "status.listen: must be text"),
        (minimal(top="status: {listen: localhost}"), "status.listen: must be HOST:PORT"),
        (minimal(top="status: {listen: 'h:70000'}"), "status.listen: the port must be a number from 1 to 65535"),
        (
            minimal(top="status: {listen: '0.0.0.0:8008'}"),
            "status.listen: 0.0.0.0:8008 can be reached from other hosts",
        ),
        (minimal(top="status: {listen: '[::]:8008'}"), "so status.token_file is required; give one, or listen at"),
        (minimal(top="status: {listen: 'nfs01:8008'}"), "status.listen: nfs01:8008 can be reached from other hosts"),
        (minimal(top="status: {listen: 'unix:http.sock'}"), "status.listen: must be an absolute path"),
        (minimal(top=f"status: {{listen: 'unix:/{'s' * 120}'}}"), "status.listen: is longer than the 107 bytes"),
        (minimal(top="status: {token_file: token}"), "status.token_file: must be an absolute path"),
        (minimal(top="log_format: xml"), "log_format: must be one of text, json, not 'xml'"),
        (minimal(top="notify: {behnd: 1}"), "notify.behnd: is not a known key; did you mean behind?"),
        (minimal(top="notify: {behind: -1}"), "notify.behind: must be from 0 to"),
        (minimal(top="notify: {to: [{}]}"), "notify.to[0]: needs one of command"),
        (minimal(top="notify: {to: [{url: 'http://h/', command: [/x]}]}"), "notify.to[0]: needs one of command"),
        (minimal(top="notify: {to: [{command: /bin/x}]}"), "notify.to[0].command: must be a list"),
        (minimal(top="notify: {to: [{command: []}]}"), "notify.to[0].command: must name a program"),
        (minimal(top="notify: {to: [{command: [mail]}]}"), "notify.to[0].command[0]: must be the absolute path"),
        (minimal(top="notify: {to: [{command: [/x], token_file: /t}]}"), "token_file: is for url and url_file"),
        (minimal(top="notify: {to: [{url: 'ftp://h/'}]}"), "notify.to[0].url: must be http://HOST"),
        (minimal(top="notify: {to: [{url: 'http://u:p@h/'}]}"), "must not contain a user or password"),
        (minimal(top="notify: {to: [{url: 'http://h/a b'}]}"), "notify.to[0].url: must be http://HOST"),
        (minimal(top="notify: {to: [{url: 'http://h:x/'}]}"), "notify.to[0].url: is no URL"),
        (minimal(top="notify: {to: [{url_file: x}]}"), "notify.to[0].url_file: must be an absolute path"),
        (minimal(top="status: {listen: 'a b:80'}"), "is not the name or address of a host"),
        (minimal(top=f"status: {{socket: /{'s' * 120}}}"), "status.socket: is longer than the 107 bytes"),
        (
            minimal(top="state_dir: /data/state"),
            "state_dir: /data/state must not lie inside a source (mirrors[0].source)",
        ),
        (minimal(target="password_file: secret"), "password_file: must be an absolute path"),
        (minimal(target="password_file: /s"), "names no user for the password_file"),
        (minimal(url="rsync://u@h/m"), "names the user u, so password_file is required"),
        (minimal(url="file:///x", target="password_file: /s"), "a folder of this host needs no password"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_line(text: bytes, expected: str) -> None:
    assert any(expected in problem for problem in mistakes(text)), mistakes(text)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rsync://u:geheim@h/m", "must not contain a password"),
        ("http://h/x", "is not an address of a target"),
        ("h::m", "is not an address of a target"),
        ("rsync://h", "names no module"),
        ("rsync://h/", "names no module"),
        ("rsync:///m", "names no host"),
        ("rsync://h:0/m", "the port must be"),
        ("rsync://h:x/m", "the port must be"),
        ("rsync://-h/m", "is not the name or address of a host"),
        ("rsync://[::z]/m", "is not an IPv6 address"),
        ("rsync://::1/m", "is not a host with a port"),
        ("rsync://@h/m", "must not be empty nor contain"),
        ("rsync://h/m/../x", "nor .. in its path"),
        ("rsync://h/m/a*", "which the rsync daemon expands"),
        ("rsync://h/m\\n", "must not contain control characters"),
        ("file://h/x", "must have three slashes"),
        ("file:///", "must not be the root"),
        ("file:///a/../b", "must not contain .."),
    ],
)
def test_an_address_that_cannot_be_used_says_why(url: str, expected: str) -> None:
    problems = mistakes(minimal(url=url))
    assert any("mirrors[0].targets[0].url: " in problem and expected in problem for problem in problems), problems
    assert "geheim" not in str(problems)


def test_an_ipv6_address_and_an_at_sign_in_the_path_are_understood() -> None:
    target = parse(minimal(url="rsync://[fe80::1%eth0]:8873/m/a@b"), "x").mirrors[0].targets[0]
    assert (target.host, target.port, target.user, target.path) == ("fe80::1%eth0", 8873, None, "a@b")


def two(first: str, second: str, sources: tuple[str, str] = ("/a", "/b"), names: tuple[str, str] = ("a", "b")) -> bytes:
    lines = ["mirrors:"]
    for name, source, url in zip(names, sources, (first, second)):
        lines.append(f'  - {{name: {name}, source: {source}, targets: [{{url: "{url}"}}]}}')
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (two("rsync://h/1", "rsync://h/2", names=("a", "a")), "mirrors[1].name: a is the name of mirrors[0] already"),
        (two("rsync://h/1", "rsync://h/2", ("/a", "/a/")), "mirrors[1].source: /a is the source of mirrors[0] already"),
        (two("rsync://h/m", "rsync://H:873/m/"), "mirrors[1].targets[0].url: writes to the same path as mirrors[0]"),
        (two("rsync://h/m", "rsync://h/m/x"), "mirrors[1].targets[0].url: writes into the path of mirrors[0]"),
        (two("file:///x/y/z", "file:///x"), "mirrors[0].targets[0].url: writes into the path of mirrors[1]"),
        (two("file:///a/copy", "rsync://h/m"), "/a/copy and mirrors[0].source (/a) must not lie one in the other"),
        (two("rsync://h/m", "file:///a"), "mirrors[1].targets[0].url: /a and mirrors[0].source (/a)"),
        (two("file:///var/lib", "rsync://h/m"), "state_dir: /var/lib/lockstep must not lie inside a target"),
    ],
)
def test_mirrors_that_would_harm_each_other_are_refused(text: bytes, expected: str) -> None:
    assert any(expected in problem for problem in mistakes(text)), mistakes(text)


def test_neighbours_are_no_overlap() -> None:
    config = parse(two("rsync://h/m/ab", "rsync://h/m/a", ("/srv/a", "/srv/ab")), "x")
    assert len(config.mirrors) == 2
    parse(two("rsync://h:873/m", "rsync://h:874/m"), "x")
    parse(two("rsync://h/m", "rsync://h/n", ("/srv", "/srv/inner")), "x")


def test_all_mistakes_are_told_at_once() -> None:
    assert len(mistakes(minimal("quiet: x\n    pace: 7\n    delete: no way", target="rsync_options: [--inplace]"))) == 4


@pytest.mark.parametrize(
    "option",
    [
        *(
            "--inplace",
            "--ignore-errors",
            "--delete",
            "--delete-excluded",
            "--del",
            "--files-from=x",
            "-n",
            "--dry-run",
        ),
        *("--password-file=/x", "--remove-source-files", "-e", "--rsh=ssh", "--append", "--append-verify", "-R"),
        *("--no-relative", "-b", "--backup", "--backup-dir=x", "-aPn", "-zP", "-T/x", "-essh", "--partial", "-x", "-u"),
        *("--max-delete=3", "--exclude=*", "-f", "--link-dest=/x", "--no-times", "--size-only", "-M--fake-super"),
        *("--timeout=0", "--contimeout=0", "--bwlimit", "--bwlimit=", "--acls=1", "--chmod=a\nb", "--temp-dir=/tmp"),
        *(
            "--temp-dir=a/../..",
            "--",
            "-",
            "",
            "path",
            "host::module",
            "--bwlimit 5",
            "---x",
            "--config=/x",
            "--daemon",
        ),
    ],
)
def test_an_option_that_breaks_a_promise_is_refused_with_a_reason(option: str) -> None:
    assert config_options.problems(option)


@pytest.mark.parametrize(
    "option",
    [
        "-z",
        "-AX",
        "-zAXH46",
        "--acls",
        "--bwlimit=1.5m",
        "--timeout=60",
        "--chown=a:b",
        "--no-owner",
        "--temp-dir=.tmp",
    ],
)
def test_an_option_that_only_changes_how_data_travels_is_allowed(option: str) -> None:
    assert config_options.problems(option) == []


def test_each_letter_of_a_bundle_is_judged() -> None:
    (problem,) = mistakes(minimal(target="rsync_options: [-zPn]"))
    assert "-P is not allowed" in problem
    assert "-n is not allowed" in problem
    assert "-z " not in problem


def test_a_misspelt_option_brings_the_nearest() -> None:
    assert "did you mean --bwlimit?" in config_options.problems("--bwlimt=3")[0]


def test_load_reads_the_file_and_names_what_hinders_it(tmp_path: Path) -> None:
    path = tmp_path / "lockstep.yml"
    path.write_bytes(FULL)
    assert load(str(path)) == parse(FULL, str(path))
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(str(tmp_path / "missing"))
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(str(tmp_path))


def test_whoever_only_needs_the_types_does_not_load_yaml() -> None:
    source = Path(__file__).parents[3] / "roles/watcher/files"
    code = f"import sys; sys.path.insert(0, {str(source)!r}); import lockstep.config; sys.exit('yaml' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
