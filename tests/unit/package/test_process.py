"""A process gets its list whole, its end is told once with all that belongs to it, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Callable, TypeVar

import pytest

import lockstep
from lockstep.transfer.process import KEPT_FREE, NICE, STDERR_LIMIT, Ended, Process

DEADLINE = 10.0
T = TypeVar("T")
Start = Callable[..., Process]


def within(work: Awaitable[T]) -> T:
    async def limited() -> T:
        return await asyncio.wait_for(work, DEADLINE)

    return asyncio.run(limited())


async def run(script: str, data: bytes = b"", on_start: Callable[[Process], None] = lambda process: None,
              stdout: int | None = None, tells: bool = False) -> Ended:  # fmt: skip
    """A shell in the place of rsync, fed with `data`; how it ended."""
    ends: list[Ended] = []
    over = asyncio.Event()

    def ended(process: Process, how: Ended) -> None:
        assert process.ended
        ends.append(how)
        over.set()

    process = Process(["/bin/sh", "-c", script], ended, stdout, tells)
    on_start(process)
    process.feed(data)
    await over.wait()
    assert len(ends) == 1
    return ends[0]


@contextlib.contextmanager
def filled_up() -> Iterator[int]:
    """No descriptor below the given one is free, and none from there on is in use."""
    highest = max(map(int, os.listdir("/proc/self/fd")))
    taken = [os.open(os.devnull, os.O_RDONLY)]
    while taken[-1] <= highest:
        taken.append(os.open(os.devnull, os.O_RDONLY))
    free = taken.pop()
    os.close(free)
    try:
        yield free
    finally:
        for number in taken:
            os.close(number)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("left", [0, 1, 2, 3, KEPT_FREE + 3])
def test_with_few_descriptors_left_it_is_not_started_and_takes_none_of_them(left: int) -> None:
    """Some stay free for the status; and what was opened for it is closed again, wherever it failed."""

    async def work() -> None:
        before, (soft, hard) = os.listdir("/proc/self/fd"), resource.getrlimit(resource.RLIMIT_NOFILE)
        with filled_up() as free:
            resource.setrlimit(resource.RLIMIT_NOFILE, (free + left, hard))
            try:
                with pytest.raises(OSError, match="Too many open files"):
                    Process(["/bin/true"], lambda _process, _ended: None)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert os.listdir("/proc/self/fd") == before

    within(work())


def test_one_that_gives_way_has_a_nice_value(tmp_path: Path) -> None:
    def on_start(process: Process) -> None:
        process.give_way()

    within(run(f"read -r word; nice > '{tmp_path}/nice'", b"go\n", on_start=on_start))
    assert int((tmp_path / "nice").read_text()) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)


def test_a_list_much_larger_than_the_pipe_arrives_whole(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    ended = within(run(f"exec cat > '{tmp_path}/got'", data))
    assert ended.code == 0
    assert (tmp_path / "got").read_bytes() == data


def test_a_reader_that_is_slow_to_begin_does_not_stop_the_loop(tmp_path: Path) -> None:
    async def both() -> int:
        work = asyncio.ensure_future(run(f"while [ ! -e '{tmp_path}/go' ]; do sleep 0.01; done; exec cat > /dev/null",
                                         b"x" * 1_000_000))  # fmt: skip
        turns = 0
        while turns < 50:
            await asyncio.sleep(0)
            turns += 1
        assert not work.done()
        (tmp_path / "go").touch()
        return (await work).code

    assert within(both()) == 0


@pytest.mark.parametrize("code", [0, 1, 23, 127, 255])
def test_the_exit_code_is_told(code: int) -> None:
    assert within(run(f"cat > /dev/null; exit {code}")).code == code


def test_what_it_complains_of_is_told_byte_by_byte() -> None:
    ended = within(run(r"printf 'a\377\000b\n' >&2; cat > /dev/null; echo last >&2; exit 23"))
    assert (ended.code, ended.stderr) == (23, b"a\xff\0b\nlast\n")


def test_complaints_without_end_are_read_and_not_kept() -> None:
    ended = within(run("cat > /dev/null; head -c 5000000 /dev/zero >&2; exit 23"))
    assert ended.code == 23
    assert STDERR_LIMIT <= len(ended.stderr) <= STDERR_LIMIT + (1 << 16)


def test_one_that_dies_before_its_list_is_read_tells_its_own_code() -> None:
    ended = within(run("exec 0<&-; echo refused >&2; exit 5", b"x" * 1_000_000))
    assert (ended.code, ended.stderr) == (5, b"refused\n")


def test_the_output_goes_where_it_is_wanted(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as file:
        assert within(run("cat; echo end", b"names\n", stdout=file.fileno())).code == 0
    assert (tmp_path / "out").read_bytes() == b"names\nend\n"


def test_the_output_goes_nowhere_otherwise() -> None:
    assert within(run("cat > /dev/null; [ /proc/self/fd/1 -ef /dev/null ]")).code == 0


@pytest.mark.parametrize(("tells", "read"), [(False, b"error\n"), (True, b"said\nerror\n")])
def test_what_it_says_is_read_with_its_errors_where_that_is_wanted(tells: bool, read: bytes) -> None:
    assert within(run("cat; echo said; echo error >&2", tells=tells)).stderr == read


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_one_tells_the_signal(number: int) -> None:
    assert within(run("exec sleep 600", on_start=lambda process: process.kill(number))).code == -number


def test_a_kill_after_the_end_hits_nobody() -> None:
    kept: list[Process] = []
    within(run("exit 0", on_start=kept.append))
    kept[0].pid = 1  # whoever has the number now
    kept[0].kill(signal.SIGWINCH)
    assert kept[0].ended


def test_one_that_is_dismissed_gets_an_end_of_file_and_leaves() -> None:
    async def dismissed() -> Ended:
        over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        process = Process(["/bin/sh", "-c", "cat; exit 0"], lambda _process, ended: over.set_result(ended))
        process.dismiss()
        process.dismiss()
        return await over

    assert within(dismissed()).code == 0


def test_the_language_is_that_of_the_texts_we_know_and_nothing_secret_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RSYNC_PASSWORD", "secret")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    with open(tmp_path / "out", "wb") as file:
        within(run("cat; env", stdout=file.fileno()))
    found = dict(line.split("=", 1) for line in (tmp_path / "out").read_text().splitlines())
    assert found["LC_ALL"] == "C"
    assert "RSYNC_PASSWORD" not in found


def test_it_has_no_terminal_to_ask_at_and_no_descriptor_of_ours(tmp_path: Path) -> None:
    with open(tmp_path / "held", "wb") as held, open(tmp_path / "out", "wb") as out:
        assert held.fileno() > 2
        within(run("cat; ls -l /proc/self/fd; ps -o sid= -p $$; echo $$", stdout=out.fileno()))
    text = (tmp_path / "out").read_text()
    assert "held" not in text
    session, pid = text.split()[-2:]
    assert session == pid


def test_its_time_is_measured() -> None:
    async def timed() -> tuple[Ended, float]:
        begin = time.monotonic()
        ended = await run("cat > /dev/null; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
        return ended, time.monotonic() - begin

    ended, seconds = within(timed())
    assert 0 < ended.cpu <= ended.seconds + 0.1
    assert ended.seconds <= seconds


@pytest.mark.parametrize("program", ["/nonexistent/rsync", "no-such-program-anywhere"])
def test_a_program_that_is_not_there_is_told_as_such_and_leaves_nothing_open(program: str) -> None:
    async def attempt() -> int:
        over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        try:
            process = Process([program], lambda _process, ended: over.set_result(ended))
        except OSError:
            return 127
        process.feed(b"x")
        return (await over).code

    async def attempts() -> None:
        await attempt()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            assert await attempt() == 127
        assert len(os.listdir("/proc/self/fd")) == before

    within(attempts())


def test_no_descriptor_is_left_open_behind_it() -> None:
    async def many() -> None:
        await run("exit 0")
        before = len(os.listdir("/proc/self/fd"))
        for script in ("cat > /dev/null", "exec 0<&-; exit 5", "kill -9 $$"):
            await run(script, b"x" * 200_000)
        assert len(os.listdir("/proc/self/fd")) == before

    within(many())


def test_what_is_under_way_dies_with_the_watcher_however_that_dies() -> None:
    script = (
        "import asyncio, sys\n"
        "from lockstep.transfer.process import Process\n"
        "async def main():\n"
        "    process = Process(['sleep', '600'], lambda *_: None)\n"
        "    print(process.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "INVOCATION_ID"}
    environment["PYTHONPATH"] = str(Path(lockstep.__file__).parents[1])
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as watcher:
        assert watcher.stdout is not None
        pid = int(watcher.stdout.readline())
        # until it has become what it is to be, it may not have asked to die with us yet
        deadline = time.monotonic() + DEADLINE
        while Path(f"/proc/{pid}/comm").read_text() != "sleep\n":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        watcher.kill()
    try:
        while not is_gone(pid):
            assert time.monotonic() < deadline, "it has outlived the watcher"
            time.sleep(0.01)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _is_given_up(script: str, patience: float, seconds: float) -> bool:
    """Whether it is, while it is looked at often for so long."""
    over = asyncio.Event()
    process = Process(["/bin/sh", "-c", script], lambda _process, _how: over.set())
    until = time.monotonic() + seconds
    while not over.is_set() and time.monotonic() < until:
        process.give_up(patience)
        await asyncio.sleep(0.01)
    assert process.given_up == over.is_set()
    process.kill()
    await over.wait()
    return process.given_up


def test_one_that_stands_still_is_given_up(tmp_path: Path) -> None:
    """It waits for the other end of a FIFO."""
    os.mkfifo(tmp_path / "fifo")
    assert within(_is_given_up(f"exec cat '{tmp_path}/fifo'", 0.2, DEADLINE))


@pytest.mark.parametrize("work", [":", "/bin/echo"], ids=["computes", "writes"])
def test_one_that_does_something_is_not(work: str) -> None:
    assert not within(_is_given_up(f"while :; do {work}; done >/dev/null", 0.5, 1.5))
