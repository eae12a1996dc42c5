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
SOME = JOBS[:3]  # as each takes a second
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


class Api(BaseHTTPRequestHandler):
    """The part of AWX's API that is asked: /api/v2/projects, inventories, job_templates and their surveys."""

    templates: dict[int, dict[str, Any]]
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
            self._answer(404, {})

    do_PATCH = do_POST

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        allowed = self.headers["Authorization"] == f"Bearer {TOKEN}"
        text = json.dumps(body if allowed else {"detail": "no"}).encode()
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
    handler = type("One", (Api,), {"templates": {}, "surveys": {}, "asked": []})
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
