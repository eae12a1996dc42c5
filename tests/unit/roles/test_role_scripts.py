"""The small programs that roles run on a host: what is there, whose pid file, which limits."""

from __future__ import annotations

import grp
import hashlib
import importlib.util
import json
import os
import pathlib
import pwd
import socket
import subprocess
import sys
import time

import pytest
import yaml

ROLES = pathlib.Path(__file__).parents[3] / "roles"


def load(role, name):
    spec = importlib.util.spec_from_file_location(name, ROLES / role / "files" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


survey = load("rsync_daemon", "survey")
daemon_process = load("rsync_daemon", "daemon_process")
own_files = load("rsync_daemon", "own_files")
firewall = load("rsync_daemon", "firewall")
set_limits = load("inotify_limits", "set_limits")


NO_UNIT = survey.Unit("", "")
MARKER = "# This file is kept by a role."


@pytest.fixture
def look(tmp_path):
    """Looks at a host that has nothing yet, but for what is given."""

    def run(**given):
        nothing = {name: str(tmp_path / name) for name in ("config", "program")}
        order = {**nothing, "marker": MARKER, "address": "127.0.0.1", "port": 0, "group": "root", "unit": ""}
        order.update(login="nobody-has-it", login_mark="made", logrotate=str(tmp_path / "logrotate"))
        order.update(firewall=str(tmp_path / "firewall"), proxy=str(tmp_path / "proxy.service"))
        order.update(files={}, settings=str(tmp_path / "settings"), trial="")
        order["user"] = ["nobody-has-it", "root", "", "/", "/bin/sh"]
        return survey.survey({**order, "folders": [], "modules": [], "owner": [], **given})

    return run


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """A systemd that says what it is told to."""

    def says(**properties):
        lines = "\n".join(f"{name}={value}" for name, value in properties.items())
        (tmp_path / "systemctl").write_text(f"#!/bin/sh\n[ $1 = show ] || exit 9\ncat <<end\n{lines}\nend\n")
        (tmp_path / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return says


def test_a_fresh_host_has_nothing(look, tmp_path):
    assert look(group="nobody-has-it", unit="nobody-has.service", folders=[str(tmp_path / "etc")]) == {
        "config": {"exists": False, "ours": False, "secrets": [], "says": False},
        "foreign": [],
        "program": False,
        "version_text": "",
        "trial": [],
        "port_problem": None,
        "group": False,
        "user": False,
        "login": {"group": "", "made": False},
        "logrotate": False,
        "firewall": False,
        "firewall_outdated": False,
        "unit": False,
        "serves": False,
        "outdated": False,
        "proxy": False,
        "proxy_serves": False,
        "proxy_outdated": False,
        "folders_missing": [str(tmp_path / "etc")],
        "modules": {},
    }


@pytest.mark.parametrize(
    ("active", "enabled", "serves"),
    [
        ("active", "enabled", True),
        ("inactive", "enabled", False),
        ("activating", "enabled", False),
        ("active", "disabled", False),
        ("active", "enabled-runtime", False),
        ("active", "static", False),
    ],
)
def test_a_unit_serves_that_runs_now_and_after_each_boot(look, systemctl, active, enabled, serves):
    systemctl(ActiveState=active, UnitFileState=enabled)
    assert look(unit="rsync.service")["serves"] is serves
    assert look(unit="")["serves"] is False


def test_a_unit_is_outdated_whose_files_systemd_has_not_read(look, systemctl, tmp_path):
    (tmp_path / "firewall").write_text("")
    for said, outdated in (("yes", True), ("no", False)):
        systemctl(ActiveState="active", NeedDaemonReload=said, MainPID=0)
        seen = look(unit="rsync.service", proxy="/usr")
        assert [seen[name] for name in ("outdated", "proxy_outdated", "firewall_outdated")] == [outdated] * 3
    assert look(unit="")["outdated"] is False


def test_a_unit_is_outdated_that_runs_since_before_its_settings(look, systemctl, tmp_path):
    systemctl(ActiveState="active", NeedDaemonReload="no", MainPID=os.getpid())
    settings, now = tmp_path / "settings", time.time()
    assert look(unit="rsync.service")["outdated"] is False
    settings.write_text("")
    for written, outdated in ((now, True), (now - 10**9, False), (now + 10**6, False)):
        os.utime(settings, (written, written))
        assert look(unit="rsync.service")["outdated"] is outdated
    systemctl(ActiveState="inactive", NeedDaemonReload="no", MainPID=0)
    os.utime(settings, (now, now))
    assert look(unit="rsync.service")["outdated"] is False


@pytest.mark.parametrize(
    ("text", "ours", "says"),
    [
        (f"{MARKER}\nuid = root\n", True, True),
        ("# an example:\n  # [data]\n\n", False, False),
        ("# mine\n  [data]\n", False, True),
        ("", False, False),
        ("\udcff = 1\n", False, True),
    ],
)
def test_whose_configuration_is_there_and_whether_it_says_anything(look, tmp_path, text, ours, says):
    (tmp_path / "config").write_text(text, errors="surrogateescape")
    assert look()["config"] == {"exists": True, "ours": ours, "secrets": [], "says": says}


def test_a_configuration_that_is_still_the_packages_says_nothing_of_its_own(look, tmp_path, monkeypatch):
    """openSUSE Leap ships one with settings."""
    config, rpm, shipped = tmp_path / "config", tmp_path / "rpm", "gid = nobody\nuid = nobody\n"
    digest = hashlib.sha256(shipped.encode()).hexdigest()
    told = f"/usr/bin/rsync\t{'0' * 64}\n{config}\t{digest}"
    rpm.write_text(f'#!/bin/sh\n[ "$1 $2 $4" = "-qf --queryformat {config}" ] || exit 9\ncat <<end\n{told}\nend\n')
    rpm.chmod(0o755)
    config.write_text(shipped)
    assert look()["config"]["says"] is True
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert look()["config"]["says"] is False
    config.write_text(f"{shipped}[data]\n")
    assert look()["config"]["says"] is True


def test_a_configuration_that_cannot_be_read_is_an_error(look, tmp_path):
    with pytest.raises(OSError, match="Is a directory"):
        look(config=str(tmp_path))


@pytest.fixture
def files(tmp_path):
    """Where the role has its files, each of which is there."""
    places = {f"rsync_daemon_{name}": tmp_path / name for name in ("config", "secrets_file", "lock_file", "pid_file")}
    for path in places.values():
        path.write_text("7\n")
    return {name: str(path) for name, path in places.items()}


def configuration(files, marker=MARKER):
    named = f"lock file = {files['rsync_daemon_lock_file']}\nsecrets file = {files['rsync_daemon_secrets_file']}\n"
    pathlib.Path(files["rsync_daemon_config"]).write_text(f"{marker}\n{named}")


def own(files, ours=True, secrets="/nowhere"):
    order = {"config": files["rsync_daemon_config"], "ours": ours, "files": files, "tools": "/nowhere"}
    return own_files.own({**order, "marker": MARKER, "secrets": str(secrets)})


def test_only_what_the_roles_own_configuration_names_goes_with_it(files):
    configuration(files)
    mine = [files[f"rsync_daemon_{name}"] for name in ("secrets_file", "lock_file", "pid_file")]
    assert own(files) == mine
    other = pathlib.Path(files["rsync_daemon_pid_file"]).with_name("another")
    other.write_text("somebody's\n")
    assert own({**files, "rsync_daemon_secrets_file": str(other)}) == mine[1:]
    assert own({**files, "rsync_daemon_pid_file": str(other)}) == mine[:2]


def test_secrets_of_another_configuration_stay_and_are_kept_before_they_are_replaced(look, files):
    configuration(files)
    assert look(files=files, config=files["rsync_daemon_config"])["foreign"] == []
    configuration(files, "# somebody's")
    assert own(files, ours=False) == [files["rsync_daemon_pid_file"]]
    kept = look(files=files, config=files["rsync_daemon_config"])["foreign"]
    assert kept == [files["rsync_daemon_config"], files["rsync_daemon_secrets_file"]]


def test_secrets_of_modules_go_and_what_is_not_the_roles_stays(files, tmp_path):
    configuration(files)
    before, folder = own(files), tmp_path / "secrets.d"
    folder.mkdir()
    assert own(files, secrets=folder) == before
    for name in ("data", "home"):
        (folder / name).write_text(f"{MARKER}\nsomebody:secret\n")
    assert own(files, secrets=folder) == [*before, str(folder)]
    assert own(files, ours=False, secrets=folder)[-1] == str(folder)
    (folder / "other").write_text("somebody:secret\n")
    (folder / "link").symlink_to("data")
    assert own(files, secrets=folder) == [*before, str(folder / "data"), str(folder / "home")]


def test_secrets_that_the_roles_own_configuration_names_are_known(look, files):
    """One that is no more named, after this run of the role, is for nobody any more."""
    configuration(files)
    config = files["rsync_daemon_config"]
    assert look(files=files, config=config)["config"]["secrets"] == [files["rsync_daemon_secrets_file"]]
    configuration(files, "# somebody's")
    assert look(files=files, config=config)["config"]["secrets"] == []
    configuration(files)
    secrets = pathlib.Path(files["rsync_daemon_secrets_file"])
    secrets.unlink()
    assert look(config=config)["config"]["secrets"] == []
    secrets.mkdir()
    assert look(config=config)["config"]["secrets"] == []


def test_a_link_or_a_folder_is_not_removed_for_a_file(files):
    configuration(files)
    lock, secrets = (pathlib.Path(files[f"rsync_daemon_{name}"]) for name in ("lock_file", "secrets_file"))
    lock.unlink()
    lock.symlink_to(secrets)
    secrets.unlink()
    secrets.mkdir()
    assert own(files) == [files["rsync_daemon_pid_file"]]


def test_a_folder_where_a_file_is_to_be_is_told_with_its_variable(look, files, tmp_path):
    with pytest.raises(OSError, match="Is a directory; correct rsync_daemon_lock_file"):
        look(files={**files, "rsync_daemon_lock_file": str(tmp_path)})


def test_the_folder_of_tools_goes_as_a_whole_only_where_nothing_else_is_in_it(tmp_path):
    tools = tmp_path / "tools"
    assert own_files.tools(str(tools)) == []
    tools.mkdir()
    assert own_files.tools(str(tools)) == []
    (tools / "rsyncd_check").mkdir()
    (tools / "firewall.py").write_text("")
    assert own_files.tools(str(tools)) == [str(tools)]
    (tools / "another").write_text("")
    assert own_files.tools(str(tools)) == [str(tools / "firewall.py"), str(tools / "rsyncd_check")]


def test_the_program_tells_its_version_or_why_it_does_not_run(look, tmp_path):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho 'rsync  version 3.2.7' $1\n")
    assert look()["version_text"] == "Permission denied"
    program.chmod(0o755)
    assert look()["version_text"] == "rsync  version 3.2.7 --version\n"


def test_directories_are_missing_or_right_or_need_another_owner(look, tmp_path):
    there, file = tmp_path / "there", tmp_path / "file"
    there.mkdir()
    file.write_text("")
    paths = [str(there), str(file), str(tmp_path / "none")]
    mine = [there.owner(), there.group()]
    assert look(modules=paths)["modules"] == dict(zip(paths, ("right", "other", "missing")))
    assert look(modules=paths, owner=mine)["modules"] == dict(zip(paths, ("right", "other", "missing")))
    assert look(modules=paths, owner=[mine[0], "another"])["modules"][str(there)] == "other"


def test_who_logs_in_is_told_by_group_and_by_whether_the_role_made_it(look):
    root = pwd.getpwnam("root")
    assert look(login="root")["login"] == {"group": grp.getgrgid(root.pw_gid).gr_name, "made": False}
    assert look(login="root", login_mark=root.pw_gecos)["login"]["made"]


def test_a_user_that_the_role_made_is_as_wanted_only_in_group_home_and_shell(look):
    root = pwd.getpwnam("root")
    wanted = ["root", grp.getgrgid(root.pw_gid).gr_name, root.pw_gecos, root.pw_dir, root.pw_shell]
    assert look(user=wanted)["user"] is True
    for position in (0, 1, 3, 4):
        assert look(user=[*wanted[:position], "another", *wanted[position + 1 :]])["user"] is False


def test_a_user_of_others_is_used_as_it_is(look):
    assert look(user=["root", "another", "made by the role", "/nonexistent", "/usr/sbin/nologin"])["user"] is True


def test_what_it_prints_is_one_line_of_json(look, tmp_path):
    given = {"config": str(tmp_path / "config"), "program": sys.executable, "marker": MARKER, "address": "", "port": 0}
    given.update(
        login="root",
        login_mark="",
        logrotate="/",
        firewall="/",
        proxy="/",
        group="root",
        user=["root", "root", "", "/", "/bin/sh"],
        unit="",
        files={},
        settings="/nowhere",
        trial="",
        folders=[],
        modules=["/a b\n'\""],
        owner=["root", "root"],
    )
    argv = [sys.executable, str(ROLES / "rsync_daemon/files/survey.py"), json.dumps(given)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 1
    assert json.loads(done.stdout)["modules"] == {"/a b\n'\"": "missing"}
    given["config"] = str(tmp_path)
    done = subprocess.run([*argv[:2], json.dumps(given)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}: Is a directory\n")


def test_a_port_that_nobody_has_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert survey.port_problem("127.0.0.1", port, "/etc/rsyncd.conf", NO_UNIT) is None


@pytest.mark.parametrize("address", ["127.0.0.1", ""])
def test_a_taken_port_names_the_process_that_has_it(address):
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = survey.port_problem(address, server.getsockname()[1], "/etc/rsyncd.conf", NO_UNIT)
    assert f"(process {os.getpid()})" in said
    assert "set rsync_daemon_port" in said


@pytest.mark.parametrize("whose", ["main", "child", "none"])
def test_with_systemd_only_a_process_of_the_unit_may_have_the_port(systemctl, whose):
    """A daemon of the same configuration that was started by hand would keep the unit from listening."""
    serve = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    argv = ["rsync", "-c", serve, "--daemon"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    python = {"executable": sys.executable, "env": {"PYTHONHOME": sys.base_prefix}}  # by its name it finds no modules
    with subprocess.Popen(argv, **python, **pipes) as process:
        port = int(process.stdout.readline())
        systemctl(MainPID={"main": process.pid, "child": os.getpid(), "none": 0}[whose])
        unit = survey.Unit("rsync.service", "")
        said = survey.port_problem("127.0.0.1", port, "/etc/rsyncd.conf", unit)
        assert survey.port_problem("127.0.0.1", port, "/etc/rsyncd.conf", NO_UNIT) is None
        process.stdin.write(b"\n")
    if whose == "none":
        assert f"(process {process.pid}), which rsync.service did not start; stop that" in said
    else:
        assert said is None


def test_an_address_of_another_host_is_named():
    assert "192.0.2.1 is no address of this host" in survey.port_problem("192.0.2.1", 8730, "/etc/rsyncd.conf", NO_UNIT)


@pytest.mark.parametrize(
    ("argv", "ours"),
    [
        (["/usr/bin/rsync", "--daemon", "--no-detach"], True),
        (["/usr/bin/rsync", "--daemon", "--config=/etc/rsyncd.conf", "--port=873"], True),
        (["/usr/bin/rsync", "--daemon", "--config=/other"], False),
        (["/usr/bin/rsync", "-a", "/a", "/b"], False),
        (["nginx", "--daemon"], False),
        ([], False),
    ],
)
def test_only_the_daemon_of_the_same_configuration_may_have_the_port(argv, ours):
    assert survey.is_daemon_of(argv, "/etc/rsyncd.conf") is ours


@pytest.mark.parametrize("text", ["", "no number", "999999999", None])
def test_a_pid_file_that_tells_of_nothing_is_no_daemon(tmp_path, text):
    if text is not None:
        (tmp_path / "pid").write_text(text)
    assert daemon_process.find(str(tmp_path / "pid"), "/c") == {"pid": None, "argv": []}


def test_a_pid_that_became_another_process_is_not_the_daemon(tmp_path):
    (tmp_path / "pid").write_text(f"{os.getpid()}\n")
    assert daemon_process.find(str(tmp_path / "pid"), "/c")["pid"] is None


def test_the_daemon_of_a_configuration_is_found(tmp_path):
    argv = [sys.executable, "-c", "input()", "--daemon", "--config=/c"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        until = time.monotonic() + 10
        while (
            b"--config=/c" not in pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()
        ):  # not until it has become that
            assert time.monotonic() < until
        (tmp_path / "pid").write_text(f"{process.pid}\n")
        assert daemon_process.find(str(tmp_path / "pid"), "/c") == {"pid": process.pid, "argv": argv}
        assert daemon_process.find(str(tmp_path / "pid"), "/other")["pid"] is None
        process.communicate(b"\n")


@pytest.fixture
def kernel(tmp_path):
    """A folder like /proc/sys/fs/inotify."""
    for name, value in (("max_user_watches", 8192), ("max_queued_events", 16384)):
        (tmp_path / name).write_text(f"{value}\n")
    return tmp_path


def order(watches, queue, *, lower=False, write=True, must=(1, 1)):
    names = ("max_user_watches", "max_queued_events")
    return {
        "wanted": dict(zip(names, (watches, queue))),
        "must": dict(zip(names, must)),
        "lower": lower,
        "write": write,
        "file": "",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# by a role\n\n fs.inotify.max_user_watches = 1\nfs/inotify/max_user_instances=2\n; old\n", None),
        (
            "fs.inotify.max_user_watches = 1\nvm.swappiness = 1\n",
            "sets more than limits of inotify (vm.swappiness = 1)",
        ),
        ("fs.inotify_x = 1", "sets more than limits of inotify"),
    ],
)
def test_no_limit_is_set_where_the_file_for_the_boot_is_another_s(kernel, tmp_path, text, problem):
    file = tmp_path / "own.conf"
    file.write_text(text)
    result = set_limits.main({**order(65536, 100), "file": str(file)}, str(kernel))
    assert bool(result["changed"]) is not bool(problem)
    assert all(f"{file} {problem}" in said for said in result["problems"])
    assert len(result["problems"]) == bool(problem)


@pytest.mark.parametrize("name", ["folder", "no-folder/own.conf"])
def test_no_limit_is_set_where_there_is_a_folder_or_a_file_in_the_way(kernel, tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "no-folder").write_text("")
    result = set_limits.main({**order(65536, 100), "file": str(tmp_path / name)}, str(kernel))
    assert (result["changed"], len(result["problems"])) == ({}, 1)
    assert (kernel / "max_user_watches").read_text() == "8192\n"


def removed(file, how="run"):
    tasks = yaml.safe_load((ROLES / "inotify_limits/tasks/main.yml").read_text())
    script = next(task["vars"]["__inotify_limits_remove"] for task in tasks if "argv" in str(task))
    done = subprocess.run(["sh", "-c", script, "sh", str(file), how], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_file_for_the_boot_is_removed_and_check_mode_says_so(tmp_path):
    file = tmp_path / "own.conf"
    file.write_text("#\n# managed\n#\nfs.inotify.max_user_watches = 65536\n")
    assert removed(file, "check") == (0, "removed\n")
    assert file.exists()
    assert removed(file) == (0, "removed\n")
    assert removed(file) == (0, "")
    assert not file.exists()


def test_neither_a_folder_nor_a_file_of_others_is_removed(tmp_path):
    file = tmp_path / "own.conf"
    file.write_text("fs.inotify.max_user_watches = 65536\nvm.swappiness = 1\n")
    for path, said in ((tmp_path, "is a folder"), (file, "sets more than limits of inotify")):
        code, text = removed(path)
        assert code == 1
        assert said in text
    assert file.exists()


def test_a_limit_is_raised_and_a_higher_one_stays(kernel):
    result = set_limits.main(order(65536, 100), str(kernel))
    assert result["changed"] == {"max_user_watches": [8192, 65536]}
    assert result["limits"] == {"max_user_watches": 65536, "max_queued_events": 16384}
    assert (kernel / "max_user_watches").read_text() == "65536"
    assert set_limits.main(order(65536, 100), str(kernel))["changed"] == {}


def test_a_higher_limit_is_lowered_when_told_to(kernel):
    set_limits.main(order(100, 200, lower=True), str(kernel))
    assert ((kernel / "max_user_watches").read_text(), (kernel / "max_queued_events").read_text()) == ("100", "200")


def test_check_mode_tells_and_does_not_write(kernel):
    assert set_limits.main(order(65536, 1, write=False), str(kernel))["changed"] == {"max_user_watches": [8192, 65536]}
    assert (kernel / "max_user_watches").read_text() == "8192\n"


@pytest.fixture
def refusing(monkeypatch):
    """A kernel that takes nothing: a folder of files is not as read-only for root as /proc/sys can be."""
    monkeypatch.setattr(set_limits, "_write", lambda path, value: "Read-only file system")


@pytest.mark.usefixtures("refusing")
def test_a_limit_that_cannot_be_set_is_left_where_it_suffices(kernel):
    result = set_limits.main(order(65536, 1, must=(8192, 1)), str(kernel))
    assert result["problems"] == []
    assert "max_user_watches is 8192 and could not be set to 65536: Read-only file system" in result["kept"][0]
    assert result["limits"]["max_user_watches"] == 8192
    assert result["changed"] == {}


@pytest.mark.usefixtures("refusing")
def test_a_limit_that_cannot_be_set_and_is_needed_is_a_problem(kernel):
    problem = set_limits.main(order(65536, 1, must=(10000, 1)), str(kernel))["problems"][0]
    assert "Read-only file system; at least 10000 are needed; run with root's rights" in problem


def test_a_value_that_the_kernel_does_not_take_is_told(kernel, monkeypatch):
    monkeypatch.setattr(set_limits, "_read", lambda path: 8192)
    assert "the kernel made it 8192" in set_limits.main(order(65536, 1, must=(1, 1)), str(kernel))["kept"][0]


@pytest.mark.parametrize("kind", ["nftables", "ufw", "firewalld"])
def test_the_firewall_is_opened_at_each_port_and_at_no_other(kind):
    order = {"chain": "inet filter input", "clients": ["172.16.1.31"]}
    one = firewall.lines_of(kind, {**order, "ports": [873]})
    assert all("873" in line for line in one)
    both = firewall.lines_of(kind, {**order, "ports": [873, 874]})
    assert both == [*one, *(line.replace("873", "874") for line in one)]
    assert firewall.lines_of(kind, {**order, "ports": []}) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('exec rsync "$@"', ["right"]),
        ("exit 0", ["{program} failed to delete in a trial: its exit is 0"]),
        ("echo invalid file mode 0 >&2; exit 22", ["{program} has the --delete-missing-args defect of 3.4.3"]),
    ],
)
def test_the_survey_tells_what_a_trial_says_of_the_program(look, tmp_path, text, said):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    trial = (ROLES / "rsync_daemon/files/rsyncd_check/deletion.py").read_text()
    assert [line.split(" (")[0] for line in look(trial=trial)["trial"]] == [
        line.format(program=program) for line in said
    ]


def test_a_trial_that_cannot_be_made_says_nothing(look, tmp_path):
    (tmp_path / "program").symlink_to("/bin/true")
    assert look(trial="raise OSError")["trial"] == []
