"""What clients do with files that they have open: nothing waits for a close, and nothing is lost when none comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import ganesha
from conftest import VERSIONS
from export import Export
from mount import Mount
from polling import wait_for
from table import Lags

DROP_NAMES = Path("/proc/sys/vm/drop_caches")


def test_file_that_is_written_without_a_pause(export: Export, mount: Callable[[int], Mount], lags: Lags) -> None:
    """C4: it arrives as it is after `max_wait`, which is 10 seconds, however long the writing goes on."""
    clients = [mount(version) for version in VERSIONS]
    paths = {client: f"{export.top}/endless {client.version}" for client in clients}
    began, waiting, size = time.monotonic(), {}, 0
    handles = {client: client.put(paths[client]) for client in clients}
    for client in clients:
        wait_for(lambda client=client: export.same(paths[client]), 30, "an empty file")  # made, not written yet
        waiting[client] = time.monotonic()
    until = time.monotonic() + 60
    while waiting:
        for client in clients:
            client.write(handles[client], size, b"%099d\n" % size)
        size += 100
        for client in list(waiting):
            if (export.copy / paths[client].lstrip("/")).stat().st_size > 0:
                lags.add(
                    "written without a pause, from the first write",
                    client.version,
                    time.monotonic() - waiting.pop(client),
                )
        assert time.monotonic() < until, f"nothing has arrived for {time.monotonic() - began:.0f} s"
        time.sleep(0.1)
    export.become_equal()


def test_file_that_is_renamed_while_it_is_open(export: Export, client: Mount) -> None:
    """C1: what is written after the rename goes to the new name, and to nothing under the old one."""
    path = f"{export.top}/moving {client.version}"
    client.call("mkdir2", path, 0o755)
    handle = client.put(f"{path}/a", b"before\n")
    client.call("rename", f"{path}/a", f"{path}/b")
    client.write(handle, 7, b"after\n")
    export.become_equal()
    client.call("rename", path, f"{path} on")
    client.write(handle, 13, b"after that\n")
    export.become_equal()
    assert (export.copy / f"{path} on/b".lstrip("/")).read_bytes() == b"before\nafter\nafter that\n"


def test_file_that_is_removed_while_it_is_open(export: Export, client: Mount) -> None:
    """C5: its client renames it to `.nfs…`, writes on, and removes it when it is closed; the backup never has it."""
    path = f"{export.top}/removed {client.version}"
    client.call("mkdir2", path, 0o755)
    handle = client.put(f"{path}/a", b"some\n")
    export.become_equal()
    hidden = f"{path}/.nfs{client.version:024x}"
    client.call("rename", f"{path}/a", hidden)
    client.write(handle, 5, b"more\n")
    handle = client.put(f"{path}/a", b"another file of that name\n")
    export.become_equal()
    names = [entry.name for entry in (export.copy / path.lstrip("/")).iterdir()]
    assert [name for name in names if not name.startswith(".a.")] == ["a"]  # it may be sent once more just then
    client.call("unlink", hidden)
    client.write(handle, 0, b"ANOTHER")
    export.become_equal()


def test_file_that_another_client_removes_and_makes_anew(export: Export, mount: Callable[[int], Mount]) -> None:
    """C1: one has it open and writes on into what has no name any more."""
    one, other = mount(4), mount(3)
    path = f"{export.top}/two clients"
    handle = one.put(path, b"of the first\n")
    export.become_equal()
    other.call("unlink", path)
    other.put(path, b"of the second\n")
    one.write(handle, 0, b"OF THE FIRST\n")
    export.become_equal()
    assert (export.copy / path.lstrip("/")).read_bytes() == b"of the second\n"


def test_rename_over_a_file_of_equal_size_and_time(export: Export, client: Mount) -> None:
    """C22: an editor's save over NFS, over and over."""
    path = f"{export.top}/saved {client.version}"
    for turn in range(5):
        client.close(client.put(f"{path}.new", b"version %d\n" % turn))
        client.call("utimes", f"{path}.new", 10**9)
        client.call("rename", f"{path}.new", path)
    export.become_equal()
    assert (export.copy / path.lstrip("/")).read_bytes() == b"version 4\n"


def test_many_small_files_in_directories_made_at_once(export: Export, mount: Callable[[int], Mount]) -> None:
    """C3: two clients at the same time, and each file is open while the next one is made."""
    clients = [mount(version) for version in VERSIONS]
    for number in range(240):
        for client in clients:
            folder = f"{export.top}/many {client.version}/{number // 12}"
            if number == 0:
                client.call("mkdir2", f"{export.top}/many {client.version}", 0o755)
            if number % 12 == 0:
                client.call("mkdir2", folder, 0o755)
            client.put(f"{folder}/{number}", b"%d\n" % number * (number % 50))
    export.become_equal()


def test_names_that_a_server_takes(export: Export, client: Mount) -> None:
    """C2: version 4 takes none that is not UTF-8."""
    folder = f"{export.top}/names {client.version}"
    client.call("mkdir2", folder, 0o755)
    odd = ["#a", ";b", "-c", " d ", "e\nf", "*?[g]{h}", "$(i)`j`", "k\\l'\"", "\u00e9", "n" * 255, ".o"]
    for name in [*odd, *(["\udcff\udcfe"] if client.version == 3 else [])]:
        client.put(f"{folder}/{name}", b"one")
        client.call("chmod", f"{folder}/{name}", 0o640)
    export.become_equal()


def test_client_that_dies_with_files_open(export: Export, client: Mount) -> None:
    for number in range(20):
        client.put(f"{export.top}/orphan {client.version} {number}", b"%d\n" % number)
    client.end()
    export.become_equal()


def test_write_by_handle_to_a_file_whose_name_the_kernel_has_forgotten(
    export: Export, mount: Callable[[int], Mount]
) -> None:
    """No event tells of it, for the kernel does not know in which directory it is: the next reconcile finds it.

    Clients of version 3 write to a file by its handle, and the server of theirs has started anew since it was opened.
    Caches are dropped as the kernel does where memory is short, and as a reboot does.
    """
    client, other = mount(3), mount(3)
    path, fence = f"{export.top}/forgotten", f"{export.top}/fence"
    handle = client.put(path, b"first\n")
    export.settle()
    ganesha.restart(export.machines, "nfs01")
    export.settle()  # it has closed what it had open, of which an event told
    DROP_NAMES.write_text("2\n")
    client.write(handle, 6, b"second\n")
    other.put(fence, b"x")
    wait_for(lambda: export.same(fence), 30, "what was written after it")
    assert not export.same(path), "it was seen: docs/nfs.md says that it is not"
    export.machines.run("nfs01", "lockstep resync data")
    export.become_equal()
    assert (export.copy / path.lstrip("/")).read_bytes() == b"first\nsecond\n"
