"""The service: one event loop with all mirrors, signals, reload, status, and an orderly stop."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Optional, Protocol

from lockstep import audits, logs
from lockstep import config as configuration
from lockstep.config import Config, ConfigError
from lockstep.heap import Heap
from lockstep.logs_elsewhere import LogFileError
from lockstep.mirror import MirrorSync
from lockstep.notify import systemd
from lockstep.notify.notifier import Notifier
from lockstep.notify.watch import Standing
from lockstep.preflight import load_config
from lockstep.status.access import TokenError
from lockstep.status.control import ControlError, ControlServer
from lockstep.status.file import StatusFile
from lockstep.status.http import StatusHttp
from lockstep.status.snapshot import details, document

log = logging.getLogger(__name__)

TICK = 1.0  # seconds
AT_REST = 2.0  # seconds: a look at nothing costs half of what an idle watcher takes
NOTIFY_TIMEOUT = 1.0  # seconds for a message that is being told
STOP_TIMEOUT = 10.0  # seconds for what is under way to end by itself
SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Restful(Protocol):
    @property
    def at_rest(self) -> bool: ...


def pause(mirrors: Iterable[Restful], watchdog: Optional[float]) -> float:
    """Seconds until the next look at these mirrors.  `watchdog`: seconds between two signs of life, None for none."""
    patient = watchdog is None or watchdog >= AT_REST
    return AT_REST if patient and all(mirror.at_rest for mirror in mirrors) else TICK


class Service:
    def __init__(self, path: str, config: Config, on_ready: Optional[Callable[[], None]]) -> None:
        self.config = config
        self.config_error: Optional[str] = None
        self.started = self.loaded = time.time()
        self.mirrors: dict[str, MirrorSync] = {}
        self._path = path
        self._on_ready = on_ready
        self._waiting_for: set[str] = set()
        self._stop = asyncio.Event()
        self._exit_code = 0
        self._closing: list[MirrorSync] = []
        self._reloading = asyncio.Lock()
        self._reloads: set[asyncio.Task[None]] = set()
        self._control: Optional[ControlServer] = None
        self._http: Optional[StatusHttp] = None
        self.notifier = Notifier(config.notify, config.state_dir)
        self.audits = audits.Audits(os.path.join(config.state_dir, audits.FILE))
        self._status_file = StatusFile(config.status.file, config.status.interval)

    async def run(self) -> int:
        """Until SIGTERM or SIGINT.  0 after an orderly stop; raises ControlError or OSError when it cannot start."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._broken)
        os.makedirs(self.config.state_dir, mode=0o750, exist_ok=True)
        await self._serve_status()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)
        self._waiting_for = {mirror.name for mirror in self.config.mirrors}
        for mirror in self.config.mirrors:
            self._begin(mirror)
        self._ready_when_watched()
        ticker = asyncio.ensure_future(self._tick())
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({ticker, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if ticker.done():
            ticker.result()  # raises what ended it
        ticker.cancel()
        await self._shut_down()
        return self._exit_code

    def _broken(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A mistake in the program: better to begin again, watched and reconciled, than to go on without knowing."""
        error = context.get("exception")
        if "socket" in context and isinstance(error, OSError) and error.errno in SHORTAGES:
            return  # nobody can ask for the status just now; asyncio takes them in again after a second
        log.critical("%s; stopping", context.get("message"), exc_info=error)
        self._exit_code = 1
        self._stop.set()

    # ------------------------------------------------------------------ life

    def _begin(self, config: configuration.Mirror) -> None:
        mirror = MirrorSync(config, self.config, lambda: self._mirror_ready(config.name))
        self.mirrors[config.name] = mirror
        mirror.start()

    def _mirror_ready(self, name: str) -> None:
        self._waiting_for.discard(name)
        self._ready_when_watched()

    def _ready_when_watched(self) -> None:
        """Ready: every mirror is watched, or says why it is not.  Whether targets answer is for the status to say."""
        if self._waiting_for or len(self.mirrors) < len(self.config.mirrors):
            return
        gc.collect()
        gc.freeze()  # the watches live as long as the service: no need to look through them at each collection
        systemd.ready()
        if self._on_ready is not None:
            self._on_ready()
            self._on_ready = None

    async def _tick(self) -> None:
        interval = systemd.watchdog_interval()
        heap = Heap()
        while True:
            for mirror in list(self.mirrors.values()):
                mirror.tick()
            self.notifier.look(self._standings())
            self._status_file.tick(time.monotonic(), lambda: document(self))
            self._closing = [m for m in self._closing if any(target.busy for target in m.targets)]
            heap.tick(time.monotonic())
            if interval is not None:
                systemd.watchdog()
            await asyncio.sleep(pause(self.mirrors.values(), interval))

    def _standings(self) -> Iterator[Standing]:
        now = time.monotonic()
        for mirror in self.mirrors.values():
            for target in mirror.targets:
                condition, oldest = mirror.condition(target), target.oldest()
                yield Standing(
                    mirror.config.name, target.config.name, condition.state, condition.reason, condition.since,
                    0.0 if oldest is None else now - oldest,
                )  # fmt: skip

    async def _shut_down(self) -> None:
        systemd.stopping()
        log.info("stopping")
        for mirror in self.mirrors.values():
            mirror.close()
        closing = [*self.mirrors.values(), *self._closing]
        if not await self._idle(closing, STOP_TIMEOUT):
            log.warning("what was still under way is stopped; the next start reconciles")
            for mirror in closing:
                for target in mirror.targets:
                    target.kill()
            await self._idle(closing, STOP_TIMEOUT / 2)
        for mirror in closing:
            mirror.tell_nothing_more()
        self.notifier.close(NOTIFY_TIMEOUT)
        self._status_file.close()
        if self._http is not None:
            self._http.close()
        if self._control is not None:
            await self._control.close()

    @staticmethod
    async def _idle(mirrors: list[MirrorSync], seconds: float) -> bool:
        """Wait until no rsync of these mirrors is left, for so long at most."""
        for _turn in range(int(seconds / 0.02)):
            if not any(target.busy for mirror in mirrors for target in mirror.targets):
                return True
            await asyncio.sleep(0.02)
        return False

    # ------------------------------------------------------------------ reload

    def _reload_soon(self) -> None:
        task = asyncio.ensure_future(self._reload_in_turn())
        self._reloads.add(task)  # the loop itself keeps no hold of it
        task.add_done_callback(self._reloads.discard)

    async def _reload_in_turn(self) -> None:
        async with self._reloading:
            if not self._stop.is_set():
                await self._reload()

    async def _reload(self) -> None:
        systemd.reloading()
        logs.reopen()
        try:
            new = load_config(self._path)
            self._refuse_what_needs_a_restart(new)
        except ConfigError as err:
            self.config_error = str(err)
            log.error("%s: not reloaded, what runs goes on: %s", self._path, err)
            systemd.ready()
            return
        old = {mirror.name: mirror for mirror in self.config.mirrors}
        wanted = {mirror.name: mirror for mirror in new.mirrors}
        self.config, self.config_error, self.loaded = new, None, time.time()
        logging.getLogger().setLevel(new.log_level.upper())
        if new.notify != self.notifier.config:
            self.notifier.close()
            self.notifier = Notifier(new.notify, new.state_dir)
        ended = [self.mirrors.pop(name) for name in old if wanted.get(name) != old[name]]
        added = [mirror for mirror in new.mirrors if mirror.name not in self.mirrors]
        self._waiting_for = {mirror.name for mirror in added}
        await self._end(ended)
        if self._stop.is_set():
            return
        for mirror_config in added:
            self._begin(mirror_config)
        self.mirrors = {mirror.name: self.mirrors[mirror.name] for mirror in new.mirrors}
        log.info("reloaded %s: %d mirrors, %d of them new or changed", self._path, len(wanted), len(added))
        self._ready_when_watched()

    async def _end(self, mirrors: list[MirrorSync]) -> None:
        """End these mirrors with what they have under way: left to go on, it could overwrite what comes after it."""
        for mirror in mirrors:
            mirror.close()
            for target in mirror.targets:
                target.kill()
        self._closing += mirrors
        await self._idle(mirrors, STOP_TIMEOUT / 2)
        for mirror in mirrors:
            mirror.tell_nothing_more()

    def _refuse_what_needs_a_restart(self, new: Config) -> None:
        for key in ("state_dir", "status", "rsync", "log_format", "log_file", "syslog"):
            if getattr(new, key) != getattr(self.config, key):
                raise ConfigError([f"{key}: changed, which needs a restart of the service"])

    # ------------------------------------------------------------------ status and orders

    async def _serve_status(self) -> None:
        status = self.config.status
        self._control = ControlServer(status.socket, self._obey)
        await self._control.start()
        if status.listen is not None:
            self._http = StatusHttp(
                status.listen,
                asyncio.get_running_loop(),
                lambda detailed: details(self) if detailed else document(self),
                token_file=status.token_file,
            )
            try:
                self._http.start()
            except (OSError, ControlError, TokenError):
                await self._control.close()
                raise

    def _obey(self, request: dict[str, Any]) -> dict[str, Any]:
        order = request.get("command")
        if order == "status":
            return {"ok": True, "status": document(self)}
        if order not in ("resync", "pause", "resume", "release", "audited"):
            said = f"unknown command {order!r}: status, resync, pause, resume, release or audited"
            return {"ok": False, "error": said}
        name = request.get("mirror")
        mirror = self.mirrors.get(name) if isinstance(name, str) else None
        if mirror is None:
            return {"ok": False, "error": f"no mirror {name!r}; there are: {', '.join(self.mirrors) or 'none'}"}
        try:
            if order == "resync":
                message, changed = mirror.resync(_path(request.get("path")))
            elif order == "release":
                message, changed = mirror.release()
            elif order == "audited":
                message, changed = self._audited(mirror, request)
            else:
                message, changed = mirror.pause(order == "pause")
            return {"ok": True, "message": message, "changed": changed}
        except (OSError, ValueError) as err:
            return {"ok": False, "error": f"mirror {name}: {getattr(err, 'strerror', None) or err}"}

    def _audited(self, mirror: MirrorSync, told: dict[str, Any]) -> tuple[str, bool]:
        """An audit of a target tells what it found.  Raises ValueError, OSError."""
        known = [target.config.name for target in mirror.targets]
        name = told.get("target")
        if not isinstance(name, str) or name not in known:
            raise ValueError(f"no target {name!r}; there are: {', '.join(known)}")
        found = audits.parse(told, time.time())
        before = self.audits.get(mirror.config.name, name)
        places = {(of, target.config.name) for of, one in self.mirrors.items() for target in one.targets}
        self.audits.note((mirror.config.name, name), found, places)
        if found.drift or (before is not None and before.drift):
            words = f"{found.missing} missing, {found.different} different, {found.extra} extra"
            level = logging.WARNING if found.drift else logging.INFO
            log.log(level, "mirror %s target %s: an audit found %s", mirror.config.name, name, words)
        return "noted", before is None or before.drift != found.drift


def _path(given: object) -> Optional[bytes]:
    """A path relative to the source from a request.  Raises ValueError for one that would lead out of it."""
    if given is None or given == "":
        return None
    if not isinstance(given, str):
        raise ValueError("path: a text is wanted")
    parts = [part for part in os.fsencode(given).split(b"/") if part not in (b"", b".")]
    if given.startswith("/") or b".." in parts or b"\0" in os.fsencode(given):
        raise ValueError(f"path {given!r}: give it relative to the source, without ..")
    return b"/".join(parts) or None


def run(config_path: str, on_ready: Optional[Callable[[], None]] = None) -> int:
    """Run the service in the foreground.  0 after an orderly stop, 1 failed, 2 the configuration has a mistake."""
    try:
        config = load_config(config_path)
    except ConfigError as err:
        for problem in err.problems:
            sys.stderr.write(f"lockstep: {config_path}: {problem}\n")
        return 2
    try:
        logs.set_up(config.log_level, config.log_format, file=config.log_file, syslog=config.syslog)
        return asyncio.run(_run(config_path, config, on_ready))
    except (LogFileError, ControlError, TokenError, OSError) as err:
        sys.stderr.write(f"lockstep: {err}\n")
        return 1


async def _run(path: str, config: Config, on_ready: Optional[Callable[[], None]]) -> int:
    return await Service(path, config, on_ready).run()
