"""What a page and a terminal say of the status document, in words.

Whatever is in the document may come from a file's name: words.plain makes it printable, the page escapes it once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lockstep.status.words import duration, plain, plural, size

CERTIFICATE_SOON = 30 * 86400.0  # seconds

Document = dict[str, Any]
Fact = tuple[str, str]

_KIND = {"live": "good", "reconciling": "busy", "starting": "busy", "paused": "idle"}


def kind(state: object) -> str:
    """good, busy, idle or bad: how a state is to look."""
    return _KIND.get(str(state), "bad")


def pairs(status: Document) -> list[tuple[Document, Document]]:
    """Every mirror with each of its targets."""
    return [(mirror, target) for mirror in status.get("mirrors") or () for target in mirror.get("targets") or ()]


def headline(status: Document) -> str:
    """One sentence: is all in step, and if not, what is not."""
    found = pairs(status)
    bad = [(mirror, target) for mirror, target in found if target.get("state") != "live"]
    config = (status.get("config") or {}).get("error")
    if not found:
        return "There is no mirror."
    if not bad and (drifted := [pair for pair in found if drift(pair[1])]):
        mirror, target = drifted[0]
        more = f", and on {plural(len(drifted) - 1, 'more target')}" if len(drifted) > 1 else ""
        return f"An audit found drift: {plain(mirror.get('name'))} on {plain(target.get('name'))}{more}."
    if not bad:
        return "All is in step, but the configuration on disk has a mistake." if config else "All is in step."
    mirror, target = max(bad, key=lambda pair: _badness(pair[1]))
    more = f", and {plural(len(bad) - 1, 'more target')} not in step" if len(bad) > 1 else ""
    return f"{plain(mirror.get('name'))} on {plain(target.get('name'))} is {plain(target.get('state'))}{more}."


def _badness(target: Document) -> int:
    return ("good", "busy", "idle", "bad").index(kind(target.get("state")))


def summary(status: Document) -> str:
    found = pairs(status)
    mirrors = len(status.get("mirrors") or ())
    return f"{plural(mirrors, 'mirror')}, {plural(len(found), 'target')}"


def age(status: Document, at: float | None) -> str:
    """How long ago a moment was."""
    return "never" if at is None else f"{duration(max(0.0, (status.get('now') or at) - at))} ago"


def lasted(status: Document, of: Document) -> str:
    """For how long it has been in its state."""
    since = of.get("since")
    return duration(max(0.0, (status.get("now") or since) - since)) if since else ""


def outstanding(target: Document) -> int:
    return int(target.get("pending") or 0) + int(target.get("in_flight") or 0)


def rate(target: Document) -> str:
    found = target.get("rate")
    if not found:
        return "not known yet"
    if not found.get("names"):
        return "0/s"
    names = found["names"]
    return (
        f"{names:,.0f}/s, {size(found.get('bytes') or 0)}/s"
        if names >= 10
        else (f"{names:.1f}/s, {size(found.get('bytes') or 0)}/s")
    )


def typical(target: Document) -> str:
    """Within what time most changes were confirmed, as closely as the histogram's bounds tell."""
    found = target.get("lag_histogram")
    total = sum(found["counts"]) if found else 0
    if not found or not total:
        return ""
    said = []
    for share, word in ((0.5, "half"), (0.99, "99 of 100")):
        within = 0
        for bound, count in zip(found["bounds"], found["counts"]):
            within += count
            if within >= share * total:
                said.append(f"{word} within {duration(bound)}")
                break
        else:
            said.append(f"{word} not within {duration(found['bounds'][-1])}")
    return ", ".join(said)


def watches(status: Document) -> str:
    found = status.get("watches") or {}
    used, allowed = found.get("used") or 0, found.get("allowed")
    if not allowed:
        return f"{used:,}"
    share = 100 * used / allowed
    return f"{used:,} of {allowed:,} ({share:.0f} %)" if share >= 1 or not used else f"{used:,} of {allowed:,}"


