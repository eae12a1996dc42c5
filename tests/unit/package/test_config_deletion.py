"""What may be deleted, where it is kept, how much may go across and when: understood, or refused by its key."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from lockstep import preparing, rules
from lockstep.config import ConfigError, parse
from lockstep.config_deletion import Deletes
from lockstep.transfer.extras import Extras


def configured(**mirror: Any) -> Any:
    given = {"name": "data", "source": "/data", "targets": [{"url": "rsync://h/m", "rsync_options": ["-A"]}], **mirror}
    return parse(json.dumps({"mirrors": [given]}).encode(), "x.yml").mirrors[0]


def at(hour: int, minute: int = 0) -> time.struct_time:
    return time.struct_time((2026, 5, 4, hour, minute, 0, 0, 124, -1))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (True, Deletes(True, True, True)),
        (False, Deletes(False, False, False)),
        ("startup", Deletes(live=False, start=True, found=False)),
        ("running", Deletes(live=True, start=False, found=False)),
    ],
)
def test_each_mode_of_deletion_is_understood(given: Any, meant: Deletes) -> None:
    assert configured(delete=given).delete == meant
    assert bool(meant) is (given is not False)


def test_a_table_of_limits_holds_from_its_times_on_and_around_midnight() -> None:
    table = configured(bwlimit=[{"from": "18:00", "limit": "0"}, {"from": "08:30", "limit": "5.5m"}]).bandwidth
    assert [table.at(60 * hour + minute) for hour, minute in ((0, 0), (8, 29), (8, 30), (17, 59), (18, 0))] == [
        "", "", "5.5m", "5.5m", "",
    ]  # fmt: skip
    assert configured(bwlimit=500).bandwidth.at(0) == "500"
    assert configured(bwlimit="2g").bandwidth.at(1439) == "2g"
    assert configured(bwlimit=0).bandwidth.at(700) == ""
    assert configured().bandwidth.at(700) == ""


def test_options_follow_the_time_of_day_and_are_renewed_when_they_change() -> None:
    mirror = configured(bwlimit=[{"from": "08:00", "limit": 10}, {"from": "18:00", "limit": 20}],
                        backup_dir=".old/%Y-%m-%d", temp_dir=".tmp")  # fmt: skip
    extras = Extras(mirror, mirror.targets[0])
    extras.renew(at(9))
    assert extras.target().rsync_options == (
        "--bwlimit=10", "--backup", "--backup-dir=.old/2026-05-04", "--temp-dir=.tmp", "-A",
    )  # fmt: skip
    assert extras.target(True).rsync_options == ("--bwlimit=10", "-A")
    assert [extras.renew(at(17, 59)), extras.renew(at(18)), extras.renew(at(18, 1))] == [False, True, False]
    assert extras.target().rsync_options[0] == "--bwlimit=20"


def test_without_them_a_target_is_as_it_is_configured() -> None:
    mirror = configured()
    extras = Extras(mirror, mirror.targets[0])
    assert extras.target() is extras.target(True) is mirror.targets[0]
    assert not extras.renew()


def test_its_own_folders_are_kept_out_of_the_mirror_and_made_first() -> None:
    mirror = configured(backup_dir=".old/%Y", temp_dir=".tmp", exclude=["x"])
    filters = rules.of(mirror)
    assert filters.rsync_args() == [b"--filter=- /.old", b"--filter=- /.tmp", b"--filter=- x"]
    assert filters.hidden(b".old/2026/a", False)
    assert not filters.hidden(b"d/.old", True)
    assert rules.of(configured(backup_dir=".old", include=["*"])).excluded(b".old", True)
    assert preparing.folders(mirror) == [".tmp", ".old"]
    assert preparing.folders(configured()) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"delete": "start"}, "delete: must be one of true, false, startup, running, not 'start'"),
        ({"delete": "true"}, "delete: write true without quotes"),
        ({"delete": 1}, "delete: must be true or false"),
        ({"backup_dir": "/old"}, "backup_dir: must be a folder below the target's path"),
        ({"backup_dir": "../old"}, "must be a folder below the target's path"),
        ({"backup_dir": "%Y/old"}, "must begin with a part of letters, digits, . _ and -"),
        ({"temp_dir": "a/b"}, "temp_dir: must be one folder"),
        ({"temp_dir": ".old", "backup_dir": ".old/x"}, "temp_dir: must not be the folder of backup_dir"),
        ({"bwlimit": "fast"}, "bwlimit: must be KiB in a second"),
        ({"bwlimit": []}, "bwlimit: must not be empty"),
        ({"bwlimit": [{"from": "8", "limit": 1}]}, "bwlimit[0].from: must be a time of day in quotes"),
        ({"bwlimit": [{"from": 480, "limit": 1}]}, "bwlimit[0].from: must be text (put it in quotes)"),
        ({"bwlimit": [{"from": "08:00"}]}, "bwlimit[0].limit: is missing"),
        ({"bwlimit": [{"from": "08:00", "limit": 1}, {"from": "8:00", "limit": 2}]}, "begins when another one does"),
    ],
)
def test_a_mistake_is_named_with_its_key(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(**given)
    assert said in str(caught.value)
    assert len(caught.value.problems) == 1
