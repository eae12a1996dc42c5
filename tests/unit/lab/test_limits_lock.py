"""While one lab sees that nothing sets the kernel's limits, no other one may; else as many may as there are."""

from __future__ import annotations

import threading

import limits_lock


def _begins(lock: limits_lock.Lock, waits_for: threading.Event) -> bool:
    """Whether someone else comes in within a moment; `waits_for` is set once they do."""

    def enter() -> None:
        with lock():
            waits_for.set()

    threading.Thread(target=enter, daemon=True).start()
    return waits_for.wait(0.3)


def test_many_may_change_them_at_a_time() -> None:
    with limits_lock.may_change():
        assert _begins(limits_lock.may_change, threading.Event())


def test_nobody_changes_them_while_somebody_looks() -> None:
    came = threading.Event()
    with limits_lock.unchanged():
        assert not _begins(limits_lock.may_change, came)
    assert came.wait(10), "the lock is given back"


def test_nobody_looks_while_somebody_changes_them() -> None:
    came = threading.Event()
    with limits_lock.may_change():
        assert not _begins(limits_lock.unchanged, came)
    assert came.wait(10), "the lock is given back"
