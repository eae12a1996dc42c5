"""Changes become batches that cannot cross each other, lose nothing, and end with the target equal to the source."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lockstep.batch
import lockstep.plan
from lockstep.batch import Batch
from lockstep.changes import (
    ATTRIBUTES,
    CONTENT,
    DIRECTORY_GONE,
    GONE,
    PERMITTED,
    STRUCTURE,
    SUBTREE,
    SUSPECT,
    Change,
    Changes,
    ancestors,
    parent_of,
)
from lockstep.look import UNREADABLE
from lockstep.plan import BULK, FRUITLESS, LOOK_AHEAD, Plan, Planner
from lockstep.transfer.command import Lane

ALL = frozenset(Lane)
Disk = dict[bytes, str]  # path → "d", or a file's content; what begins with ! is large, with @ is a link


def status(kind: str) -> os.stat_result:
    mode = stat.S_IFDIR if kind == "d" else stat.S_IFLNK if kind.startswith("@") else stat.S_IFREG
    size = BULK if kind.startswith("!") else 10
    return os.stat_result((mode | 0o644, 1, 1, 1, 0, 0, size, 0, 0, 0))


def looker(disk: Disk):
    return lambda path: status("d") if not path else status(disk[path]) if path in disk else None


def plan(changes: Changes, disk: Disk, under_way: tuple[Batch, ...] = (), free: frozenset[Lane] = ALL, **more) -> Plan:
    return Planner(changes, looker(disk), under_way, free, **{"bulk_slots": 2, **more}).run()


def noted(*items: tuple[bytes, int]) -> Changes:
    changes = Changes()
    for number, (path, flags) in enumerate(items):
        changes.note(path, flags, float(number))
    return changes


def lanes(found: Plan) -> dict[Lane, list[bytes]]:
    return {batch.lane: sorted(batch.items) for batch in found.batches}


def busy(lane: Lane, *paths: bytes, whole: bool = True) -> Batch:
    batch = Batch(lane)
    for path in paths:
        batch.take(path, Change(CONTENT, 0.0), whole)
    return batch


# ---------------------------------------------------------------- which lane


@pytest.mark.parametrize(
    ("flags", "kind", "lane"),
    [
        (CONTENT, "file", Lane.CONTENT),
        (ATTRIBUTES, "file", Lane.REST),
        (ATTRIBUTES | CONTENT, "file", Lane.CONTENT),
        (GONE, "file", Lane.CONTENT),  # gone and here again: another one
        (GONE | DIRECTORY_GONE, "file", Lane.REPLACE),
        (SUBTREE, "file", Lane.REPLACE),  # a directory when it was collapsed, a file now
        (CONTENT, "@link", Lane.CONTENT),
        (ATTRIBUTES, "d", Lane.REST),
        (ATTRIBUTES | STRUCTURE, "d", Lane.REST),
        (CONTENT, "d", Lane.REST),
    ],
)
def test_what_is_there_goes_through_its_lane(flags: int, kind: str, lane: Lane) -> None:
    changes = noted((b"x", flags))
    assert lanes(plan(changes, {b"x": kind})) == {lane: [b"x"]}
    assert len(changes) == 0


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        (ATTRIBUTES, True),  # what went in a directory touches it, and it may itself have gone unseen since
        (ATTRIBUTES | STRUCTURE, True),
        (GONE | STRUCTURE, True),
        (SUBTREE, True),
        (GONE | DIRECTORY_GONE, True),
        (GONE, False),
        (CONTENT, False),
        (CONTENT | ATTRIBUTES, False),
    ],
)
def test_what_is_missing_may_be_a_whole_tree_unless_it_was_seen_as_a_file(flags: int, asked: bool) -> None:
    (batch,) = plan(noted((b"d", flags)), {}).batches
    assert batch.lane is Lane.REMOVE
    assert bool(batch.items[b"d"].flags & DIRECTORY_GONE) is asked


@pytest.mark.parametrize("flags", [ATTRIBUTES, CONTENT, GONE, GONE | DIRECTORY_GONE, SUBTREE])
def test_what_is_missing_is_removed_whatever_was_seen_of_it(flags: int) -> None:
    changes = noted((b"x", flags))
    assert lanes(plan(changes, {})) == {Lane.REMOVE: [b"x"]}
    assert len(changes) == 0


def test_the_source_itself_has_a_lane_of_its_own() -> None:
    changes = noted((b"", ATTRIBUTES), (b"f", CONTENT))
    assert lanes(plan(changes, {b"f": "x"})) == {Lane.ROOT: [b""], Lane.CONTENT: [b"f"]}


def test_a_large_file_goes_alone_and_delays_nobody() -> None:
    changes = noted((b"big", CONTENT), (b"small", CONTENT), (b"large", ATTRIBUTES), (b"third", CONTENT))
    found = plan(changes, {b"big": "!", b"large": "!", b"third": "!", b"small": "x"})
    assert [(batch.bulk, batch.lane, list(batch.items)) for batch in found.batches] == [
        (True, Lane.CONTENT, [b"big"]),
        (False, Lane.CONTENT, [b"small"]),
        (True, Lane.REST, [b"large"]),
    ]
    assert list(changes.paths) == [b"third"]


def test_a_batch_is_limited_in_names_and_bytes() -> None:
    changes = noted(*((b"f%d" % n, CONTENT) for n in range(10)))
    found = plan(changes, {b"f%d" % n: "x" for n in range(10)}, max_names=3)
    assert lanes(found) == {Lane.CONTENT: [b"f0", b"f1", b"f2"]}
    found = plan(changes, {b"f%d" % n: "x" for n in range(10)}, max_bytes=25)
    assert lanes(found) == {Lane.CONTENT: [b"f3", b"f4", b"f5"]}
    assert len(changes) == 4


def test_without_deletion_what_is_missing_is_settled() -> None:
    changes = noted((b"x", GONE), (b"d/y", CONTENT))
    found = plan(changes, {}, delete=False)
    assert (found.batches, sorted(found.settled), len(changes)) == ([], [b"d/y", b"x"], 0)


def test_where_live_deletions_stay_those_that_a_comparison_found_go_and_no_more_than_these() -> None:
    changes = noted((b"found", GONE | PERMITTED), (b"seen", GONE), (b"d/found", GONE | PERMITTED))
    found = plan(changes, {}, delete=False, delete_permitted=True)
    assert lanes(found) == {Lane.REMOVE: [b"d/found", b"found"]}, "d as a whole is another deletion"
    assert found.settled == [b"seen"]
    assert len(changes) == 0


@pytest.mark.parametrize(("flags", "kind"), [(GONE, "d"), (GONE | STRUCTURE, "d"), (GONE | DIRECTORY_GONE, "file")])
def test_what_went_and_is_of_another_type_now_that_is_left_out_is_not_sent(flags: int, kind: str) -> None:
    changes = noted((b"x", flags), (b"y", GONE))
    found = plan(
        changes, {b"x": kind, b"y": "file"}, hidden=lambda path, is_dir: path == b"x" and is_dir == (kind == "d")
    )
    assert lanes(found) == {Lane.CONTENT: [b"y"]}
    assert (found.settled, len(changes)) == ([b"x"], 0)


def test_only_the_topmost_of_what_is_missing_is_listed_and_all_of_it_covered() -> None:
    changes = noted((b"d/e/f", GONE), (b"d/e", GONE | DIRECTORY_GONE), (b"d/g", CONTENT))
    (batch,) = plan(changes, {}).batches
    assert list(batch.listed) == [b"d"]
    assert batch.items[b"d"].flags & (GONE | DIRECTORY_GONE) == GONE | DIRECTORY_GONE
    assert batch.items[b"d"].since == 0.0
    assert batch.covered >= {b"d/e/f", b"d/e", b"d/g"}
    assert len(changes) == 0


def test_a_permit_for_one_deletion_does_not_permit_that_of_the_whole_directory() -> None:
    # d/f was counted and let through; then d went as well, with everything else in it
    (batch,) = plan(noted((b"d/f", GONE | PERMITTED)), {}).batches
    assert list(batch.items) == [b"d"]
    assert not batch.items[b"d"].flags & PERMITTED


def test_a_permit_for_a_directory_stays_one() -> None:
    (batch,) = plan(noted((b"d", GONE | PERMITTED)), {}).batches
    assert batch.items[b"d"].flags & PERMITTED


def test_a_permitted_directory_stays_so_when_its_permitted_files_are_folded_into_it() -> None:
    found = noted((b"d/f", GONE | PERMITTED), (b"d/g", GONE | PERMITTED), (b"d", GONE | PERMITTED))
    (batch,) = plan(found, {}).batches
    assert batch.items[b"d"].flags & PERMITTED


def test_what_is_joined_is_permitted_only_if_all_of_it_is() -> None:
    batch = Batch(Lane.REMOVE)
    batch.take(b"d", Change(GONE | PERMITTED, 1.0))
    batch.take(b"d", Change(GONE, 2.0))
    assert not batch.items[b"d"].flags & PERMITTED


def test_a_file_where_a_directory_was_is_sent_in_its_place() -> None:
    changes = noted((b"d/f", GONE))
    found = plan(changes, {b"d": "file"})
    assert (found.batches, found.settled) == ([], [b"d/f"])
    assert changes.paths[b"d"].flags == CONTENT | DIRECTORY_GONE  # what it deletes is to be asked about
    assert changes.paths[b"d"].since == 0.0
    assert found.again  # or it would wait for the next event, whenever that is
    assert not plan(noted((b"f", CONTENT)), {b"f": "file"}).again


@pytest.mark.parametrize("flags", [CONTENT, ATTRIBUTES, GONE, SUBTREE, GONE | DIRECTORY_GONE])
def test_what_stands_behind_a_link_is_neither_sent_nor_compared_nor_removed(flags: int) -> None:
    """A directory was deleted and a link made in its place: what was seen in it before is none of this source now."""
    behind = {b"d/x": "x", b"d/e": "d", b"d/e/f": "x"}
    for path in (b"d/x", b"d/e", b"d/e/f", b"d/e/gone"):
        changes = noted((path, flags), (b"other", CONTENT))
        found = plan(changes, {b"d": "@elsewhere", b"other": "x", **behind})
        assert (lanes(found), found.subtrees) == ({Lane.CONTENT: [b"other"]}, {})
        assert found.settled == [path]
        assert {name: change.flags for name, change in changes.paths.items()} == {b"d": CONTENT | DIRECTORY_GONE}


def test_what_cannot_be_looked_at_is_left_to_rsync_to_complain_of() -> None:
    changes = noted((b"d/e/f", CONTENT))
    found = Planner(changes, lambda path: UNREADABLE if path.startswith(b"d/e") else status("d"), [], ALL).run()
    assert lanes(found) == {Lane.CONTENT: [b"d/e/f"]}


def test_a_missing_source_is_told_and_nothing_is_deleted() -> None:
    changes = noted((b"x", GONE))
    found = Planner(changes, lambda path: None, [], ALL).run()
    assert found.root_missing
    assert found.batches == []
    assert list(changes.paths) == [b"x"]


def test_a_collapsed_directory_is_compared_and_not_sent_blindly() -> None:
    changes = noted((b"d", SUBTREE | SUSPECT))
    found = plan(changes, {b"d": "d"})
    assert found.subtrees[b"d"].flags == SUBTREE | SUSPECT
    assert (found.settled, found.batches, len(changes)) == ([b"d"], [], 0)


def test_a_directory_made_anew_is_made_and_compared() -> None:
    changes = noted((b"d", GONE | DIRECTORY_GONE | STRUCTURE | ATTRIBUTES))
    found = plan(changes, {b"d": "d"})
    assert b"d" in found.subtrees
    assert lanes(found) == {Lane.REST: [b"d"]}


def test_a_look_at_a_subtree_is_not_given_for_a_lane_that_is_taken() -> None:
    asked = []

    def look(path: bytes) -> Optional[os.stat_result]:
        asked.append(path)
        return status("x")

    Planner(noted((b"a", CONTENT), (b"b", ATTRIBUTES)), look, [], frozenset({Lane.REMOVE})).run()
    assert asked == []


def test_no_more_is_looked_at_in_one_go_than_fits() -> None:
    changes = Changes(limit=10**6)
    for number in range(LOOK_AHEAD + 10):
        changes.note(b"%d" % number, CONTENT, 0.0)
    asked = set()

    def look(path: bytes) -> Optional[os.stat_result]:
        asked.add(path)
        return status("x" if path else "d")

    Planner(changes, look, [], ALL, max_names=10**6).run()
    assert len(asked - {b""}) == LOOK_AHEAD
    assert len(changes) == 10


def test_what_waits_for_a_new_directory_does_not_keep_that_from_being_seen() -> None:
    """However much was deleted in the old one, noted before the new one was made."""
    changes = noted(*((b"d/%d" % n, GONE) for n in range(FRUITLESS + 10)), (b"d", GONE | STRUCTURE), (b"x", CONTENT))
    found = plan(changes, {b"d": "d", b"x": "x"}, (busy(Lane.CONTENT, b"elsewhere"),))
    assert lanes(found)[Lane.REST] == [b"d"]
    found = plan(changes, {b"d": "d", b"x": "x"})
    assert len(lanes(found)[Lane.REMOVE]) == FRUITLESS + 10


DEEP = 400  # levels: with what was passed looked at again for each, 80,000 steps


def shape(flags: int, kind: Optional[str]) -> tuple[list[tuple[bytes, int]], Disk]:
    """A chain of directories and, where `kind` is given, an entry in each that has changed (None: is missing)."""
    chain = [b"/".join([b"a"] * depth) for depth in range(1, DEEP + 1)]
    disk = dict.fromkeys(chain, "d")
    if kind == "d":
        return [(path, flags) for path in chain], disk
    if kind is not None:
        disk.update((path + b"/f", kind) for path in chain)
    return [(path + b"/f", flags) for path in chain], disk


@pytest.mark.parametrize(
    ("flags", "kind", "waits"),
    [
        (ATTRIBUTES, "d", False),
        (ATTRIBUTES | STRUCTURE, "d", False),
        (CONTENT, "x", False),
        (CONTENT, "x", True),
        (CONTENT, "!", False),
        (CONTENT, "!", True),
        (GONE, None, False),
        (GONE, None, True),
    ],
)
@pytest.mark.parametrize("deepest_first", [False, True])
def test_a_deep_tree_costs_a_few_steps_for_each_change(
    monkeypatch: pytest.MonkeyPatch, flags: int, kind: Optional[str], waits: bool, deepest_first: bool
) -> None:
    steps = 0

    def one_above(path: bytes) -> bytes:
        nonlocal steps
        steps += 1
        return parent_of(path)

    def all_above(path: bytes) -> Iterator[bytes]:
        while path:
            yield (path := one_above(path))

    for module in (lockstep.plan, lockstep.batch):
        monkeypatch.setattr(module, "ancestors", all_above)
        monkeypatch.setattr(module, "parent_of", one_above)
    items, disk = shape(flags, kind)
    changes = noted(*(reversed(items) if deepest_first else items))
    if waits:  # the topmost directory is to be made, and another batch has something in it
        changes.note(b"a", ATTRIBUTES | STRUCTURE, 0.0)
        disk[b"a/g"] = "x"
    before = busy(Lane.CONTENT, *([b"a/g"] if waits else [b"other"]))
    plan(changes, disk, (before,))
    assert steps < 40 * DEEP


def test_where_nothing_is_under_way_something_is_found_however_far_behind() -> None:
    """Or nothing would ever go again."""
    changes = noted(*((b"d/%d" % n, GONE) for n in range(FRUITLESS + 10)), (b"x", CONTENT))
    assert lanes(plan(changes, {b"d": "d", b"x": "x"}, structure=lambda path: path == b"d")) == {Lane.CONTENT: [b"x"]}


# ---------------------------------------------------------------- what waits for what


@pytest.mark.parametrize("path", [b"d", b"d/f", b"d/f/g"])
@pytest.mark.parametrize("kind", ["x", None], ids=["sent", "removed"])
def test_a_path_waits_for_what_is_under_way_at_it_above_or_below(path: bytes, kind: Optional[str]) -> None:
    changes = noted((path, CONTENT if kind else GONE), (b"other", CONTENT))
    disk = {b"d": "d", b"d/f": "d", b"other": "x", **({path: kind} if kind else {})}
    if kind is None:
        disk = {name: what for name, what in disk.items() if name != path and not name.startswith(path + b"/")}
    found = plan(changes, disk, (busy(Lane.REST, b"d/f"),), ALL)
    assert list(changes.paths) == [path]
    assert lanes(found) == {Lane.CONTENT: [b"other"]}


def test_attributes_of_a_directory_do_not_wait_for_what_is_below_it() -> None:
    found = plan(noted((b"d", ATTRIBUTES)), {b"d": "d"}, (busy(Lane.CONTENT, b"d/f"),), ALL - {Lane.CONTENT})
    assert lanes(found) == {Lane.REST: [b"d"]}


def test_what_is_in_a_new_directory_goes_with_it() -> None:
    changes = noted((b"d/f", CONTENT), (b"d", ATTRIBUTES | STRUCTURE), (b"d/e/g", CONTENT), (b"d/e", STRUCTURE))
    (batch,) = plan(changes, {b"d": "d", b"d/e": "d", b"d/f": "x", b"d/e/g": "x"}).batches
    assert set(batch.items) == {b"d", b"d/e", b"d/f", b"d/e/g"}


def test_what_is_in_a_new_directory_waits_while_that_is_under_way() -> None:
    changes = noted((b"d/f", ATTRIBUTES))
    assert plan(changes, {b"d": "d", b"d/f": "x"}, (busy(Lane.CONTENT, b"d"),), ALL - {Lane.CONTENT}).batches == []
    assert b"d/f" in changes.paths


def test_a_large_file_waits_for_its_new_directory() -> None:
    changes = noted((b"d/big", CONTENT), (b"d", STRUCTURE))
    found = plan(changes, {b"d": "d", b"d/big": "!"})
    assert lanes(found) == {Lane.REST: [b"d"]}
    assert list(changes.paths) == [b"d/big"]


def test_a_new_directory_that_waits_among_the_other_changes_goes_along_but_stays_there() -> None:
    changes = noted((b"d/f", CONTENT))
    found = plan(changes, {b"d": "d", b"d/f": "x"}, structure=lambda path: path == b"d")
    (batch,) = found.batches
    assert set(batch.listed) == {b"d", b"d/f"}
    assert set(batch.items) == {b"d/f"}


def test_the_directory_above_goes_along_for_its_times() -> None:
    changes = noted((b"d/f", CONTENT), (b"d", ATTRIBUTES))
    (batch,) = plan(changes, {b"d": "d", b"d/f": "x"}).batches
    assert batch.listed[b"d/f"]
    assert b"d" in batch.listed
    assert len(changes) == 0


@pytest.mark.parametrize(
    ("path", "kind", "flags"), [(b"f", "x", CONTENT), (b"d/big", "!", CONTENT), (b"d/gone", None, GONE)]
)
def test_where_the_directory_above_cannot_go_along_its_times_are_sent_afterwards(
    path: bytes, kind: Optional[str], flags: int
) -> None:
    (batch,) = plan(noted((path, flags)), {b"d": "d", **({path: kind} if kind else {})}).batches
    assert batch.stale == {parent_of(path)}
    assert list(batch.listed) == [path]


def test_two_batches_into_one_directory_both_send_its_times_again() -> None:
    first = busy(Lane.CONTENT, b"d/a")
    (second,) = plan(noted((b"d/b", ATTRIBUTES)), {b"d": "d", b"d/b": "x"}, (first,), ALL - {Lane.CONTENT}).batches
    assert b"d" in first.stale
    assert b"d" in second.stale


# ---------------------------------------------------------------- for any changes at all

NAMES = st.sampled_from([b"a", b"b", b"c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)
KINDS = st.sampled_from(["d", "d", "d", "x", "y", "!", "@"])
FLAGS = st.sets(
    st.sampled_from([ATTRIBUTES, CONTENT, GONE, DIRECTORY_GONE, STRUCTURE, SUBTREE, SUSPECT, PERMITTED]), min_size=1
).map(sum)


def rooted(found: dict[bytes, str]) -> Disk:
    """Only what hangs below directories."""
    disk: Disk = {}
    for path in sorted(found, key=lambda path: path.count(b"/")):
        if all(disk.get(above) == "d" for above in ancestors(path) if above):
            disk[path] = found[path]
    return disk


DISKS = st.dictionaries(PATHS, KINDS, max_size=14).map(rooted)
CHANGES = st.lists(st.tuples(st.one_of(PATHS, st.just(b"")), FLAGS), max_size=14, unique_by=lambda item: item[0])


def conflict(one: Batch, other: Batch) -> Optional[tuple[bytes, bytes]]:
    """By the rule in plan.py's words, told from what is listed alone."""
    for path, whole in one.listed.items():
        for path2, whole2 in other.listed.items():
            above = path != path2 and (not path or path2.startswith(path + b"/"))
            below = path != path2 and (not path2 or path.startswith(path2 + b"/"))
            if path == path2 or (above and whole) or (below and whole2):
                return path, path2
    return None


