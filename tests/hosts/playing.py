"""Runs a playbook as a person would, from a checkout, and tells what came of it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import limits_lock
import yaml
from checkout import copy_checkout
from machines import Machines
from module_passwords import password_of

RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.*)\] \**$")
CHANGED = re.compile(r"^changed: \[([^\]\s]+)\]")


@dataclass
class Played:
    """One run: exit status, output, seconds, and by host how much it changed, or would have in check mode."""

    rc: int
    output: str
    seconds: float
    changed: dict[str, int]

    @property
    def changes(self) -> set[tuple[str, str]]:
        """Each host with the name of a task that changed something there."""
        found, task = set(), ""
        for line in self.output.splitlines():
            named = TASK.match(line)
            task = named[1] if named else task
            changed = CHANGED.match(line)
            if changed:
                found.add((changed[1], task))
        return found

    def said(self) -> str:
        """The output with its line breaks and the ones that ansible added made spaces."""
        return " ".join(self.output.replace("\\n", " ").split())


def changed_in(output: str) -> dict[str, int]:
    """By host, how many tasks changed something."""
    return {host: int(changed) for host, changed, _, _ in RECAP.findall(output)}


class Player:
    """Runs playbooks on the lab's hosts. In no output of any run may a password be, be it one of before."""

    def __init__(self, machines: Machines, password: str) -> None:
        self.machines = machines
        self.secrets: list[str] = []
        self.ends: list[tuple[str, str]] = []  # modules with their backup hosts, whose passwords are told as little
        self.checkout = copy_checkout(machines.folder / "checkout")
        self.variables = machines.folder / "group_vars/all"
        self.variables.mkdir(parents=True)
        self.set_password(password)

    @property
    def password(self) -> str:
        """The one of now."""
        return self.secrets[-1]

    def set_password(self, password: str, **more: object) -> None:
        """Have another one in the inventory, with more variables beside it."""
        self.secrets.append(password)
        self.write("password", {"lockstep_password": password, **more})

    def module_password(self, module: str, backup_host: str) -> str:
        """The one of now of a module."""
        return password_of(module, backup_host, self.password)

    def write(self, name: str, values: dict[str, object]) -> None:
        """Variables of the inventory, as its file group_vars/all/NAME.yml."""
        (self.variables / f"{name}.yml").write_text(yaml.safe_dump(values))

    def remove(self, name: str) -> None:
        (self.variables / f"{name}.yml").unlink()

    def play(self, playbook: str, *options: str, succeeds: bool = True) -> Played:
        """Run it; AssertionError with its output where it ends otherwise than expected."""
        inventory = self.machines.folder / "inventory.ini"
        program = Path(sys.executable).with_name("ansible-playbook")
        argv = self.machines.command("run", str(program), "-i", str(inventory), playbook, *options)
        # one in check mode changes nothing, and who wants to see that holds the lock himself
        with contextlib.nullcontext() if "--check" in options else limits_lock.may_change():
            began = time.monotonic()
            done = subprocess.run(
                argv,
                cwd=self.checkout,
                env=self.environment(),
                check=False,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=1200,
            )
            seconds = time.monotonic() - began
        print(f"{seconds:.1f} s: ansible-playbook {playbook} {' '.join(options)}\n{done.stdout}")
        made = [password_of(*end, secret) for end in self.ends for secret in self.secrets]
        assert not [secret for secret in self.secrets + made if secret in done.stdout], (
            f"a password is told by {playbook}"
        )
        assert (done.returncode == 0) == succeeds, f"{playbook} ended with {done.returncode}:\n{done.stdout[-6000:]}"
        return Played(done.returncode, done.stdout, seconds, changed_in(done.stdout))

    def environment(self) -> dict[str, str]:
        """Ansible's own defaults, and nothing written outside of the lab's folder."""
        kept = {key: value for key, value in self.machines.environment.items() if not key.startswith("ANSIBLE_")}
        return {
            **kept,
            "ANSIBLE_COLLECTIONS_PATH": str(self.checkout / ".collections"),
            "ANSIBLE_HOME": str(self.machines.folder / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            # facts are found in ansible_facts alone, as from ansible-core 2.24 on
            "ANSIBLE_INJECT_FACT_VARS": "false",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
