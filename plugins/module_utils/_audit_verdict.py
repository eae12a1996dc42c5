# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what an audit found to what the task returns: targets, a table for people, a diff, and the complaint."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils._audit import Audit, TargetAudit, summary, wanted
from ansible_collections.lockstep.realtime.plugins.module_utils._difference import printable, show
from ansible_collections.lockstep.realtime.plugins.module_utils._drift import Drift

KINDS = ("missing", "different", "extra")


def answer(audit: Audit, records: list[TargetAudit]) -> dict[str, Any]:
    """The task's return values."""
    targets = [_target(audit, record) for record in records]
    return {
        "changed": _changed(audit, records),
        "in_step": all(target["in_step"] for target in targets),
        "mirror": audit.mirror.name,
        "checksum": audit.wish.checksum,
        **{kind: sum(target[kind]["count"] for target in targets) for kind in KINDS},
        "targets": targets,
        "table": table(targets),
    }


def complaint(mirror: str, targets: list[dict[str, Any]]) -> Optional[str]:
    """What keeps this from being an audit, or the repair from being one; drift that nobody wanted mended is none."""
    texts = []
    for target in targets:
        repair = target["repair"]
        if target["error"] is not None:
            texts.append(f"target {target['name']}: {target['error']}")
        elif target["problems"]:
            texts.append(f"target {target['name']}: not everything could be compared: {target['problems'][0]}")
        elif repair is not None and repair["left"] and (repair["reason"] or repair["held"]):
            texts.append(
                f"target {target['name']}: {repair['left']} differences are not mended: "
                f"{repair['reason'] or repair['held']}"
            )
    return f"mirror {mirror}: {'; '.join(texts)}" if texts else None


def diff(records: list[TargetAudit]) -> list[dict[str, str]]:
    """Of each target that would be mended or was: what differed before."""
    found = []
    for record in records:
        if record.mended is not None and record.confirmed is not None and record.confirmed.drift.count:
            lines = "".join(f"{line}\n" for line in record.confirmed.drift.lines())
            name = record.endpoint.name
            found.append({"before_header": name, "after_header": name, "before": lines, "after": ""})
    return found


def table(targets: list[dict[str, Any]]) -> list[str]:
    """One line for each target, and below those the first paths of what differs."""
    rows = [("target", "missing", "different", "extra", "compared", "verdict")]
    for target in targets:
        counts = [str(target[kind]["count"]) if target["error"] is None else "-" for kind in KINDS]
        extent = f"{target['entries']} in {target['seconds']:.1f} s" if target["error"] is None else "-"
        rows.append((target["name"], counts[0], counts[1], counts[2], extent, _verdict(target)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join([f"{row[0]:<{widths[0]}}", *(f"{row[n]:>{widths[n]}}" for n in range(1, 5)), row[5]]) for row in rows
    ]
    for target in targets:
        for kind in KINDS:
            lines += [f"  {kind:<9}  {_described(target[kind], path)}" for path in target[kind]["paths"][:10]]
            more = target[kind]["count"] - len(target[kind]["paths"][:10])
            lines += [f"  {kind:<9}  and {more} more"] if more > 0 else []
    return lines


def _described(kind: dict[str, Any], path: str) -> str:
    why = kind.get("why", {}).get(path)
    return f"{printable(path)} ({', '.join(why)})" if why else printable(path)


def _verdict(target: dict[str, Any]) -> str:
    repair = target["repair"]
    if target["error"] is not None:
        return f"FAILED   {target['error']}"
    if target["problems"]:
        return f"FAILED   {target['problems'][0]}"
    if repair is not None and (repair["sent"] or repair["deleted"]):
        done = f"{repair['sent']} sent, {repair['deleted']} deleted"
        return f"mended   {done}" if target["in_step"] else f"LEFT {repair['left']}   {done}; {repair['reason']}"
    if target["in_step"]:
        return "in step"
    refused = repair and (repair["reason"] or repair["held"])
    return f"DRIFT    {refused}" if refused else "DRIFT"


def _target(audit: Audit, record: TargetAudit) -> dict[str, Any]:
    confirmed, extent = record.confirmed, record.extent
    drift = confirmed.drift if confirmed is not None else Drift(0)
    problems = list(extent.complaints) if extent is not None else []
    left = audit.unmended(confirmed) if confirmed is not None else 0
    if record.mended is not None:
        left = record.mended.left
    different = drift.different.answer()
    different["why"] = {show(entry.path): list(entry.why) or ["type"] for entry in drift.different.first}
    return {
        "name": record.endpoint.name,
        "url": record.endpoint.url,
        "in_step": record.error is None and not problems and not left,
        "error": record.error,
        "problems": problems,
        "seconds": round(record.seconds, 2),
        **summary(record),
        "missing": drift.missing.answer(),
        "different": different,
        "extra": drift.extra.answer(),
        "changing": drift.changing.answer(),
        "passing": record.passing,
        "repair": record.mended.answer() if record.mended is not None else None,
    }


def _changed(audit: Audit, records: list[TargetAudit]) -> bool:
    """What was changed on any target, or in check mode would be."""
    if audit.wish.dry:
        return any(wanted(record) for record in records)
    return any(record.mended is not None and record.mended.sent + record.mended.deleted > 0 for record in records)