@st.composite
def batches_under_way(draw: st.DrawFn) -> list[Batch]:
    found: list[Batch] = []
    for lane in draw(st.sets(st.sampled_from([Lane.CONTENT, Lane.REST, Lane.REMOVE]))):
        batch = Batch(lane, bulk=draw(st.booleans()))
        for path, whole in draw(st.dictionaries(PATHS, st.booleans(), min_size=1, max_size=3)).items():
            trial = Batch(lane)
            trial.listed[path] = whole
            if not any(conflict(trial, other) for other in found):
                batch.take(path, Change(CONTENT, 0.0), whole)
        if batch.items:
            found.append(batch)
    return found


def no_two_conflict(batches: list[Batch]) -> None:
    for number, one in enumerate(batches):
        for other in batches[number + 1 :]:
            assert conflict(one, other) is None, (one, other)


@settings(max_examples=300, deadline=None)
@given(
    disk=DISKS,
    items=CHANGES,
    under_way=batches_under_way(),
    shut=st.sets(st.sampled_from(list(Lane))),
    bulk_slots=st.integers(0, 2),
    delete=st.booleans(),
    elsewhere=st.sets(PATHS, max_size=3),
    max_names=st.sampled_from([1, 2, 100]),
)
def test_nothing_is_lost_and_nothing_crosses(
    disk: Disk,
    items: list[tuple[bytes, int]],
    under_way: list[Batch],
    shut: set[Lane],
    bulk_slots: int,
    delete: bool,
    elsewhere: set[bytes],
    max_names: int,
) -> None:
    changes = noted(*items)
    free = ALL - shut - {batch.lane for batch in under_way if not batch.bulk}
    found = plan(
        changes, disk, tuple(under_way), frozenset(free), bulk_slots=bulk_slots, delete=delete,
        structure=elsewhere.__contains__, max_names=max_names,
    )  # fmt: skip
    no_two_conflict(under_way + found.batches)
    assert all(batch.lane in free for batch in found.batches if not (batch.bulk or batch.replaces))
    assert sum(batch.bulk for batch in found.batches) <= bulk_slots
    for batch in found.batches:
        assert batch.items
        assert set(batch.items) <= set(batch.listed)
        assert (b"" in batch.listed) == (batch.lane is Lane.ROOT)
    for number, (path, flags) in enumerate(items):
        holders = [batch for batch in found.batches if path in batch.items or path in batch.covered]
        kept = path in changes.paths
        assert kept or holders or path in found.subtrees or path in found.settled, path
        assert len(holders) <= 1
        if holders:
            stands_for = [change for at, change in holders[0].items.items() if at == path or path.startswith(at + b"/")]
            assert min(change.since for change in stands_for) <= number
            if path in holders[0].items and path not in found.subtrees:
                assert holders[0].items[path].flags & flags & ~(SUBTREE | PERMITTED) == flags & ~(SUBTREE | PERMITTED)
        elif kept and path not in found.subtrees:
            assert changes.paths[path].since <= number
            # a subtree that is no directory any more is a file to be sent
            assert (
                changes.paths[path].flags | (SUBTREE if changes.paths[path].flags & CONTENT else 0)
            ) & flags == flags


