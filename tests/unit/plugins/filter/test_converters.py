"""from_confxml and from_lsyncd: the converters of the watcher's package, as filters on the controller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.daemon_modules import daemon_modules
from ansible_collections.lockstep.realtime.plugins.filter.from_confxml import from_confxml
from ansible_collections.lockstep.realtime.plugins.filter.from_lsyncd import from_lsyncd
from ansible_collections.lockstep.realtime.plugins.plugin_utils import _convert

from lockstep import convert

ROOT = Path(__file__).parents[4]
CORPUS = ROOT / "tests/unit/package/corpus"
FILES = sorted(path.name for path in CORPUS.iterdir() if path.suffix in (".xml", ".lua"))
LUA = 'sync { default.rsync, source = "/data", target = "172.16.1.41::backup", delete = false }'


@pytest.mark.parametrize("name", FILES)
def test_a_filter_says_what_the_command_says(name: str) -> None:
    data = (CORPUS / name).read_bytes()
    text = data.decode("latin-1" if name.endswith(".xml") else "utf-8")
    found = (from_confxml if name.endswith(".xml") else from_lsyncd)(text)
    same = convert.convert(data)
    assert found["lockstep_mirrors"] == convert.as_inventory(same, {}, {})
    assert found["watcher_mirrors"] == convert.as_mirrors(same)
    assert found["differences"] == [str(note) for note in same.all_notes()]
    assert found["yaml"] == convert.as_configuration(same, inventory=True)


def test_the_filters_run_the_files_that_the_role_installs() -> None:
    """One source: the folder that goes to the hosts is the one that is loaded here."""
    module = _convert.converters()
    assert Path(module.__file__ or "") == ROOT / "roles/watcher/files/lockstep/convert/__init__.py"
    assert module is _convert.converters()
    assert module.__name__ != "lockstep.convert"


def test_the_converters_need_nothing_of_the_rest_of_the_package() -> None:
    """So they are loaded by themselves, whatever else is called lockstep, and without a distribution's module."""
    code = (
        "import importlib.util, sys\n"
        f"path = {str(_convert.FOLDER)!r}\n"
        "spec = importlib.util.spec_from_file_location(\n"
        "    'alone', path + '/__init__.py', submodule_search_locations=[path])\n"
        "module = sys.modules['alone'] = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in ('lockstep', 'yaml', 'pyinotify')))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_paths_and_names_of_the_inventory_are_taken_where_given() -> None:
    found = from_lsyncd(LUA, paths={"backup": "/srv/b"}, hosts={"172.16.1.41": "backup01"})["lockstep_mirrors"]
    assert found == [{"name": "backup", "source": "/data", "path": "/srv/b", "targets": ["backup01"], "delete": False}]


def test_what_comes_out_drives_both_ends() -> None:
    found = from_lsyncd(LUA, hosts={"172.16.1.41": "backup01"})["lockstep_mirrors"]
    groups = {"nfs": ["nfs01"], "backup": ["backup01"]}
    assert daemon_modules(found, "backup01", groups)[0]["path"] == "/backup"


def test_every_reason_for_a_refusal_is_in_the_error() -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        from_lsyncd("sync{}\nsync{ default.rsync }")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("from_lsyncd: line 1: sync: has no layer")
    assert lines[1].startswith("from_lsyncd: line 2: sync source: is missing")


@pytest.mark.parametrize("given", [None, 7, {"a": 1}])
def test_what_is_no_text_is_refused(given: object) -> None:
    with pytest.raises(AnsibleFilterError, match="takes the file's text"):
        from_confxml(given)


def test_a_play_finds_the_filters_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "l.lua").write_text(LUA)
    expression = (
        "{{ lookup('ansible.builtin.file', '" + str(tmp_path / "l.lua") + "') | lockstep.realtime.from_lsyncd }}"
    )
    task = {"ansible.builtin.copy": {"content": expression, "dest": str(tmp_path / "out.json")}}
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", "play.yml"],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["watcher_mirrors"][0]["name"] == "backup"
