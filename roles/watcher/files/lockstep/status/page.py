"""The status as a page for the browser: complete in itself, every fact in it without a script, readable on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any
from urllib.parse import quote

from lockstep.status import chart, facts
from lockstep.status.style import CSS, POLICY, SCRIPT
from lockstep.status.words import duration, plain, plural

__all__ = ["POLICY", "html"]

Document = dict[str, Any]

# More of them belong in the JSON: a page of a million refused names helps nobody.
MAX_PROBLEMS = 10
_ICON = {"good": "2ea04f", "busy": "d29922", "idle": "8c959f", "bad": "e5534b"}


def html(status: Document) -> str:
    """A whole page of a snapshot; with its details there are charts."""
    looks = _looks(status)
    title = f"{plain(status.get('state', 'unknown'))}: lockstep on {plain(status.get('host', 'this host'))}"
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<noscript><meta http-equiv="refresh" content="10"></noscript>',
        f'<link rel="icon" href="{_icon(looks)}">',
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body>",
        f"<header><h1>lockstep <span>on {_h(status.get('host', 'this host'))}</span></h1>",
        f"<p>{escape(facts.summary(status))}</p></header>",
        '<p id="stale" role="alert"></p><main>',
        _banner(status, looks),
        _tiles(status),
    ]
    for number, mirror in enumerate(status.get("mirrors") or ()):
        parts += _mirror(number, mirror, status)
    parts.append(_footer(status))
    return "\n".join([*parts, f"</main><script>{SCRIPT}</script></body></html>\n"])


def _h(value: object) -> str:
    return escape(plain(value))


def _looks(status: Document) -> str:
    looks = facts.kind(status.get("state", "unknown"))
    return "bad" if looks == "good" and not status.get("healthy") else looks


def _icon(looks: str) -> str:
    shape = (
        '<circle cx="8" cy="8" r="7" fill="#{}"/>'
        if looks != "bad"
        else '<rect x="1" y="1" width="14" height="14" fill="#{}"/>'
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{shape.format(_ICON[looks])}</svg>'
    return "data:image/svg+xml," + quote(svg)


def _banner(status: Document, looks: str) -> str:
    lines = [
        f'<li><a href="#{_anchor(number, place)}">{_h(mirror.get("name"))} on {_h(target.get("name"))}</a>: '
        f"{_badge(target)}</li>"
        for number, mirror in enumerate(status.get("mirrors") or ())
        for place, target in enumerate(mirror.get("targets") or ())
        if target.get("state") != "live"
    ]
    lines += [
        f'<li><a href="#{_anchor(number, place)}">{_h(mirror.get("name"))} on {_h(target.get("name"))}</a>: '
        f"an audit found {escape(facts.audit(status, target))}</li>"
        for number, mirror in enumerate(status.get("mirrors") or ())
        for place, target in enumerate(mirror.get("targets") or ())
        if facts.drift(target)
    ]
    if len(lines) == 1 and len(facts.pairs(status)) == 1:
        lines = []  # the headline has said so
    error = (status.get("config") or {}).get("error")
    if error:
        lines.append(f"<li>The configuration on disk has a mistake, the one before it runs: {_h(error)}</li>")
    for one in status.get("notify") or ():
        if one.get("error"):
            lines.append(f"<li>Nobody is notified by {_h(one.get('to'))}: {_h(one['error'])}</li>")
    lines += [f"<li>{escape(one)}</li>" for one in facts.hooks(status)]
    items = f"<ul>{''.join(lines)}</ul>" if lines else ""
    return f'<div class="banner {looks}" role="status"><strong>{escape(facts.headline(status))}</strong>{items}</div>'


def _tiles(status: Document) -> str:
    targets = [target for _mirror, target in facts.pairs(status)]
    worst = max((target.get("lag") or 0.0 for target in targets), default=0.0)
    rates = [target["rate"] for target in targets if target.get("rate")]
    total = {key: sum(rate[key] for rate in rates) for key in ("names", "bytes")} if rates else None
    tiles = (
        ("highest lag now", duration(worst)),
        ("changes that wait", f"{sum(facts.outstanding(target) for target in targets):,}"),
        ("confirmed", facts.rate({"rate": total})),
        ("inotify watches", facts.watches(status)),
    )
    return '<dl class="tiles">' + "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in tiles
    ) + "</dl>"  # fmt: skip


def _mirror(number: int, mirror: Document, status: Document) -> Iterator[str]:
    about = [
        f"<code>{_h(mirror.get('source'))}</code>",
        escape(plural(mirror.get("watches") or 0, "watch", "watches")),
        escape(plural(mirror.get("events") or 0, "event")),
    ]
    if mirror.get("overflows"):
        about.append(escape(plural(mirror["overflows"], "overflow") + " of the event queue"))
    yield f"<section><h2>{_h(mirror.get('name'))}</h2>"
    yield f'<p class="about">{" · ".join(about)}</p>'
    held = mirror.get("held")
    if held:
        yield (
            f'<div class="held"><p><strong>The source is not the one that it was.</strong> {_h(held.get("reason"))}. '
            "Nothing is sent or deleted until the right one is back. If this one is meant:</p>"
            f'<code class="command">{_h(held.get("command"))}</code></div>'
        )
    yield _listed(
        f"unwatched-{number}", "not watched", mirror.get("watch_problems"), mirror.get("unwatched") or 0, status
    )
    yield '<div class="cards">'
    for place, target in enumerate(mirror.get("targets") or ()):
        yield from _target(_anchor(number, place), target, mirror, status)
    yield "</div></section>"


def _anchor(number: int, place: int) -> str:
    return f"target-{number}-{place}"


def _target(anchor: str, target: Document, mirror: Document, status: Document) -> Iterator[str]:
    looks = facts.kind(target.get("state"))
    yield f'<article class="{looks}" id="{anchor}"><h3><span>{_h(target.get("name"))}</span>'
    yield f"{_badge(target, facts.lasted(status, target))}</h3>"
    if target.get("reason") and not (mirror.get("held") or target.get("held")):
        yield f'<p class="reason">{_h(target["reason"])}</p>'
    yield _held(target)
    if ending := facts.certificate(status, target):
        yield f'<p class="reason">{escape(ending)}</p>'
    if facts.drift(target):
        yield (
            f'<div class="held"><p><strong>An audit found drift.</strong> {escape(facts.audit(status, target))}. '
            "To mend it, and to have it gone from here, on the controller:</p>"
            '<code class="command">ansible-playbook lockstep.realtime.audit -e lockstep_audit_repair=true'
            f"{' -e lockstep_audit_checksum=true' if (target.get('audit') or {}).get('checksum') else ''}</code></div>"
        )
    waiting = facts.outstanding(target)
    more = f", {plural(waiting, 'change')} waiting" if waiting else ""
    # nobody sees what changes at a source that is not watched
    lag = "unknown" if mirror.get("held") else duration(target.get("lag"))
    yield f'<p class="big">{escape(lag)} <small>lag{escape(more)}</small></p>'
    if target.get("history"):
        yield chart.lag(target["history"])
    yield from _progress(target)
    yield _facts(_target_facts(target, status))
    yield _listed(f"refused-{anchor}", "refused", target.get("problems"), target.get("refused") or 0, status)
    errors = [facts.error(status, one) for one in (target.get("errors") or ())[:MAX_PROBLEMS]]
    if errors:
        items = "".join(f"<li>{escape(one)}</li>" for one in errors)
        yield f'<details id="errors-{anchor}"><summary>last errors ({len(errors)})</summary><ul>{items}</ul></details>'
    yield "</article>"


def _progress(target: Document) -> Iterator[str]:
    found = target.get("reconcile") or {}
    if not facts.under_way(found):
        return
    if found.get("state") != "comparing" and found.get("known"):
        yield (
            f'<progress max="{found["known"]:d}" value="{found.get("done") or 0:d}" aria-label="reconcile"></progress>'
        )
    elif found.get("state") == "comparing":
        yield '<progress aria-label="reconcile: comparing"></progress>'


def _target_facts(target: Document, status: Document) -> Iterator[facts.Fact]:
    if target.get("next_try"):
        yield "next try", f"in {duration(max(0.0, target['next_try'] - (status.get('now') or 0.0)))}"
    typical = facts.typical(target)
    if typical:
        yield "typical lag", typical
    yield "confirmed last", facts.age(status, target.get("last_confirmed"))
    yield "rate", facts.rate(target)
    yield "reconcile", facts.reconcile(status, target)
    yield "audit", facts.audit(status, target)
    yield (
        "in all",
        f"{plural(target.get('names') or 0, 'change')} in {plural(target.get('batches') or 0, 'batch', 'batches')}",
    )
    if target.get("failures"):
        yield "failures", f"{target['failures']:,}"


def _held(target: Document) -> str:
    held = target.get("held")
    if not held:
        return ""
    names = "".join(f"<li><code>{_h(path) or '.'}</code></li>" for path in held.get("paths") or ())
    more = f"<li>and {held['more']:,} more</li>" if held.get("more") else ""
    return (
        f'<div class="held"><p><strong>Deletions are held.</strong> {escape(facts.held(target))}. '
        "Everything else goes on. If they are meant:</p>"
        f'<code class="command">{_h(held.get("command"))}</code>'
        f"<ul>{names}{more}</ul></div>"
    )


def _listed(identity: str, label: str, problems: Iterable[Document] | None, count: int, status: Document) -> str:
    shown = list(problems or ())
    count = max(count, len(shown))
    if not count:
        return ""
    items = "".join(
        f"<li><code>{_h(one.get('path') or '.')}</code>: {escape(facts.problem(status, one))}</li>"
        for one in shown[:MAX_PROBLEMS]
    )
    if count > MAX_PROBLEMS:
        items += f"<li>and {count - MAX_PROBLEMS:,} more, up to 100 of them in /status.json</li>"
    return f'<details open id="{identity}"><summary>{label} ({count:,})</summary><ul>{items}</ul></details>'


def _badge(of: Document, lasted: str = "") -> str:
    more = f" <small>for {escape(lasted)}</small>" if lasted else ""
    return f'<span class="state {facts.kind(of.get("state"))}">{_h(of.get("state", "unknown"))}{more}</span>'


def _facts(found: Iterable[facts.Fact]) -> str:
    rows = "".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in found)
    return f'<dl class="facts">{rows}</dl>'


def _footer(status: Document) -> str:
    config = status.get("config") or {}
    now, started = status.get("now"), status.get("started")
    up = f"up {duration(now - started)}, " if now is not None and started is not None else ""
    return (
        f"<footer>lockstep {_h(status.get('version'))}, {escape(up)}process {_h(status.get('pid'))}, "
        f'<code>{_h(config.get("path"))}</code><br><a href="/status.json">status.json</a> · '
        '<a href="/metrics">metrics</a> · <a href="/healthz">healthz</a></footer>'
    )
