"""One mirror: its source, what is written there and not closed yet, and its targets.

Order at the start: is it the right source? then watch everything, then reconcile; so nothing falls between.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from typing import Callable, Optional

from lockstep import logs, rules
from lockstep import memory as memories
from lockstep.changes import ATTRIBUTES, Change
from lockstep.config import Config, Mirror
from lockstep.custody import Custody
from lockstep.intake import Intake
from lockstep.notify.hooks import Hooks
from lockstep.one_file_system import Mounts
from lockstep.schedule import Schedule
from lockstep.source import Reading
from lockstep.source.spacing import PAUSE, Spacing
from lockstep.source.watches import WatchTree
from lockstep.source.witness import FEW
from lockstep.sparing import Sparing
from lockstep.status.condition import CALM, Condition, of_target, rank
from lockstep.status.words import duration
from lockstep.target import TargetSync

log = logging.getLogger(__name__)

SCAN_SLICE = 0.02  # seconds of walking between looks at everything else
RESCUE = 60.0  # seconds between reconciles where directories are not watched
SAVE = 5.0


class MirrorSync:
    """`start()`, then `tick()` once a second, or half as often `at_rest`; `close()` to begin nothing more."""

    def __init__(self, config: Mirror, settings: Config, on_ready: Callable[[], None]) -> None:
        self.config = config
        self.rsync = shutil.which(settings.rsync) or settings.rsync  # once: not a search of PATH at each start
        self.state_dir = settings.state_dir
        self.filters = rules.of(config)
        self.memory = memories.load(settings.state_dir, config.name)
        self.custody = Custody(config.source, self.memory, self.filters.hidden)
        source = os.fsdecode(config.source)
        self.hooks = Hooks(config.hooks, config.name, source, settings.state_dir) if config.hooks else None
        self.targets = [TargetSync(target, self, self._tell) for target in config.targets]
        for target in self.targets:
            target.standing.was_held = target.config.url in self.memory.held
        self._mounts = Mounts(config.source) if config.one_file_system else None
        self.tree: Optional[WatchTree] = None
        self.watched = False  # all watches stand
        self.overflows = 0
        self.events = 0
        self._intake = Intake(config.source, config.quiet, config.max_wait, self.targets)
        self._walking: Optional[asyncio.Handle] = None
        self._spacing = Spacing(time.monotonic())
        self._resting: Optional[asyncio.TimerHandle] = None  # until events are read again
        self._rest = (0.0, 0.0)  # from when until when they were not
        self._on_ready = on_ready
        self._loop = asyncio.get_running_loop()
        self._drained = time.monotonic()  # when no event was left waiting for the last time
        self._unread: Optional[float] = None  # since when some always are
        self._overflowed = False
        self._missed_since: Optional[float] = None  # epoch; while everything is walked again for it
        self._missed_again: Optional[float] = None  # since that walk began, or while the first one is not over
        self._why = "after the start"  # everything is compared, or will be when it has been walked
        self.schedule = Schedule(config.reconcile_every, config.reconcile_at)
        self._scheduled = 0.0  # epoch: when the last reconcile was asked for
        self._next_save = 0.0
        self._unsaved = False  # the last try to do so failed
        self._clock = time.time() - time.monotonic()
        self._conditions: dict[TargetSync, Condition] = {}
        self._told: dict[TargetSync, str] = {}  # the state that the log has told last
        self._sparing: dict[TargetSync, Sparing] = {}
        self._closed = False
        self._log = logs.about(log, mirror=config.name)

    # ------------------------------------------------------------------ what targets ask (target.Source)

    def unchanged(self) -> bool:
        if self.custody.unchanged():
            return True
        self._lose()
        return False

    def may_send(self) -> bool:
        return self.watched and not self.custody.held

    @property
    def scanning(self) -> bool:
        return self.tree is not None and self.tree.scanning

    def unread(self, since: float) -> bool:
        return self.tree is not None and self._drained < since and self.tree.unread

    @property
    def at_rest(self) -> bool:
        """All is watched and in step: nothing is under way, waits, or is to be tried again."""
        return self.may_send() and all(target.oldest() is None for target in self.targets)

    @property
    def events_lost(self) -> bool:
        return self._missed_since is not None

    def oldest_unclosed(self) -> Optional[float]:
        return self._intake.oldest()

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        if self.custody.check():
            self._watch()
        else:
            self._on_ready()
        self._tell()

    def _watch(self) -> bool:
        if not self.config.watch:
            self.watched = True
            self._await_schedule()
            return True
        try:
            self.tree = WatchTree(self.config.source, self.filters.excluded)
        except OSError as err:
            self.custody.hold(f"source {os.fsdecode(self.config.source)} cannot be watched: {err.strerror or err}")
            self._on_ready()
            return False
        self._listen()
        self._walk_on()
        return True

    def _walk_on(self) -> None:
        if self._walking is None:
            self._walking = self._loop.call_soon(self._walk)

    def _walk(self) -> None:
        """Go on setting watches; live changes are read in between."""
        self._walking = None
        if self.tree is None:
            return
        reading = Reading()
        done = self.tree.scan(reading, SCAN_SLICE)
        self._intake.take(reading)
        if not done:
            self._walk_on()
            return
        if not self.watched:
            self.watched = True
            self._watches_stand()
        elif self._missed_since is not None:
            since, self._missed_since = self._missed_since, None
            self._reconcile(since)
        if self._missed_again is not None:
            self._missed_since, self._missed_again = self._missed_again, None
            self.tree.rescan()
            self._walk_on()

    def _await_schedule(self) -> None:
        """Nothing is watched: compare now only if that was due while the watcher was away, or never was done."""
        confirmed = [self.memory.confirmed.get(target.config.url) for target in self.targets]
        now, clock = time.monotonic(), time.time()
        last = min((at for at in confirmed if at is not None), default=clock)
        self.schedule.begun(now, clock, max(0.0, clock - last))
        if None in confirmed or last > clock + 1 or self.schedule.due(now, clock):
            self._drained = now
            self._watches_stand()
            return
        self._scheduled = last
        self._on_ready()
        self._tell()

    def _watches_stand(self) -> None:
        now, clock = time.monotonic(), time.time()
        unknown = [target.config.url for target in self.targets if target.config.url not in self.memory.confirmed]
        for target in self.targets:
            known = self.memory.confirmed.get(target.config.url)
            suspect = known is not None and known > clock + 1  # the clock went back: no time can be trusted
            target.reconcile.want_all(now, None if suspect else known, suspect, self._why)
            target.kick()
        if unknown:  # from here on ctimes tell, should it be killed before everything is confirmed
            self.memory.confirmed.update(dict.fromkeys(unknown, clock - (now - self._drained)))
            self._save()
        self._schedule()
        self._on_ready()
        self._tell()

    def tick(self) -> None:
        now = time.monotonic()
        if self.custody.held:
            self._come_back()
        elif self.custody.unchanged():
            if self.tree is not None:
                self.tree.sweep()
                self.tree.count(SCAN_SLICE)
            if self.watched:
                self._reconcile_when_due(now)
            if self._mounts is not None and self._mounts.changed():
                self._walk_again(time.time(), "a file system was mounted or unmounted below the source")
                self._walk_on()
        else:
            self._lose()
        if now >= self._next_save:
            self._next_save = now + SAVE
            self._remember()
        for target in self.targets:
            target.tick()
            oldest = target.oldest()
            target.record.tick(now, 0.0 if oldest is None else now - oldest, rank(self._conditions[target].state))

    def close(self) -> None:
        self._remember(last=True)
        self._closed = True
        self._unwatch()
        for target in self.targets:
            target.close()

    def tell_nothing_more(self) -> None:
        """To hooks: when nothing is under way any more, as what still arrives is told too."""
        if self.hooks is not None:
            self.hooks.close()

    def _unwatch(self) -> None:
        self._intake.stop()
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self.tree is not None:
            self._loop.remove_reader(self.tree.fileno())
            self.tree.close()
            self.tree = None
        self.watched = False
        self._missed_since = self._missed_again = None  # of the watches; what they missed is compared when they stand

    # ------------------------------------------------------------------ losing the source and getting it back

    def _lose(self) -> None:
        if self.tree is not None or self.watched:
            self._remember()
            self._unwatch()
            for target in self.targets:
                target.reconcile.start_over()
            self._tell()

    def _come_back(self) -> None:
        if self.custody.check() and self._watch():
            self._why = "the source is back"
            self._tell()

    def release(self) -> tuple[str, bool]:
        """Accept the source as it is now, or let held deletions go.  Raises OSError where there is no source.

        Like the other orders it returns a sentence, and whether it has changed anything.
        """
        if self.custody.held:
            self.custody.accept()
            if self.custody.held:
                raise OSError(0, self.custody.held)
            self._why = "the source is another one"
            self._watch()
            return f"mirror {self.config.name}: the source is accepted as it is now", True
        held = any(target.standing.held for target in self.targets)
        count = sum(target.release() for target in self.targets)
        if not held:
            return f"mirror {self.config.name}: nothing was held", False
        return f"mirror {self.config.name}: {count} held deletions released", True

    def resync(self, path: Optional[bytes]) -> tuple[str, bool]:
        now = time.monotonic()
        if path is None and not self.config.watch:
            self._why = "asked for"
            self._reconcile_all(on_schedule=False)
        for target in self.targets if path or self.config.watch else ():
            if path:
                target.reconcile.want(path, Change(ATTRIBUTES, now))
            else:
                target.reconcile.want_all(now, why="asked for")
            target.kick()
        return f"mirror {self.config.name}: reconcile of {os.fsdecode(path) if path else 'everything'} asked for", True

    def pause(self, paused: bool) -> tuple[str, bool]:
        changed = any(target.standing.paused != paused for target in self.targets)
        for target in self.targets:
            target.pause(paused)
        return f"mirror {self.config.name}: {'paused' if paused else 'resumed'}", changed

    # ------------------------------------------------------------------ from the source to the intake

    def _listen(self) -> None:
        """Have events read as they come, from now on."""
        self._resting = None
        if self.tree is not None:
            self._loop.add_reader(self.tree.fileno(), self._readable)

    def _readable(self) -> None:
        if self.tree is None:
            return
        began, since = time.monotonic(), self._unread
        if since is None and began < self._rest[1] + PAUSE:
            since = sum(self._rest) / 2  # what came meanwhile is as old as that, one with another
        reading = self.tree.read()
        self._unread = (began if since is None else since) if reading.more else None
        self.events += reading.events
        if reading.lost_root or reading.unmounted:
            self.custody.hold("the source, or a file system below it, was unmounted, moved or deleted")
            self._lose()
            return
        if reading.overflow:
            self._overflow()
        elif not reading.more:
            self._drained = began
        self._intake.take(reading, since)
        self.custody.witness.changed(path for _what, path in reading.seen[-FEW:])
        if self.tree.scanning:
            self._walk_on()
        now = time.monotonic()
        pause = self._spacing.pause(now, reading.events, min(target.paced(now) for target in self.targets))
        if pause:
            self._loop.remove_reader(self.tree.fileno())
            self._rest = (now, now + pause)
            self._resting = self._loop.call_later(pause, self._listen)

    def _overflow(self) -> None:
        self.overflows += 1
        if not self._overflowed:
            self._log.warning(
                "the queue of events overflowed; reconciling (raise fs.inotify.max_queued_events, "
                "variable inotify_limits_max_queued_events, if this goes on)"
            )
        self._overflowed = True
        since = time.time() - (time.monotonic() - self._drained)
        self._walk_again(since, "the queue of events overflowed")

    def _walk_again(self, since: float, why: str) -> None:
        """Watch what no event told of, and compare everything; files of a later ctime (epoch) are sent in any case."""
        if self.tree is None:
            return
        if self.watched:
            self._why = why
        if self.watched and self._missed_since is None:
            self._missed_since = since
            self.tree.rescan()
        elif self._missed_again is None:  # a walk that is under way may have passed what came just now
            self._missed_again = since

    # ------------------------------------------------------------------ reconciles, memory, telling

    def _reconcile_when_due(self, now: float) -> None:
        unwatched = self.tree is not None and bool(self.tree.problems)
        if unwatched:
            self.schedule.at_latest(now + RESCUE)
        if not self.schedule.due(now, time.time()):
            return
        if self.tree is None or not unwatched:
            self._why = "on schedule"
            self._reconcile_all()
        elif self._missed_since is None:  # once more try to watch all, and only then compare
            self._missed_since = self._scheduled
            self._why = "not all directories were watched"
            self.tree.rescan()
            self._walk_on()

    def _reconcile_all(self, on_schedule: bool = True) -> None:
        """Where nobody watches, what was changed since the last time is told by its ctime."""
        if self.config.watch:
            self._reconcile(None, on_schedule)
        else:
            self._drained = time.monotonic()
            self._reconcile(self._scheduled, on_schedule)

    def _reconcile(self, since: Optional[float], on_schedule: bool = False) -> None:
        now = time.monotonic()
        for target in self.targets:
            target.reconcile.want_all(now, since, why=self._why, on_schedule=on_schedule)
            target.kick()
        self._overflowed = False
        self._schedule()

    def _schedule(self) -> None:
        self._scheduled = time.time()
        self.schedule.begun(time.monotonic(), self._scheduled)

    def _remember(self, last: bool = False) -> None:
        """Note until when each target has confirmed everything, as an epoch: the base for ctimes after a restart."""
        clock, now = time.time(), time.monotonic()
        # while something is unconfirmed, a clock set forward must not overtake the ctime that it has
        waits = any(target.oldest() is not None for target in self.targets)
        self._clock = min(self._clock, clock - now) if waits else clock - now
        evidence = None if self.custody.held else self.custody.witness.take(now, clock)
        active = evidence is not None and self.unchanged()  # asked after it was taken
        if evidence is not None and active:
            self.memory.evidence = evidence
        for target in self.targets:
            if target.reconcile.whole_done and self.watched:
                oldest = target.oldest()
                confirmed = self._clock + min(self._drained, now if oldest is None else oldest)
                unseen = self._scheduled if self.tree is None or self.tree.problems else None
                missed = (unseen, self._missed_since, self._missed_again, target.reconcile.unproven(oldest))
                self.memory.confirmed[target.config.url] = min([confirmed, *(at for at in missed if at is not None)])
                active = active or last or oldest is not None or self._active(target)
        if active:
            self._save()

    def _save(self) -> None:
        try:
            self.memory.save()
        except OSError as err:
            if not self._unsaved:
                self._log.error(
                    "%s cannot be written: %s; a new start has more to look at", self.memory.path, err.strerror or err
                )
            self._unsaved = True
            return
        if self._unsaved:
            self._unsaved = False
            self._log.info("%s is written again", self.memory.path)

    def _active(self, target: TargetSync) -> bool:
        last = target.standing.last_confirmed
        return last is not None and time.monotonic() - last < 2 * SAVE

    def _tell(self) -> None:
        """One line in the log for each change of a target's state, if these are few; that it is held outlives us."""
        held = [t.config.url for t in self.targets if t.standing.held or t.standing.was_held]
        if held != self.memory.held:
            self.memory.held = held
            self._save()
        if self._closed:
            return  # what it is without its watches is no news
        now = time.monotonic()
        for target in self.targets:
            condition = of_target(self, target, now)
            known = self._conditions.get(target)
            changed = known is None or known.state != condition.state
            if known is not None and not changed:
                condition.since = known.since
            self._conditions[target] = condition
            if self._told.get(target) == condition.state:
                continue
            sparing = self._sparing.setdefault(target, Sparing())
            if sparing.may(now):
                self._told[target] = condition.state
                self._log_state(target, known if changed else None, condition, sparing.untold())
            elif changed:
                sparing.keep_back()

    def _log_state(self, target: TargetSync, known: Optional[Condition], condition: Condition, untold: str) -> None:
        was = ""
        about: dict[str, object] = {"target": target.config.name, "state": condition.state, "reason": condition.reason}
        if known is not None:
            seconds = max(0.0, condition.since - known.since)
            was = f" (was {known.state} for {duration(seconds)})"
            about.update(was=known.state, seconds=round(seconds, 1))
        level = logging.INFO if condition.state in CALM else logging.WARNING
        why = f": {condition.reason}" if condition.reason else ""
        self._log.log(level, "%s%s%s%s", condition.state, was, why, untold, extra=about)

    def condition(self, target: TargetSync) -> Condition:
        """The target's state as it was last told."""
        return self._conditions[target]