def reconcile(status: Document, target: Document) -> str:
    """How far it is, or when and how the last one ended."""
    found = target.get("reconcile") or {}
    if under_way(found) or found.get("state") == "failed":
        return ", ".join(progress(found))
    if found.get("arrived") is not None:
        took = found.get("took")
        return f"all equal {age(status, found['arrived'])}" + (f", took {duration(took)}" if took is not None else "")
    return "none yet"


def under_way(found: Document) -> bool:
    """Does a reconcile compare, or is something that it found still on its way?"""
    on_its_way = found.get("state") == "done" and (found.get("done") or 0) < (found.get("known") or 0)
    return found.get("state") in ("comparing", "sending") or on_its_way


def progress(found: Document) -> Iterator[str]:
    """How far a reconcile is, as far as it is known."""
    yield "sending" if found["state"] == "done" else plain(found["state"])
    if found["state"] != "comparing":
        yield f"{found.get('done') or 0:,} of {found.get('known') or 0:,}"
    elif found.get("entries"):
        yield f"about {found['entries']:,} entries"
    if found.get("bytes_known"):
        yield f"{size(found.get('bytes_done') or 0)} of {size(found['bytes_known'])}"
    if found.get("rate"):
        speed = f"{found['rate']:,.0f} a second"
        yield f"{speed} ({size(found['byte_rate'])})" if found.get("byte_rate") else speed
    if found.get("elapsed") is not None:
        yield f"for {duration(found['elapsed'])}"
    if found.get("remaining") is not None:
        yield f"about {duration(found['remaining'])} left"


def drift(target: Document) -> int:
    """How many entries differed in the last audit and are not known to be mended."""
    return int((target.get("audit") or {}).get("drift") or 0)


def audit(status: Document, target: Document) -> str:
    """When the last one was, and what it found."""
    found = target.get("audit")
    if not found:
        return "none yet"
    how = "by content" if found.get("checksum") else "by size and time"
    counts = [f"{found[kind]:,} {kind}" for kind in ("missing", "different", "extra") if found.get(kind)]
    return f"{', '.join(counts) or 'all equal'}, {how}, {age(status, found.get('at'))}"


def certificate(status: Document, target: Document) -> str:
    """That this host's certificate is to be renewed; "" while there is time."""
    ends = target.get("certificate_expires")
    left = ends - (status.get("now") or 0.0) if ends is not None else CERTIFICATE_SOON
    return certificate_ends(left) if left < CERTIFICATE_SOON else ""


def certificate_ends(left: float) -> str:
    """`left`: seconds until then."""
    when = f"ends in {plural(int(left // 86400), 'day')}" if left > 0 else "has ended"
    return f"this host's certificate for TLS {when}; the playbook site renews it"


def hooks(status: Document) -> Iterator[str]:
    """What hooks cannot be told, a sentence each."""
    for mirror in status.get("mirrors") or ():
        for hook in mirror.get("hooks") or ():
            who = f"{plain(mirror.get('name'))}: the hook {plain(hook.get('to'))}"
            if hook.get("error"):
                waiting = f", {plural(hook['waiting'], 'path')} waiting" if hook.get("waiting") else ""
                yield f"{who} could not be told{waiting}: {plain(hook['error'])}"
            if hook.get("dropped"):
                yield f"{who} was never told of {plural(hook['dropped'], 'path')}, as too many waited"


def held(target: Document) -> str:
    found = target.get("held") or {}
    count, of = found.get("deletions") or 0, found.get("of") or 0
    return f"{count:,} of {of:,} entries would be deleted on the target, more than max_delete allows"


def problem(status: Document, found: Document) -> str:
    """Why a path is refused, and when it is tried again."""
    due = found.get("next_try")
    again = f", next try in {duration(max(0.0, due - (status.get('now') or due)))}" if due else ""
    return f"{plain(found.get('reason'))}{again}"


def error(status: Document, found: Document) -> str:
    times = found.get("times") or 1
    often = f", {times:,} times since {age(status, found.get('first'))}" if times > 1 else ""
    return f"{age(status, found.get('last'))}{often}: {plain(found.get('reason'))}"
