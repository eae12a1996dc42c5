"""docs/coming-from.md: no cell is empty, each test it names exists, no option of the other systems is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/coming-from.md").read_text()

# What they have, by section of the document.
OPTIONS = {
    "sersync": """
        host debug fileSystem filter exclude delete createFolder createFile closeWrite moveFrom moveTo attrib
        modify localpath remote commonParams auth users passwordfile userDefinedPort timeout ssh failLog
        timeToExecute crontab schedule crontabfilter plugin command prefix suffix ignoreError include socket
        deshost refreshCDN cdninfo sendurl regexurl http -d -r -o -n -m -h
    """,
    "lsyncd": """
        logfile logfacility logident pidfile statusFile statusInterval nodaemon onepass insist inotifyMode
        maxProcesses maxDelays source target delay init full crontab exitcodes exclude excludeFrom filter
        filterFrom delete batchSizeLimit tunnel onAttrib onCreate onModify onDelete onMove onStartup onFull
        default.rsync default.rsyncssh default.direct host targetdir archive acls append backup backup_dir
        bwlimit checksum chmod chown compress copy_links cvs_exclude delete_excluded dry_run hard_links inplace
        one_file_system owner group perms password_file protect_args rsh sparse temp_dir timeout update usermap
        groupmap whole_file xattrs _extra
    """,
    "inotifywait and inotifywatch": """
        -m -d -r -q -qq -o -s -P -c -t -e --exclude --excludei --include --includei @file --fromfile --format
        --timefmt --no-newline -v -z -a fsnotifywait
    """,
    "The guides' rsync daemon": """
        uid gid chroot connections timeout pid lock log errors read write list allow deny auth secrets port
        address super path comment
    """,
    "What the guides put around it": """
        xinetd init nohup cron rc.local /proc
    """,
}


def sections() -> dict[str, list[list[str]]]:
    """The rows of the tables below each heading of the second level."""
    found: dict[str, list[list[str]]] = {}
    for part in re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)[1:]:
        lines = [line for line in part.splitlines() if line.startswith("|")]
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        found[part.splitlines()[0]] = [row for row in rows if row[1] != "here" and set(row[0]) != {"-"}]
    return found


ROWS = [(section, row) for section, rows in sections().items() for row in rows]


def existing() -> set[str]:
    files = (
        path for folder in ("unit", "system", "e2e", "migrate") for path in (ROOT / "tests" / folder).rglob("test_*.py")
    )
    return {
        name for path in files for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def test_every_row_has_three_cells_and_none_is_empty() -> None:
    assert len(ROWS) > 120
    assert [row for _section, row in ROWS if len(row) != 3 or not all(row)] == []


def test_every_row_is_proven_or_says_why_not() -> None:
    wrong = [row for _section, row in ROWS if not re.match(r"`test_\w+`$|not taken over: .", row[2])]
    assert wrong == []


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT))
    assert len(named) > 50
    assert named - existing() == set()


@pytest.mark.parametrize("section", OPTIONS)
def test_every_option_of_the_other_systems_has_its_row(section: str) -> None:
    words = {word for row in sections()[section] for word in re.findall(r"[@/]?-{0,2}[\w./]*\w(?:-\w+)*", row[0])}
    assert set(OPTIONS[section].split()) - words == set()
