"""The job templates: what they name is there, and AWX, as its API is documented, takes them once and not again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
JOBS = yaml.safe_load((ROOT / "playbooks/files/awx/job_templates.yml").read_text())
SOME = JOBS[:4]  # as each takes a second; those of the workflow
FLOWS = yaml.safe_load((ROOT / "playbooks/files/awx/workflows.yml").read_text())
TOKEN = "a token of sixteen and more"


@pytest.mark.parametrize("job", JOBS, ids=[job["name"] for job in JOBS])
def test_a_job_names_a_playbook_and_asks_for_what_that_takes(job: dict[str, Any]) -> None:
    text = (ROOT / job["playbook"]).read_text()
    for question in job.get("survey", []):
        assert re.search(rf"\b{question['variable']}\b", text)
        assert question["question_name"]
        assert question["type"] in ("text", "password", "integer", "multiplechoice")
        if question["type"] == "multiplechoice":
            assert question["default"] in question["choices"]


def uses(text: str, variable: str) -> list[str]:
    """Each line in which a playbook takes a variable."""
    return [line for line in text.splitlines() if re.search(rf"\b{variable}\b(?!=)", line) and line.strip()[0] != "#"]


@pytest.mark.parametrize("job", JOBS, ids=[job["name"] for job in JOBS])
def test_an_answer_that_is_no_text_is_typed_where_it_is_taken(job: dict[str, Any]) -> None:
    """A survey gives "false", which is true as a text: it goes through a filter, or to a module's typed option."""
    text = (ROOT / job["playbook"]).read_text()
    options = {}
    for module in set(re.findall(r"lockstep\.realtime\.(\w+):$", text, re.MULTILINE)):
        source = (ROOT / f"plugins/modules/{module}.py").read_text()
        options.update(yaml.safe_load(source.split('DOCUMENTATION = r"""')[1].split('"""')[0])["options"])
    for question in job.get("survey", []):
        if question["type"] == "integer" or question.get("choices") == ["true", "false"]:
            # a use has a filter; words that tell of the variable have none
            taken = [line for line in uses(text, question["variable"]) if "|" in line]
            assert taken
            for line in taken:
                option = re.match(r"\s+(\w+): \"\{\{", line)
                typed = options.get(option[1], {}).get("type") in ("bool", "int", "float") if option else False
                assert typed or re.search(r"\| (bool|int|float)\b", line), line


def test_the_image_is_a_definition_of_version_3_with_what_the_controller_calls() -> None:
    image = yaml.safe_load((ROOT / "execution-environment/execution-environment.yml").read_text())
    assert image["version"] == 3
    assert image["images"]["base_image"]["name"]
    assert {word.split()[0] for word in image["dependencies"]["system"]} == {"openssh-clients", "openssl"}
    assert "execution-environment/execution-environment.yml" in (ROOT / "docs/awx.md").read_text()


@pytest.mark.parametrize("flow", FLOWS, ids=[flow["name"] for flow in FLOWS])
def test_a_workflow_has_a_job_in_each_node_and_its_nodes_follow_on_one_another(flow: dict[str, Any]) -> None:
    nodes = [node["job"] for node in flow["nodes"]]
    after = [name for node in flow["nodes"] for outcome in ("success", "failure") for name in node.get(outcome, [])]
    assert set(nodes) <= {job["name"] for job in JOBS}
    assert sorted([nodes[0], *after]) == sorted(nodes)  # one begins, and each other follows once


