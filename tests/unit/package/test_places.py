"""The compact map of watched directories is a map, and gives back what it does not need."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from lockstep.source.places import Places

WDS = st.one_of(st.integers(0, 300), st.integers(0, 2**31 - 1))
STEPS = st.lists(st.tuples(st.sampled_from(["put", "put", "remove"]), WDS, WDS, st.binary(max_size=3)), max_size=60)


@given(steps=STEPS)
def test_it_is_what_a_dictionary_would_be(steps: list[tuple[str, int, int, bytes]]) -> None:
    places, model = Places(), {}
    for what, wd, parent, name in steps:
        if what == "put":
            places.put(wd, parent, name)
            model[wd] = (parent, name)
        else:
            places.remove(wd)
            model.pop(wd, None)
        assert len(places) == len(model)
        assert places.get(wd) == model.get(wd)
        assert (wd in places) == (wd in model)
    assert sorted(places) == sorted(model)
    assert all(places.get(wd) == place for wd, place in model.items())


def test_what_the_kernel_says_of_no_watch_at_all_is_unknown() -> None:
    places = Places()
    assert -1 not in places
    assert places.get(-1) is None
    places.remove(-1)


def test_directories_that_come_and_go_for_years_take_no_room() -> None:
    places = Places()
    for wd in range(1, 100_000):
        places.put(wd, 1, b"d")
        if wd > 10:
            places.remove(wd - 10)
    assert len(places) == 10
    assert len(places._pages) <= 2


def test_a_directory_that_stays_among_many_that_come_and_go_does_not_keep_the_room_of_all() -> None:
    """One of a hundred stays: each has a page for itself in the end."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        places = Places()
        for wd in range(1, 200_000):
            places.put(wd, 1, b"d")
            if wd % 100:
                places.remove(wd)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(places) == 1_999
    assert taken / len(places) < 300
    assert all(places.get(wd) == (1, b"d") for wd in range(100, 200_000, 100))
    for wd in list(places):
        places.remove(wd)
    assert (len(places), places._pages, places._few) == (0, {}, {})
