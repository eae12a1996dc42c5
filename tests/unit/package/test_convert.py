"""`lockstep convert`: configurations of sersync and lsyncd come to mirrors that say the same, or to a clear refusal.

Each file in corpus/ has a JSON beside it: the mirrors that it means, and the options of which a difference is told.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from lockstep import cli, config, config_ssh, convert, rules
from lockstep.config_deletion import MODES, Deletes
from lockstep.config_hooks import Hook, Stream
from lockstep.config_notify import Command
from lockstep.rules import Rule

SYNC = 'sync {{ default.rsync, source = "/data", target = "h::m", {} }}'
CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(path.name for path in CORPUS.iterdir() if path.suffix in (".xml", ".lua"))


def meant(name: str) -> dict[str, Any]:
    return dict(json.loads((CORPUS / name).with_suffix(".json").read_text()))


def hook_as_written(hook: Hook) -> dict[str, Any]:
    if isinstance(hook.to, Stream):
        return {"socket": f"{hook.to.host}:{hook.to.port}"}
    assert isinstance(hook.to, Command)
    return {
        "command": list(hook.to.argv),
        **({} if hook.retry else {"on_failure": "ignore"}),
        **({"include": [os.fsdecode(one) for one in hook.include]} if hook.include else {}),
    }


def mode(delete: Deletes) -> Any:
    return next((word for word, meant in MODES.items() if meant == delete), bool(delete))


def as_rules(given: tuple[Rule, ...]) -> list[str]:
    return [f"{'-' if rule.leaves_out else '+'} {os.fsdecode(rule.pattern)}" for rule in given]


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(convert.ConvertError) as caught:
        convert.convert(text.encode())
    return caught.value.problems


def test_the_corpus_is_large_enough_and_has_both_kinds() -> None:
    assert len(FILES) >= 20
    assert {Path(name).suffix for name in FILES} == {".xml", ".lua"}


@pytest.mark.parametrize("name", FILES)
def test_a_converted_configuration_means_what_it_said(name: str) -> None:
    """Read by the package itself: nothing in it is refused, and each mirror and target is the one that was meant."""
    found = convert.convert((CORPUS / name).read_bytes())
    wanted = meant(name)
    parsed = config.parse(convert.as_configuration(found).encode(), name)
    assert [
        {
            "name": mirror.name,
            "source": os.fsdecode(mirror.source),
            **({"exclude": [os.fsdecode(one) for one in mirror.exclude]} if mirror.exclude else {}),
            **({} if all(vars(mirror.delete).values()) else {"delete": mode(mirror.delete)}),
            **(
                {"reconcile_exclude": [os.fsdecode(one) for one in mirror.reconcile_exclude]}
                if mirror.reconcile_exclude
                else {}
            ),
            **({"one_file_system": True} if mirror.one_file_system else {}),
            **({"reconcile_every": mirror.reconcile_every} if mirror.reconcile_every != 86400 else {}),
            **({"hooks": [hook_as_written(hook) for hook in mirror.hooks]} if mirror.hooks else {}),
            **({"filter": as_rules(mirror.rules)} if mirror.rules else {}),
            **({"exclude_regex": list(map(os.fsdecode, mirror.expressions.exclude))} if mirror.expressions else {}),
            "targets": [
                {
                    "url": target.url,
                    **({"password_file": target.password_file} if target.password_file else {}),
                    **({"ssh_key": target.ssh.key} if target.ssh and target.ssh.key != config_ssh.KEY_FILE else {}),
                    **({"rsync_options": list(target.rsync_options)} if target.rsync_options else {}),
                }
                for target in mirror.targets
            ],
        }
        for mirror in parsed.mirrors
    ] == wanted["mirrors"]
    assert parsed.log_level == wanted.get("log_level", "info")
    assert parsed.rsync == wanted.get("rsync", parsed.rsync)


@pytest.mark.parametrize("name", FILES)
def test_each_difference_is_a_comment_that_names_the_option_and_its_line(name: str) -> None:
    found = convert.convert((CORPUS / name).read_bytes())
    assert sorted({note.option for note in found.all_notes()}) == meant(name)["told"]
    comments = " ".join(
        line.strip().lstrip("# ")
        for line in convert.as_configuration(found).splitlines()
        if line.strip().startswith("#")
    )
    lines = (CORPUS / name).read_bytes().count(b"\n") + 1
    for note in found.all_notes():
        assert 1 <= note.line <= lines
        assert " ".join(str(note).split()) in comments


@pytest.mark.parametrize("name", FILES)
def test_for_an_inventory_it_is_yaml_of_the_same_mirrors(name: str) -> None:
    found = convert.convert((CORPUS / name).read_bytes())
    read = yaml.safe_load(convert.as_configuration(found, inventory=True))
    assert (read["lockstep_mirrors"] or []) == meant(name)["inventory"]


def test_no_password_is_ever_printed() -> None:
    found = convert.convert((CORPUS / "sersync-refresh-cdn.xml").read_bytes())
    assert "never-to-be-printed" not in convert.as_configuration(found) + convert.as_configuration(
        found, inventory=True
    )


def test_a_name_with_a_line_end_cannot_leave_its_comment_or_its_quotes() -> None:
    text = SYNC.format('exclude = { "a\\nmirrors: []\\"" }, ["x\\ny: 1\u2028z: 2\x85a: 3"] = 1')
    found = convert.convert(text.encode())
    read = yaml.safe_load(convert.as_configuration(found))
    assert list(read) == ["mirrors"]
    assert read["mirrors"][0]["exclude"] == ['a\nmirrors: []"']


def test_every_character_comes_back_from_the_yaml_as_it_was() -> None:
    odd = "".join(chr(n) for n in (*range(1, 0x180), 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0x1F600))
    found = convert.Converted("test", [convert.Mirror("m", "/data", [convert.Target("rsync://h/m", "h", "m")], [odd])])
    assert yaml.safe_load(convert.as_configuration(found))["mirrors"][0]["exclude"] == [odd]


# ---------------------------------------------------------------------- what is refused

SHIPPED = (CORPUS / "sersync-as-shipped.xml").read_text()
PLUGIN = (CORPUS / "sersync-plugin-command.xml").read_text()
SOCKET = (CORPUS / "sersync-plugin-socket.xml").read_text()
LAUGHS = '<!DOCTYPE head [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>\n<head><debug start="&b;"/></head>'
OUTSIDE = '<?xml version="1.0"?>\n<!DOCTYPE head [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<head>&x;</head>'


@pytest.mark.parametrize("text", [LAUGHS, OUTSIDE, '<!DOCTYPE head SYSTEM "http://example.org/x.dtd">\n<head/>'])
def test_a_doctype_is_refused_before_any_entity_is_read(text: str) -> None:
    (problem,) = problems_of(text)
    assert "has a DOCTYPE, whose entities could stand for anything; remove it" in problem
    assert problem.startswith(f"line {text[: text.index('<!DOCTYPE')].count(chr(10)) + 1}: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SHIPPED[: len(SHIPPED) // 2], "is not well-formed XML: "),
        ("<head><sersync></head>", "line 1: is not well-formed XML: mismatched tag"),
        ("<head>&nbsp;</head>", "line 1: is not well-formed XML: undefined entity"),
        ("<html/>", "line 1: <html> is no confxml.xml of sersync"),
        ("<head/>", "line 1: has no <sersync>"),
        ("<head>\n<sersync/></head>", "line 2: has no <localpath watch=…>"),
        ("<head>" * 40 + "</head>" * 40, "more than 32 one in another"),
        ("<head>" + "<a/>" * 10_001 + "</head>", "has more than 10000 elements"),
        ("<head><!--" + "x" * 1024 * 1024 + "--></head>", "is larger than 1 MiB"),
        (
            SHIPPED.replace('watch="/opt/tongbu"', 'watch="opt"', 1),
            "line 23: localpath watch: must be an absolute path",
        ),
        (SHIPPED.replace(' ip="127.0.0.1"', ""), "line 24: remote: needs both ip and name"),
        (SHIPPED.replace("-artuz", "-artuzn"), "line 28: commonParams: -n: nothing was sent by it"),
        (SHIPPED.replace("-artuz", "-a 'x"), "is not a list of options: No closing quotation"),
        (
            SHIPPED.replace('crontab start="false" schedule="600"', 'crontab start="true" schedule="x"'),
            "crontab schedule",
        ),
        (
            SHIPPED.replace('<filter start="false">', '<filter start="true">').replace(r"(.*)\.gz", r"[[:alpha:]]\.gz"),
            "exclude",
        ),
        (PLUGIN.replace("/bin/sh", ""), "line 24: plugin command: has no prefix"),
        (PLUGIN.replace("/bin/sh", "'x"), "line 24: plugin command: prefix and suffix are not words of a command"),
        (PLUGIN.replace(r"(.*)\.php", "(a+b)*"), "line 26: include '(a+b)*': repeats something other than ."),
        (SOCKET.replace("8009", "80090"), "line 23: plugin socket: needs <deshost ip=… port=…>"),
        ('<?xml version="1.0" encoding="no-such"?>\n<head/>', "is not"),
    ],
)
def test_a_broken_confxml_is_refused_with_its_line_and_reason(text: str, said: str) -> None:
    assert any(said in problem for problem in problems_of(text)), problems_of(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("for i = 1, 3 do sync{} end", "line 1: for is code"),
        ("\n\nif x then y = 1 end", "line 3: if is code"),
        ("function f() end", "line 1: function is code"),
        ("local function f() end", "line 1: function is code"),
        ('os.execute("rm -rf /")', "line 1: os is code"),
        ('x = os.getenv("HOME")', "line 1: os.getenv(…) is code"),
        ('require "lsyncd"', "line 1: require is code"),
        ("x = 1 + 1", "line 1: '+' is code"),
        ("x = a and b", "line 1: a has no value"),
        ("x = 1 and 2", "line 1: and is code"),
        ("sync{ a = 1 or 2 }", "line 1: or is code"),
        ("x = function() end", "line 1: function is code"),
        ("x = #{}", "line 1: '#' is no value"),
        ("sync{ default.rsync, source = src }", "line 1: src has no value that is known here"),
        ("sync(default.rsync)", "line 1: sync must be given a table"),
        ("sync{ default.rsync, source = '/data'", "line 1: a table begins with { and does not end"),
        ("sync{ a = 1 b = 2 }", "line 1: 'b' stands where , or } must"),
        ('x = "no end', "line 1: a text begins with a quote and does not end"),
        ("--[[ no end", "line 1: a comment begins with [[ and does not end"),
        ("x = '\\200'", "line 1: \\2 in a text is not understood"),
        ("x = $", "line 1: '$' is no part of Lua"),
        ("x = " + "{" * 60, "more than 50 tables one in another"),
        ("x = {" + "1," * 50_001 + "}", "more than 50000 values"),
        ('a = "' + "x" * 1000 + '"\n' + "a = a .. a\n" * 20, "a text is longer than 65536 characters"),
        ("-- " + "x" * 1024 * 1024, "is larger than 1 MiB"),
        ("settings {}", "has no sync{…}"),
        ("", "has no sync{…}"),
        ("sync {}", "line 1: sync: has no layer"),
        ("bash = { onCreate = 'touch ^target' }\nsync{ bash, source = '/a' }", "line 2: sync: a layer of one's own"),
        ("sync { default.nonsense, source = '/a' }", "line 1: sync: default.nonsense is not converted"),
        ("sync { default.rsync, target = 'h::m' }", "line 1: sync source: is missing"),
        ("sync { default.rsync, source = 'data', target = 'h::m' }", "must be an absolute path, not 'data'"),
        ("sync { default.rsync, source = '/a', target = 'nowhere' }", "'nowhere' is neither a path"),
        ("sync { default.rsyncssh, source = '/a', host = 'h', targetdir = 'b' }", "counts from a user's home"),
        (SYNC.format("delete = 'never'"), "sync delete: must be true, false, 'startup' or 'running'"),
        (SYNC.format("onCreate = 'touch'"), "sync onCreate: is an action of one's own"),
        (SYNC.format("tunnel = 'ssh -N'"), "sync tunnel: is a command of one's own"),
        (SYNC.format("rsync = { dry_run = true }"), "rsync dry_run: --dry-run: nothing was sent by it"),
        (SYNC.format("rsync = { _extra = 'x' }"), "rsync _extra: must be a list of texts"),
        (SYNC.format("rsync = { bwlimit = {} }"), "rsync bwlimit: must be true, false, a text or a number"),
        (SYNC.format("filter = { 'merge x' }"), "'merge x' is no rule that includes or excludes a pattern"),
        (SYNC.format("excludeFrom = '/etc/x'"), "/etc/x is not at hand here"),
        (SYNC.format("exclude = 7"), "sync exclude: must be a list of texts"),
        (SYNC.format("delete = false") + "\n" + SYNC.format(""), "line 2: sync: its source /data is mirrored already"),
        ("\xff", "is no part of Lua"),
    ],
)
def test_lua_that_is_code_or_wrong_is_refused_with_its_line_and_reason(text: str, said: str) -> None:
    assert any(said in problem for problem in problems_of(text)), problems_of(text)


def test_what_is_wrong_in_several_syncs_is_told_at_once() -> None:
    assert len(problems_of("sync{}\nsync{ default.rsync }\nsync{ default.direct, source = '/a' }")) == 3


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    with pytest.raises(convert.ConvertError) as caught:
        convert.convert(b"-- a\n-- \xff\n")
    assert caught.value.problems == ("line 2: is not UTF-8 text",)


# ---------------------------------------------------------------------- the command


def test_the_command_prints_what_the_package_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["convert", str(CORPUS / "lsyncd-daemon.lua")]) == 0
    parsed = config.parse(capsys.readouterr().out.encode(), "x")
    assert parsed.mirrors[0].name == "backup"
    assert cli.main(["convert", "--inventory", str(CORPUS / "sersync-guides.xml")]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["lockstep_mirrors"][0]["path"] == "/backup"


def test_the_command_reads_the_files_of_exclude_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "patterns").write_text("# not this\n*.iso\n- /tmp/\n\n; nor this\n")
    (tmp_path / "l.lua").write_text(SYNC.format(f"excludeFrom = '{tmp_path}/patterns'"))
    assert cli.main(["convert", str(tmp_path / "l.lua")]) == 0
    assert config.parse(capsys.readouterr().out.encode(), "x").mirrors[0].exclude == (b"*.iso", b"/tmp/")


def test_the_command_tells_each_mistake_and_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "l.lua").write_text("while true do end")
    assert cli.main(["convert", str(tmp_path / "l.lua")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"lockstep: {tmp_path}/l.lua: line 1: while is code")
    assert said.out == ""


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["convert", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err == f"lockstep: {tmp_path}/none: No such file or directory\n"


def test_an_expression_that_no_pattern_can_say_stays_one() -> None:
    text = SHIPPED.replace('<filter start="false">', '<filter start="true">').replace(r"(.*)\.gz", r"(ab)+\.gz")
    found = convert.convert(text.encode())
    assert found.mirrors[0].exclude_regex == [r"^(?:(ab)+\.gz)$"]
    (mirror,) = config.parse(convert.as_configuration(found).encode(), "x").mirrors
    filters = rules.of(mirror)
    assert [filters.excluded(path, False) for path in (b"abab.gz", b"xab.gz", b"d/ab.gz")] == [True, False, False]


def test_rules_that_include_stay_in_their_order() -> None:
    text = SYNC.format("filter = { '+ *.jpg', '- *' }, exclude = 'x'")
    (mirror,) = config.parse(convert.as_configuration(convert.convert(text.encode())).encode(), "x").mirrors
    assert as_rules(mirror.rules) == ["+ *.jpg", "- *", "- x"]


RSYNCSSH = "sync {{ default.rsyncssh, source = '/a', host = '{}', targetdir = '{}', {} }}"


@pytest.mark.parametrize(
    ("text", "url", "key"),
    [
        (RSYNCSSH.format("web", "/srv/www", ""), "ssh://root@web/srv/www", None),
        (RSYNCSSH.format("u@web", "/s w", "ssh = { port = 2222 }"), "ssh://u@web:2222/s w", None),
        (RSYNCSSH.format("web", "/s", "ssh = { identityFile = '/k' }"), "ssh://root@web/s", "/k"),
        (RSYNCSSH.format("web", "/s", "rsync = { rsh = 'ssh -p22022 -l u -i /k' }"), "ssh://u@web:22022/s", "/k"),
        (SYNC.format("").replace("h::m", "u@web:/srv"), "ssh://u@web/srv", None),
    ],
)
def test_a_target_of_lsyncd_over_ssh_stays_one(text: str, url: str, key: str | None) -> None:
    found = convert.convert(text.encode())
    (target,) = config.parse(convert.as_configuration(found).encode(), "x").mirrors[0].targets
    assert target.url == url
    assert target.ssh is not None
    assert target.ssh.key == (key or config_ssh.KEY_FILE)
    inventory = yaml.safe_load(convert.as_configuration(found, inventory=True))["lockstep_mirrors"]
    assert inventory[0]["targets"] == [{"host": "web", "transport": "ssh"}]
    assert inventory[0]["path"].startswith("/s")


CONFXML = """<head><sersync><localpath watch="/data"><remote ip="10.0.0.9" name="{}"/></localpath>
<rsync><commonParams params="{}"/><ssh start="true"/></rsync></sersync></head>"""


@pytest.mark.parametrize(
    ("name", "params", "url"),
    [
        ("/srv/www", "-artuz", "ssh://root@10.0.0.9/srv/www"),
        ("u@10.0.0.9:/srv/www", "-artuz", "ssh://u@10.0.0.9/srv/www"),
        ("/srv/www", "-artuz -e 'ssh -p 2222 -l u'", "ssh://u@10.0.0.9:2222/srv/www"),
    ],
)
def test_a_target_of_sersync_over_ssh_stays_one(name: str, params: str, url: str) -> None:
    found = convert.convert(CONFXML.format(name, params).encode())
    (target,) = config.parse(convert.as_configuration(found).encode(), "x").mirrors[0].targets
    assert target.url == url
    assert convert.as_inventory(found, {}, {})[0]["targets"] == [{"host": "10.0.0.9", "transport": "ssh"}]


def test_options_for_daemons_alone_are_left_out_over_ssh() -> None:
    rsync = "rsync = { protect_args = true, _extra = { '--contimeout=5', '--bwlimit=9' } }"
    found = convert.convert(RSYNCSSH.format("web", "/s", rsync).encode())
    assert found.mirrors[0].rsync_options == ["--bwlimit=9"]
    config.parse(convert.as_configuration(found).encode(), "x")
    assert {"rsync -s", "rsync --contimeout=5"} <= {note.option for note in found.all_notes()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RSYNCSSH.format("web", "relative", ""), "counts from a user's home"),
        (RSYNCSSH.format("web", "/a*", ""), "which rsync expands at the other end"),
        (RSYNCSSH.format("-oProxyCommand=x@web", "/a", ""), "the user '-oProxyCommand=x' must be of letters"),
        (RSYNCSSH.format("web", "/", ""), "must be a directory"),
        (CONFXML.format("relative", "-a"), "counts from a user's home"),
    ],
)
def test_a_target_over_ssh_that_cannot_be_one_here_is_refused(text: str, said: str) -> None:
    assert any(said in problem for problem in problems_of(text))
