# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a play said, as a table that fits on one screen: what is not well first, and all of it counted."""

from __future__ import annotations

# Lines of a table, all told; a screen has about 50, and the play's own words need some.
LINES = 40
WIDTH = 120  # of a line, where there are so many that the reasons must not fill the screen
# Worst first; what is not in the list is not known, and worst of all.
STATES = ("no answer", "held", "down", "behind", "paused", "starting", "reconciling", "live")


def status(told):
    """Lines for {host: what sync_info returned}."""
    rows, hosts = [], {}
    for host, answer in told.items():
        found = _status_rows(host, answer)
        hosts[host] = bool(found) and all(row["well"] for row in found)
        rows += found
    answered = [row for row in rows if row["target"] != "-"]
    head = _in_step(hosts)
    if answered:
        lag = max(row["lag_s"] for row in answered)
        waiting = sum(row["waiting"] for row in answered)
        mirrors = len({(row["host"], row["mirror"]) for row in answered})
        head += f": {_count(mirrors, 'mirror')} on {_count(len(answered), 'target')}, largest lag {lag:.3f} s"
        head += f", {_count(waiting, 'change')} waiting"
    return table(head, ("host", "mirror", "target", "state", "lag", "pending"), rows)


def audit(told):
    """Lines for {host: list of what sync_audit returned, one for each mirror}."""
    rows, hosts = [], {}
    for host, answers in told.items():
        found = [row for answer in answers for row in _audit_rows(host, answer)]
        if found:  # a host may have none of the mirrors
            hosts[host] = all(row["well"] for row in found)
        rows += found
    counts = {kind: sum(row["counts"][kind] for row in rows) for kind in ("missing", "different", "extra")}
    head = _in_step(hosts) + ": " + ", ".join(f"{number} {kind}" for kind, number in counts.items())
    return table(head, ("host", "mirror", "target", "missing", "different", "extra", "compared"), rows)


def resync(told):
    """Lines for {host: list of what sync_control returned for a resync, one for each mirror}."""
    rows, hosts = [], {}
    for host, answers in told.items():
        found = [row for answer in answers for row in _resync_rows(host, answer)]
        if found:
            hosts[host] = all(row["well"] for row in found)
        rows += found
    head = _in_step(hosts) + f": {_count(sum(row['found'] for row in rows), 'difference')} found and sent"
    return table(head, ("host", "mirror", "target", "state", "differences", "sent"), rows)


def table(head, columns, rows):
    """The head and a line for each row; of more rows than a screen has, those that are well are only counted."""
    shown, rest = rows, []
    many = len(rows) + 2 > LINES
    if many:
        worst = sorted((row for row in rows if not row["well"]), key=lambda row: row["rank"])
        shown, more = worst[: LINES - 4], len(worst) - len(worst[: LINES - 4])
        if more:
            rest.append(f"and {more} more that are not in step: limit the play to a host to see its own")
        well = sum(row["well"] for row in rows)
        if well:
            rest.append(f"and {well} that are in step")
    cells = [columns, *([_plain(row[column]) for column in columns] for row in shown)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(columns))]
    notes = ["", *(_plain(row["note"]) for row in shown)]
    lines = [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(line, widths)), note]).rstrip()
        for line, note in zip(cells, notes)
    ]
    if many:
        lines = [line if len(line) <= WIDTH else line[: WIDTH - 3] + "..." for line in lines]
    return [head, *(lines if shown else []), *rest]