@settings(max_examples=300, deadline=None)
@given(disk=DISKS, items=CHANGES, elsewhere=st.sets(PATHS, max_size=2))
def test_only_what_is_missing_is_listed_for_removal(
    disk: Disk, items: list[tuple[bytes, int]], elsewhere: set[bytes]
) -> None:
    # were the source unmounted right after the look, all else that is listed would be deleted on the target
    found = plan(noted(*items), disk, structure=elsewhere.__contains__)
    for batch in found.batches:
        if batch.lane is Lane.REMOVE:
            assert [path for path in batch.listed if path in disk] == []


# ---------------------------------------------------------------- until nothing is left


def cut(disk: Disk, path: bytes) -> None:
    for name in [name for name in disk if name == path or name.startswith(path + b"/")]:
        del disk[name]


@dataclass
class Model:
    """What rsync's lanes do to a target, in the least favourable way that its manual allows."""

    source: Disk
    target: Disk = field(default_factory=dict)

    def apply(self, batch: Batch) -> None:
        for path in sorted(batch.listed, key=lambda path: path.count(b"/")):
            here = self.source.get(path)
            if not path:
                continue
            if here is None:
                if batch.lane is Lane.REMOVE:
                    cut(self.target, path)
                continue
            missing = [above for above in ancestors(path) if above and self.target.get(above) != "d"]
            assert missing == [], f"{path!r} is sent before the directories above it"
            there = self.target.get(path)
            if here == "d":
                if there != "d":
                    cut(self.target, path)
                    self.target[path] = "d"
            elif batch.lane is Lane.CONTENT or there is None or there == "d":
                cut(self.target, path)
                self.target[path] = here

    def differences(self, top: bytes) -> list[tuple[bytes, int]]:
        """What a comparison tells of everything at and below `top`, contents looked at."""
        mine, theirs = (
            {path: what for path, what in disk.items() if not top or path == top or path.startswith(top + b"/")}
            for disk in (self.source, self.target)
        )
        found = [(path, GONE | PERMITTED) for path in theirs if path not in mine]
        for path in sorted(mine):
            if mine[path] != theirs.get(path):
                found.append((path, ATTRIBUTES | STRUCTURE if mine[path] == "d" else CONTENT))
        return found


