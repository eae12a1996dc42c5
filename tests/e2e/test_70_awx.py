"""The playbooks as AWX runs them: by ansible-runner, from a project's checkout, with answers of surveys."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from checkout import copy_checkout
from conftest import DATA, HOME, Scene
from fleet import HOSTS, NFS

PROGRAMS = Path(sys.executable).parent


@dataclass
class Job:
    """What came of a job: its exit status, and its events."""

    rc: int
    events: list[dict[str, Any]]

    @property
    def stats(self) -> dict[str, Any]:
        """Of the last event: by word, by host, how many tasks."""
        return next(event["event_data"] for event in self.events if event["event"] == "playbook_on_stats")

    def failures(self) -> str:
        """What the failed tasks said."""
        failed = [event for event in self.events if event["event"] in ("runner_on_failed", "runner_item_on_failed")]
        return " ".join(str(event["event_data"]["res"].get("msg")) for event in failed)


@dataclass
class Awx:
    """A private data folder as AWX lays it out: project, inventory, env, and artifacts by job."""

    scene: Scene
    folder: Path
    jobs: int = 0

    def prepare(self) -> None:
        """Check the project out, and install collections/requirements.yml as AWX does: beside it, and not into it."""
        project = copy_checkout(self.folder / "project")
        package = "roles/watcher/files/lockstep"  # as it was deployed last, which an earlier test may have changed
        shutil.copytree(self.scene.player.checkout / package, project / package, dirs_exist_ok=True)
        env = {**self.environment(), "HOME": str(self.folder)}
        shutil.rmtree(project / ".collections")
        subprocess.run(
            [str(PROGRAMS / "ansible-galaxy"), "collection", "install", "-r", "collections/requirements.yml",
             "-p", str(self.folder / "requirements_collections")],
            cwd=project, check=True, capture_output=True, text=True, env=env,
        )  # fmt: skip
        (self.folder / "inventory").mkdir()
        hosts = (self.scene.machines.folder / "inventory.ini").read_text()
        (self.folder / "inventory/hosts").write_text(hosts)
        variables = {"lockstep_mirrors": [DATA, HOME], "lockstep_password": self.scene.player.password}
        (self.folder / "inventory/group_vars").mkdir()
        (self.folder / "inventory/group_vars/all.json").write_text(json.dumps(variables))
        (self.folder / "env").mkdir()

    def environment(self) -> dict[str, str]:
        """Without a place where the collection is already."""
        known = self.scene.player.environment()
        return {
            key: value for key, value in known.items() if key not in ("ANSIBLE_NOCOLOR", "ANSIBLE_COLLECTIONS_PATH")
        }

    def run(self, playbook: str, *options: str, **answers: object) -> Job:
        """Launch a job. Answers of a survey come as extra variables, numbers and lists apart as text."""
        self.jobs += 1
        (self.folder / "env/extravars").write_text(json.dumps(answers))
        (self.folder / "env/cmdline").write_text(" ".join(options))
        env = {**self.environment(), "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "requirements_collections")}
        words = [str(PROGRAMS / "ansible-runner"), "run", str(self.folder), "-p", playbook, "-i", str(self.jobs), "-q"]
        done = subprocess.run(
            self.scene.machines.command("run", *words), cwd=self.folder, env=env, check=False, timeout=1200,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        artifacts = self.folder / "artifacts" / str(self.jobs)
        print(f"{playbook} {options} {answers}: {done.returncode}\n{(artifacts / 'stdout').read_text()}{done.stderr}")
        files = sorted((artifacts / "job_events").glob("*.json"), key=lambda file: int(file.name.partition("-")[0]))
        job = Job(done.returncode, [json.loads(file.read_text()) for file in files])
        for file in [*files, artifacts / "stdout"]:
            assert self.scene.player.password not in file.read_text(), file
        return job


@pytest.fixture(scope="module")
def awx(deployed: Scene) -> Awx:
    made = Awx(deployed, deployed.machines.folder / "awx")
    made.prepare()
    return made


def test_a_deployment_as_a_check_finds_nothing_to_change(awx: Awx) -> None:
    job = awx.run("site.yml", "--check", "--diff")
    assert job.rc == 0
    assert set(job.stats["ok"]) == {*HOSTS}
    assert not any(job.stats["changed"].values())


def test_a_survey_gives_text_and_the_playbook_takes_it(awx: Awx) -> None:
    """As a job that is limited; what is kept for the next node of a workflow is there."""
    answers = {
        "lockstep_audit_mirrors": "data, home",
        "lockstep_audit_checksum": "true",
        "lockstep_audit_repair": "false",
    }
    job = awx.run("playbooks/audit.yml", "--limit", "nfs01", **answers)
    assert job.rc == 0
    assert set(job.stats["artifact_data"]["lockstep_audit"]["nfs01"]) == {"data", "home"}


def test_a_job_that_fails_names_its_reason(awx: Awx) -> None:
    job = awx.run("playbooks/audit.yml", lockstep_audit_mirrors="dta")
    assert job.rc != 0
    assert set(job.stats["failures"]) == {*NFS}
    assert "lockstep_audit_mirrors: no mirror is called dta" in job.failures()
    job = awx.run("playbooks/uninstall.yml", lockstep_sure="yes")
    assert "has to write uninstall; nothing was removed" in job.failures()
    assert not any(job.stats["changed"].values())


def test_a_deployment_host_by_host_ends_like_one_of_all(awx: Awx) -> None:
    """`serial` is a playbook's own: somebody's around the roles, a few hosts at a time."""
    site = (awx.folder / "project/playbooks/site.yml").read_text()
    one_by_one = site.replace("  gather_facts: false", "  gather_facts: false\n  serial: 1")
    assert one_by_one.count("serial: 1") == 5
    (awx.folder / "project/playbooks/one-by-one.yml").write_text(one_by_one)
    job = awx.run("playbooks/one-by-one.yml")
    assert job.rc == 0
    assert set(job.stats["ok"]) == {*HOSTS}
    assert not any(job.stats["changed"].values())