def _status_rows(host, answer):
    mirrors = (answer.get("status") or {}).get("mirrors")
    if mirrors is None:
        return [_silent(host, answer, {"state": "no answer", "lag": "-", "pending": "-", "lag_s": 0, "waiting": 0})]
    rows = []
    for mirror in mirrors:
        for target in mirror.get("targets") or []:
            state = target.get("state") or "no answer"
            note = target.get("reason") or mirror.get("reason") or ""
            rows.append(
                {
                    "host": host,
                    "mirror": mirror.get("name"),
                    "target": target.get("name"),
                    "state": state,
                    "lag": f"{target.get('lag') or 0:.3f} s",
                    "pending": target.get("pending") or 0,
                    "lag_s": target.get("lag") or 0,
                    "waiting": target.get("pending") or 0,
                    "note": "; ".join(text for text in (note, _reconcile(target.get("reconcile") or {})) if text),
                    "well": state == "live",
                    "rank": STATES.index(state) if state in STATES else -1,
                }
            )
    if not rows:
        told = {"msg": "the watcher has no mirror"}
        return [_silent(host, told, {"state": "no mirror", "lag": "-", "pending": "-", "lag_s": 0, "waiting": 0})]
    return rows


def _reconcile(reconcile):
    """How far one that runs is."""
    if reconcile.get("state") == "comparing":
        return f"comparing for {reconcile.get('elapsed') or 0:.0f} s"
    if reconcile.get("state") != "sending":
        return ""
    sent, known = (reconcile.get("bytes_done") or 0) / 1e6, (reconcile.get("bytes_known") or 0) / 1e6
    text = f"sent {reconcile.get('done')} of {reconcile.get('known')} differences, {sent:.0f} of {known:.0f} MB"
    left = reconcile.get("remaining")
    return text if left is None else f"{text}, about {left:.0f} s left"


def _audit_rows(host, answer):
    none = {"missing": 0, "different": 0, "extra": 0}
    if not answer.get("targets"):
        cells = {"missing": "-", "different": "-", "extra": "-", "compared": "-", "counts": none}
        return [_silent(host, answer, cells)]
    rows = []
    for target in answer["targets"]:
        counts = {kind: target[kind]["count"] for kind in none}
        rows.append(
            {
                "host": host,
                "mirror": answer.get("mirror"),
                "target": target["name"],
                **counts,
                "compared": f"{target['entries']} in {target['seconds']:.1f} s",
                "counts": counts,
                "note": _verdict(target),
                "well": target["in_step"],
                "rank": 0 if target["error"] else 1,
            }
        )
    return rows


def _verdict(target):
    repair = target.get("repair") or {}
    done = f"mended: {repair.get('sent')} sent, {repair.get('deleted')} deleted"
    if target["error"] or target["problems"]:
        return f"FAILED {target['error'] or target['problems'][0]}"
    if target["in_step"]:
        return done if repair.get("sent") or repair.get("deleted") else ""
    first = [path for kind in ("different", "missing", "extra") for path in target[kind]["paths"]][:1]
    why = repair.get("reason") or repair.get("held") or f"such as {first[0] if first else '?'}"
    return f"DRIFT {why}"


def _resync_rows(host, answer):
    if not answer.get("targets"):
        return [_silent(host, answer, {"state": "failed", "differences": "-", "sent": "-", "found": 0})]
    return [
        {
            "host": host,
            "mirror": answer.get("mirror"),
            "target": target["name"],
            "state": target["state"],
            "differences": "-" if target["differences"] is None else target["differences"],
            "sent": "-" if target["bytes"] is None else f"{target['bytes'] / 1e6:.1f} MB",
            "found": target["differences"] or 0,
            "note": target["reason"] or "",
            "well": target["state"] == "live",
            "rank": STATES.index(target["state"]) if target["state"] in STATES else -1,
        }
        for target in answer["targets"]
    ]


def _silent(host, answer, cells):
    """The row of a host, or of a mirror on it, that did not say what it was asked."""
    told = answer.get("msg") or "it was not asked"
    mirror = answer.get("mirror") or answer.get("item") or "-"
    return {"host": host, "mirror": mirror, "target": "-", **cells, "note": told, "well": False, "rank": -1}


def _in_step(hosts):
    well = sum(hosts.values())
    return f"{well} of {_count(len(hosts), 'host')} in step"


def _count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(value):
    """One line, whatever a name holds."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value))
