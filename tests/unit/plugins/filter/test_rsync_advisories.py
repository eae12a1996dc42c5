"""Which weaknesses a version of rsync is known for."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.rsync_advisories import rsync_advisories


@pytest.mark.parametrize(
    ("version", "releases"),
    [
        ("3.2.7", ["3.4.0", "3.4.3", "3.5.0"]),
        ("3.4.0", ["3.4.3", "3.5.0"]),
        ("3.4.1", ["3.4.3", "3.5.0"]),
        ("3.4.4", ["3.5.0"]),
        ("3.5.0pre1", ["3.5.0"]),
        ("3.5.0", []),
        ("3.10.0", []),
    ],
)
def test_the_releases_that_came_later_and_mend_something_are_named(version, releases):
    assert [advisory["release"] for advisory in rsync_advisories(version)] == releases


def test_each_has_its_numbers_and_says_what_it_is_about():
    found = rsync_advisories("3.2.0")
    numbers = [number for advisory in found for number in advisory["cves"]]
    assert len({*numbers}) == len(numbers) > 20
    assert all(number.startswith("CVE-20") for number in numbers)
    assert all(advisory["about"] for advisory in found)


@pytest.mark.parametrize("version", ["", "0", "rsync", None, 3.2])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(AnsibleFilterError, match="no version of rsync"):
        rsync_advisories(version)
