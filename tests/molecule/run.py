"""The Molecule scenario in containers of Debian, which are made of the lab's images: `run.py VENV RELEASE...`.

Everything but the images is as extensions/molecule has it: the playbooks, their order, systemd in a container.  The
containers have this machine's network, as the images of the lab ask this machine for packages, so that the daemon is
told to listen on the loopback interface alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
NAMES = {"bookworm": "debian12", "trixie": "debian13"}
# with runc, for crun wants a machine that has cgroups of one version alone
ENGINE = """\
[containers]
default_ulimits = []
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
"""


def project(folder: Path, names: list[str]) -> Path:
    """The scenario for these platforms, in a folder of its own beside the checkout's playbooks and collection."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "extensions", folder / "extensions")
    for name in ("playbooks", ".collections"):
        (folder / name).symlink_to(ROOT / name)
    path = folder / "extensions/molecule/default/molecule.yml"
    scenario = yaml.safe_load(path.read_text())
    made = {"pre_build_image": True, "network": "host", "privileged": True}
    scenario["platforms"] = [
        {**{key: value for key, value in platform.items() if key != "dockerfile"}, **made, "image": image(name)}
        for name in names
        for platform in scenario["platforms"]
        if platform["name"] == name
    ]
    assert len(scenario["platforms"]) == len(names), f"the scenario has not all of {names}"
    scenario["provisioner"]["inventory"]["group_vars"]["all"]["rsync_daemon_address"] = "127.0.0.1"
    path.write_text(yaml.safe_dump(scenario, sort_keys=False))
    return folder / "extensions"


def image(name: str) -> str:
    return f"localhost/lockstep-{name}:latest"


def import_image(release: str) -> None:
    """The lab's base image of a release, as one of Podman's."""
    lab = [sys.executable, str(ROOT / "tests/lab/lab.py"), "image", release]
    base = subprocess.run(lab, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
    tar = ["tar", "-C", base, "--exclude=./var/cache/apt/archives/*.deb", "-cf", "-", "."]
    with subprocess.Popen(tar, stdout=subprocess.PIPE) as packed:
        subprocess.run(["podman", "import", "--quiet", "-", image(NAMES[release])], check=True, stdin=packed.stdout)
    assert packed.returncode == 0, f"tar ended with {packed.returncode}"


def main() -> int:
    venv, releases = Path(sys.argv[1]).absolute(), sys.argv[2:]
    folder = venv.parent / "molecule-project"
    extensions = project(folder, [NAMES[release] for release in releases])
    (folder / "containers.conf").write_text(ENGINE)
    os.environ["CONTAINERS_CONF"] = str(folder / "containers.conf")
    os.environ["PATH"] = f"{venv / 'bin'}:{os.environ['PATH']}"
    code = 0
    for release in releases:
        import_image(release)
        try:
            words = ["molecule", "test", "--platform-name", NAMES[release]]
            code = code or subprocess.run(words, cwd=extensions, check=False).returncode
        finally:
            subprocess.run(["podman", "rmi", "--force", image(NAMES[release])], check=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
