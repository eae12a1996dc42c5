"""What a comparison on schedule leaves out is neither sent nor deleted by it, and by everything else it is."""

from __future__ import annotations

from conftest import Rig
from rig import wait_for


def compared(rig: Rig, times: int = 2) -> None:
    """So many more comparisons began and ended."""
    for _ in range(times):
        before = rig.watcher.target()["reconcile"]["started"]
        wait_for(lambda before=before: rig.watcher.target()["reconcile"]["started"] != before, 30, "a comparison")
    rig.watcher.wait_in_step()


def test_a_comparison_on_schedule_neither_sends_nor_deletes_what_it_leaves_out(rig: Rig) -> None:
    """C5: only on the target, only changed there, and in a directory that the source has no more."""
    (rig.source / "d").mkdir()
    for name in ("a.tmp", "d/b.tmp", "d/c"):
        (rig.source / name).write_text(name)
    rig.start(reconcile_exclude=["*.tmp"], reconcile_every=1)
    rig.equal()
    made = rig.target.with_name("made")
    made.mkdir()
    for name in ("kept.tmp", "other"):
        (made / name).write_text("of somebody else")
    made.rename(rig.target / "gone")  # whole, or a comparison might see it empty
    for name in ("a.tmp", "d/c", "d/only.tmp", "unknown"):
        (rig.target / name).write_text("of somebody else")
    rig.become_equal(b"a.tmp", b"d/only.tmp", b"gone")
    wait_for(lambda: not (rig.target / "gone/other").exists(), 30, "the deletion of what is not left out")
    compared(rig)
    for name in ("a.tmp", "d/only.tmp", "gone/kept.tmp"):
        assert (rig.target / name).read_text() == "of somebody else"


def test_live_changes_and_comparisons_for_other_reasons_leave_out_nothing_of_it(rig: Rig) -> None:
    (rig.source / "d").mkdir()
    rig.start(reconcile_exclude=["*.tmp"], reconcile_every=3600)
    rig.equal()
    for name in ("a.tmp", "d/b.tmp"):
        (rig.source / name).write_text(name)
    rig.equal()
    (rig.source / "a.tmp").unlink()
    (rig.source / "d" / "b.tmp").unlink()
    (rig.source / "d").rmdir()
    rig.equal()
    (rig.target / "of-nobody.tmp").write_text("x")
    assert rig.watcher.ask(command="resync", mirror="data")["ok"]
    rig.equal()
    (rig.target / "of-nobody.tmp").write_text("x")
    rig.watcher.stop()
    (rig.source / "while-down.tmp").write_text("x")
    rig.watcher.start()
    rig.equal()
