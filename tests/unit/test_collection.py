"""The collection as a whole: what is in its tarball, and what its files agree upon."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if (path / "tasks").is_dir())
# these belong to the checkout alone
NOT_SHIPPED = (
    *(
        "Makefile",
        "collections/",
        "galaxy.yml",
        "pyproject.toml",
        "requirements-dev.txt",
        "requirements-docs.txt",
        "site.yml",
    ),
    *(
        "tests/bench/",
        "tests/cores/",
        "tests/e2e/",
        "tests/faults/",
        "tests/firewall/",
        "tests/gates/",
        "tests/hosts/",
        "tests/install-needs",
        "tests/lab/",
        "tests/migrate/",
        "tests/nfs/",
        "tests/sanity/run",
        "tests/site/",
        "tests/soak/",
        "tests/system/",
        "tests/tools/",
        "tests/topologies/",
        "tests/unit/",
    ),
)

# what working in a checkout leaves behind
STRAY = (
    *(".ansible/x", ".cache/x", ".collections/x", ".demo/x", ".hypothesis/x", ".mypy_cache/x", ".pytest_cache/x"),
    *(
        ".ruff_cache/x",
        ".venv/x",
        ".venv-docs/x",
        "build/x",
        "collections/ansible_collections/x",
        "lockstep-realtime-0.0.1.tar.gz",
    ),
    *("plugins/modules/__pycache__/x.pyc", "roles/watcher/files/lockstep/.mypy_cache/x", "tests/output/x"),
)


def in_git() -> list[str]:
    """Every file that is in git or would be with the next `git add`, relative to the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    return sorted(name for name in set(listed) if name and (ROOT / name).is_file())


def galaxy(*words: str, cwd: Path, collections: Path) -> str:
    command = [str(Path(sys.executable).with_name("ansible-galaxy")), "collection", *words]
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections)}
    return subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a checkout in which everything has been run that leaves something behind."""
    folder = tmp_path_factory.mktemp("build")
    checkout = folder / "checkout"
    for name in in_git():
        copy = checkout / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
    for name in STRAY:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("left behind")
    galaxy("build", "--output-path", str(folder), cwd=checkout, collections=folder)
    (built,) = folder.glob("lockstep-realtime-*.tar.gz")
    return built


def test_the_tarball_holds_what_git_holds_and_nothing_else(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        shipped = {member.name for member in archive if not member.isdir()}
    hidden = {name for name in in_git() if any(part.startswith(".") for part in Path(name).parts)}
    left_out = {name for name in in_git() if name.startswith(NOT_SHIPPED)}
    assert shipped == set(in_git()) - hidden - left_out | {"FILES.json", "MANIFEST.json"}


def test_the_tarball_installs_and_is_found_by_its_name(tarball: Path, tmp_path: Path) -> None:
    galaxy("install", str(tarball), cwd=tmp_path, collections=tmp_path)
    found = galaxy("list", "lockstep.realtime", cwd=tmp_path, collections=tmp_path)
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert re.search(rf"^lockstep\.realtime +{re.escape(version)}\b", found, re.MULTILINE)


def test_python_in_the_tarball_has_no_shebang(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        programs = [member for member in archive if member.name.endswith(".py")]
        wrong = [member.name for member in programs if archive.extractfile(member).read(2) == b"#!"]  # type: ignore[union-attr]
    assert wrong == []


def test_the_package_and_the_changelog_name_the_version_of_the_collection() -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    package = (ROOT / "roles/watcher/files/lockstep/__init__.py").read_text()
    assert f'__version__ = "{version}"' in package
    assert f"## v{version}\n" in (ROOT / "CHANGELOG.md").read_text()


def defaults_of(role: Path) -> set[str]:
    folder = role / "defaults"
    files = sorted((folder / "main").glob("*.yml")) if (folder / "main").is_dir() else [folder / "main.yml"]
    return {name for file in files for name in yaml.safe_load(file.read_text()) or {}}


def options_of(role: Path, entry: str = "main") -> dict[str, dict[str, object]]:
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return specs[entry].get("options", {})  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ROLES)
def test_defaults_and_argument_specs_of_a_role_name_the_same_variables(name: str) -> None:
    role = ROOT / "roles" / name
    options = options_of(role)
    required = {option for option, spec in options.items() if spec.get("required")}
    # a default of the specification alone would never reach the role; a required variable has none
    assert defaults_of(role) == set(options) - required


@pytest.mark.parametrize("name", ROLES)
def test_a_template_is_the_default_of_nothing_but_text(name: str) -> None:
    """Documentation takes what stands there for a value of the type; what a role computes is told in words."""
    options = options_of(ROOT / "roles" / name).items()
    templates = {option: spec["type"] for option, spec in options if "{{" in str(spec.get("default"))}
    assert {option: kind for option, kind in templates.items() if kind not in ("str", "path")} == {}


@pytest.mark.parametrize("name", ROLES)
def test_every_role_says_what_it_is_for(name: str) -> None:
    about = yaml.safe_load((ROOT / "roles" / name / "meta/main.yml").read_text())["galaxy_info"]
    assert about["role_name"] == name
    assert about["description"].endswith(".")


@pytest.mark.parametrize("name", ROLES)
def test_variables_of_a_role_carry_its_name(name: str) -> None:
    shared = ("lockstep_",)
    wrong = [option for option in options_of(ROOT / "roles" / name) if not option.startswith((f"{name}_", *shared))]
    assert wrong == []


def text_files() -> dict[str, str]:
    texts = {}
    for name in in_git():
        data = (ROOT / name).read_bytes()
        if b"\0" not in data:
            texts[name] = data.decode("utf-8", "surrogateescape")
    return texts


def test_no_file_names_the_folder_of_this_checkout_or_a_home() -> None:
    # one as short as /data may well stand in an example
    places = [f"{place}/" for place in (ROOT, Path.home()) if len(place.parts) > 2]
    wrong = [f"{name}: {place}" for name, text in text_files().items() for place in places if place in text]
    assert wrong == []


def package_hosts() -> set[str]:
    """The hosts that pip and apt of this machine fetch from, as these say themselves."""
    words = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for sources in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")):
        if sources.is_file():
            words += sources.read_text()
    return set(re.findall(r"https?://([\w.-]+\.[a-z]+)[/:\s]", words))


def test_no_file_names_a_host_of_packages() -> None:
    hosts = package_hosts()
    wrong = [f"{name}: {host}" for name, text in text_files().items() for host in hosts if host in text]
    assert wrong == []


def test_git_ignores_what_running_things_leaves_behind() -> None:
    ignored = subprocess.run(["git", "check-ignore", *STRAY], cwd=ROOT, check=False, capture_output=True, text=True)
    assert set(STRAY) - set(ignored.stdout.split()) == set()
