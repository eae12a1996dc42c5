"""Who is woken: for trouble that lasts, once, and again when it is over."""

from __future__ import annotations

from lockstep.notify.watch import Standing, Watch


def at(state: str, since: float, target: str = "t", lag: float = 0.0) -> Standing:
    return Standing("data", target, state, f"why {state}", since, lag)


def events(watch: Watch, now: float, *targets: Standing) -> list[tuple[str, str | None]]:
    return [(news.event, news.before) for news in watch.look(targets, now)]


def test_what_is_behind_or_down_only_for_a_moment_is_nobodys_business() -> None:
    watch = Watch(behind=60.0, down=10.0)
    for state, now in (("down", 109.9), ("behind", 159.9), ("reconciling", 9e9), ("starting", 9e9), ("paused", 9e9)):
        assert events(watch, now, at(state, 100.0)) == []
    assert events(watch, 200.0, at("live", 200.0)) == []


def test_trouble_is_told_once_and_its_end_too() -> None:
    watch = Watch(behind=60.0, down=10.0)
    assert events(watch, 110.0, at("down", 100.0)) == [("down", None)]
    assert events(watch, 500.0, at("down", 100.0)) == []
    assert events(watch, 501.0, at("reconciling", 501.0)) == []
    assert events(watch, 510.0, at("live", 510.0)) == [("cured", "down")]
    assert events(watch, 511.0, at("live", 510.0)) == []


def test_held_is_told_at_once() -> None:
    assert events(Watch(60.0, 10.0), 100.0, at("held", 100.0)) == [("held", None)]


def test_worse_trouble_is_told_too_and_what_returns_in_between_is_not() -> None:
    watch = Watch(60.0, 10.0)
    assert events(watch, 160.0, at("behind", 100.0)) == [("behind", None)]
    assert events(watch, 200.0, at("down", 170.0)) == [("down", "behind")]
    assert events(watch, 210.0, at("behind", 205.0)) == []
    assert events(watch, 220.0, at("down", 210.0)) == []
    assert events(watch, 230.0, at("live", 230.0)) == [("cured", "down")]


def test_each_target_is_told_of_by_itself_and_one_that_is_configured_no_more_is_forgotten() -> None:
    watch = Watch(60.0, 10.0)
    assert events(watch, 200.0, at("down", 100.0, "a"), at("live", 100.0, "b")) == [("down", None)]
    assert events(watch, 201.0, at("down", 100.0, "a"), at("held", 201.0, "b")) == [("held", None)]
    assert events(watch, 202.0, at("held", 201.0, "b")) == []
    assert events(watch, 203.0, at("live", 203.0, "a"), at("held", 201.0, "b")) == []


def test_what_an_earlier_run_told_is_not_told_again_and_its_cure_is() -> None:
    first = Watch(60.0, 10.0)
    first.look([at("held", 1.0)], 2.0)
    second = Watch(60.0, 10.0, first.told)
    assert events(second, 3.0, at("held", 3.0)) == []
    assert events(second, 4.0, at("live", 4.0)) == [("cured", "held")]


def test_it_says_what_a_person_wants_to_hear() -> None:
    watch = Watch(60.0, 10.0)
    (down,) = watch.look([at("down", 100.0, lag=12.0)], 120.0)
    (cured,) = watch.look([at("live", 130.0)], 130.0)
    assert down.sentence() == "data on t is down: why down"
    assert cured.sentence() == "data on t is in step again"
    assert down.to_json() == {
        "event": "down", "before": None, "at": 120.0, "mirror": "data", "target": "t", "state": "down",
        "reason": "why down", "since": 100.0, "lag": 12.0,
    }  # fmt: skip