class Api(BaseHTTPRequestHandler):
    """The part of AWX's API that is asked: projects, inventories, job_templates and their surveys, and
    workflow_job_templates and their nodes, below /api/v2/."""

    templates: dict[int, dict[str, Any]]
    flows: dict[int, dict[str, Any]]
    nodes: dict[int, dict[str, Any]]
    surveys: dict[int, dict[str, Any]]
    asked: list[str]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        name = parse_qs(url.query).get("name", [""])[0]
        survey = re.fullmatch(r"/api/v2/job_templates/(\d+)/survey_spec/", url.path)
        if survey:
            self._answer(200, self.surveys.get(int(survey[1]), {}))
        elif url.path == "/api/v2/job_templates/":
            begin = parse_qs(url.query)["name__startswith"][0]
            self._answer(200, {"results": [one for one in self.templates.values() if one["name"].startswith(begin)]})
        elif url.path == "/api/v2/workflow_job_templates/":
            self._answer(200, {"results": list(self.flows.values())})
        elif url.path == "/api/v2/workflow_job_template_nodes/":
            flow = int(parse_qs(url.query)["workflow_job_template"][0])
            found = [node for node in self.nodes.values() if node["workflow_job_template"] == flow]
            self._answer(200, {"results": found})
        elif url.path in ("/api/v2/projects/", "/api/v2/inventories/"):
            self._answer(200, {"results": [{"id": len(url.path), "name": name}] if name == "known" else []})
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(f"{self.command} {self.path}")
        survey = re.fullmatch(r"/api/v2/job_templates/(\d+)/survey_spec/", self.path)
        one = re.fullmatch(r"/api/v2/job_templates/(?:(\d+)/)?", self.path)
        if survey and int(survey[1]) in self.templates:
            self.surveys[int(survey[1])] = body
            self._answer(200, {})
        elif one and (one[1] is None) == (self.command == "POST"):
            number = int(one[1] or 100 + len(self.templates))
            self.templates[number] = {**self.templates.get(number, {"id": number, "created": "now"}), **body}
            self._answer(200 if one[1] else 201, self.templates[number])
        else:
            self._workflow(body)

    do_PATCH = do_POST

    def _workflow(self, body: dict[str, Any]) -> None:
        """A workflow, a node of one, or a link between two nodes, of which AWX takes one in each direction."""
        one = re.fullmatch(r"/api/v2/(workflow_job_template(?:_node)?s)/(?:(\d+)/)?", self.path)
        link = re.fullmatch(r"/api/v2/workflow_job_template_nodes/(\d+)/((?:success|failure|always)_nodes)/", self.path)
        if one and (one[2] is None) == (self.command == "POST"):
            known = self.nodes if "_node" in one[1] else self.flows
            links: dict[str, Any] = {kind: [] for kind in ("success_nodes", "failure_nodes", "always_nodes")}
            if known is self.nodes:
                assert body["workflow_job_template"] in self.flows
                assert body["unified_job_template"] in self.templates
            number = int(one[2] or 500 + len(self.nodes) + 100 * len(self.flows))
            known[number] = {**(links if known is self.nodes else {}), "id": number, **known.get(number, {}), **body}
            self._answer(200 if one[2] else 201, known[number])
        elif link and int(link[1]) in self.nodes and body["id"] in self.nodes:
            node = self.nodes[int(link[1])]
            if body.get("disassociate"):
                node[link[2]].remove(body["id"])
            else:
                assert not [kind for kind in node if kind.endswith("_nodes") and body["id"] in node[kind]]
                node[link[2]].append(body["id"])
            self._answer(204, {})
        else:
            self._answer(404, {})

    def do_DELETE(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        gone = int(self.path.split("/")[-2])
        del self.nodes[gone]
        self._answer(204, {})

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
        text = json.dumps(body if allowed else {"detail": "no"}).encode() if code != 204 else b""
        self.send_response(code if allowed else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[tuple[str, type[Api]]]:
    """The address of such an AWX, and what it has."""
    handler = type("One", (Api,), {"templates": {}, "surveys": {}, "flows": {}, "nodes": {}, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", handler
        server.shutdown()
        thread.join()


def play(url: str, folder: Path, *options: str, **given: str) -> tuple[int, str]:
    variables = {
        "lockstep_awx_url": url, "lockstep_awx_project": "known", "lockstep_awx_inventory": "known",
        "lockstep_awx_token": TOKEN, "ansible_python_interpreter": sys.executable, "lockstep_jobs": SOME, **given,
    }  # fmt: skip
    (folder / "vars.json").write_text(json.dumps(variables))
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [str(program), "-i", "localhost,", "-e", f"@{folder}/vars.json", *options, str(ROOT / "playbooks/awx.yml")],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")},
        cwd=folder, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert TOKEN not in done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr


def test_awx_gets_each_job_and_survey_once_and_what_was_changed_by_hand_back(
    api: tuple[str, type[Api]], tmp_path: Path
) -> None:
    url, awx = api
    code, output = play(url, tmp_path)
    assert code == 0, output
    assert [one["name"] for one in awx.templates.values()] == [f"lockstep: {job['name']}" for job in SOME]
    asked = {awx.templates[number]["name"]: survey["spec"] for number, survey in awx.surveys.items()}
    for job in SOME:
        names = [question["variable"] for question in asked.get(f"lockstep: {job['name']}", [])]
        assert names == [question["variable"] for question in job.get("survey", [])]
    awx.asked.clear()
    number = next(iter(awx.surveys))
    awx.templates[number]["playbook"] = "another.yml"
    awx.surveys[number]["spec"][0]["default"] = 7
    code, output = play(url, tmp_path)
    assert code == 0, output
    assert awx.asked == [f"PATCH /api/v2/job_templates/{number}/", f"POST /api/v2/job_templates/{number}/survey_spec/"]
    awx.asked.clear()
    code, output = play(url, tmp_path)
    assert (code, awx.asked) == (0, []), output


def test_a_project_that_awx_does_not_have_is_named_and_a_check_makes_nothing(
    api: tuple[str, type[Api]], tmp_path: Path
) -> None:
    url, awx = api
    code, output = play(url, tmp_path, lockstep_awx_project="nowhere")
    assert code != 0
    assert "AWX has 0 projects named nowhere" in " ".join(output.split())
    code, output = play(url, tmp_path, "--check")
    assert code == 0, output
    assert awx.asked == []
    told = " ".join(output.split())
    for name in [job["name"] for job in SOME]:
        assert f'(item={name}) => {{ "msg": "would be made" }}' in told
    assert "would be made, with 4 of its nodes and 3 links" in told
    assert "changed=2 " in told  # the job templates, and the workflow


def followers(awx: type[Api]) -> dict[str, dict[str, list[str]]]:
    """By node, what follows on which outcome."""
    names = {number: node["identifier"] for number, node in awx.nodes.items()}
    return {
        node["identifier"]: {
            kind: [names[number] for number in node[f"{kind}_nodes"]]
            for kind in ("success", "failure", "always")
            if node[f"{kind}_nodes"]
        }
        for node in awx.nodes.values()
    }


def test_awx_gets_the_workflow_once_and_what_was_changed_by_hand_back(
    api: tuple[str, type[Api]], tmp_path: Path
) -> None:
    url, awx = api
    code, output = play(url, tmp_path)
    assert code == 0, output
    (flow,) = awx.flows.values()
    assert (flow["name"], flow["ask_limit_on_launch"]) == ("lockstep: deploy and prove", True)
    wanted = {"deploy": {"success": ["verify"]}, "verify": {"success": ["audit"], "failure": ["status"]}}
    assert followers(awx) == {**wanted, "audit": {}, "status": {}}
    for node in awx.nodes.values():
        assert awx.templates[node["unified_job_template"]]["name"] == f"lockstep: {node['identifier']}"

    deploy, verify, audit, status = awx.nodes
    awx.nodes[verify].update(success_nodes=[status], failure_nodes=[], always_nodes=[audit])
    awx.nodes[audit]["unified_job_template"] = awx.nodes[status]["unified_job_template"]
    awx.nodes[999] = {**awx.nodes[status], "id": 999, "identifier": "mine"}
    awx.asked.clear()
    code, output = play(url, tmp_path, "--check")
    assert code == 0, output
    assert awx.asked == []
    assert "would be changed, with 1 of its nodes and 4 links" in " ".join(output.split())
    code, output = play(url, tmp_path)
    assert code == 0, output
    assert followers(awx) == {**wanted, "audit": {}, "status": {}}
    assert awx.templates[awx.nodes[audit]["unified_job_template"]]["name"] == "lockstep: audit"
    awx.asked.clear()
    for options in ((), ("--check",)):
        code, output = play(url, tmp_path, *options)
        assert (code, awx.asked) == (0, []), output
        assert "changed=0 " in output
    assert deploy in awx.nodes