def events(old: Disk, new: Disk, moved: set[bytes]) -> list[tuple[bytes, int]]:
    """What is seen when one becomes the other; `moved`: directories that another one of the same name replaced."""
    found: list[tuple[bytes, int]] = []

    def under_moved(path: bytes) -> bool:
        return path in moved or any(above in moved for above in ancestors(path))

    for path in sorted(old):
        before, now = old[path], new.get(path)
        gone_above = any(old.get(above) == "d" and (above not in new or above in moved or new[above] != "d")
                         for above in ancestors(path) if above)  # fmt: skip
        if gone_above:
            continue  # went with its directory: no event of its own
        if now is None or (before == "d") != (now == "d") or path in moved:
            found.append((path, GONE | DIRECTORY_GONE if before == "d" else GONE))
    for path in sorted(new):
        before, now = old.get(path), new[path]
        if now == "d":
            if before != "d" or under_moved(path):
                found.append((path, ATTRIBUTES | STRUCTURE))
        elif before != now or under_moved(path):
            found.append((path, CONTENT))
    return found


@settings(max_examples=300, deadline=None)
@given(
    old=DISKS,
    new=DISKS,
    replaced=st.sets(PATHS, max_size=3),
    orders=st.randoms(use_true_random=False),
    max_names=st.sampled_from([1, 3, 100]),
)
def test_whatever_happened_the_target_ends_equal_in_a_few_rounds(
    old: Disk, new: Disk, replaced: set[bytes], orders, max_names: int
) -> None:
    moved = {path for path in replaced if old.get(path) == "d" and new.get(path) == "d"}
    model = Model(dict(new), dict(old))
    happened = events(old, new, moved)
    orders.shuffle(happened)
    changes = noted(*happened)
    under_way: list[Batch] = []
    for _ in range(300):
        free = ALL - {batch.lane for batch in under_way if not batch.bulk}
        found = plan(
            changes, model.source, tuple(under_way), frozenset(free), max_names=max_names,
            bulk_slots=2 - sum(batch.bulk for batch in under_way),
        )  # fmt: skip
        under_way += found.batches
        no_two_conflict(under_way)
        for top in found.subtrees:
            for path, flags in model.differences(top):
                changes.note(path, flags, 0.0)
        if not under_way and not changes.paths:
            break
        # any of them may end first
        if under_way and (not found.batches or orders.random() < 0.7):
            batch = under_way.pop(orders.randrange(len(under_way)))
            model.apply(batch)
            for path in batch.stale:
                changes.note(path, ATTRIBUTES, 0.0)
    assert not changes.paths
    assert not under_way
    assert model.target == model.source
