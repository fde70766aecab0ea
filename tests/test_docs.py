"""The papers cannot lie: every command they show is run, every file they name is there."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests import forked

ROOT = Path(__file__).resolve().parents[1]
PAPERS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

#: Runs the very tests that are running, or needs a network: shown to people, not run here.
NOT_RUN = ("./run test", "uv ")
#: Keeps running until it is stopped.
SERVES = ("run", "web", "worker")


def shown_commands(text: str) -> list[str]:
    """The commands in indented or fenced blocks: a line that begins with ./run, leadmagnet or uv."""
    found = re.findall(r"^(?: {4}|\t)\s*((?:\./run|leadmagnet|uv)(?:\s.*)?)$", text, re.MULTILINE)
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        found += re.findall(r"^((?:\./run|leadmagnet|uv)(?:\s.*)?)$", block, re.MULTILINE)
    # What stands behind two blanks is a remark.
    return [re.split(r"\s{2,}", command)[0].strip() for command in found]


COMMANDS = sorted({c for paper in PAPERS for c in shown_commands(paper.read_text()) if not c.startswith(NOT_RUN)})


def test_the_papers_show_the_commands_of_every_day() -> None:
    words = {shlex.split(command)[1] for command in COMMANDS if len(shlex.split(command)) > 1}
    assert {"check", "publish", "send-test", "status", "init"} <= words
    assert "./run" in COMMANDS


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that is live, made once: most commands want one."""
    home = tmp_path_factory.mktemp("papers")
    environment = environment_of(home)
    leadmagnet(["init", "my-site"], home, environment)
    leadmagnet(["publish"], home / "my-site", environment)
    return home / "my-site"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_in_the_papers_does_what_it_shows(command: str, published: Path, tmp_path: Path) -> None:
    environment = environment_of(tmp_path)
    site = tmp_path / "my-site"
    words = [word.replace("~", str(tmp_path)) for word in shlex.split(command)][1:]
    if "init" not in words:
        shutil.copytree(published, site)
    here = tmp_path if str(site) in words else site
    if not words or words[0] in (*SERVES, "--site"):
        serve(words, here, environment)
    else:
        leadmagnet(words, here, environment)


def environment_of(home: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "PYTHONPATH": str(ROOT)}


def leadmagnet(words: list[str], here: Path, environment: dict[str, str]) -> None:
    out = here / "output"
    code = forked.run(words, cwd=here, env=environment, out=out, err=out, timeout=60)
    assert code == 0, out.read_text()
    out.unlink()


def serve(words: list[str], here: Path, environment: dict[str, str]) -> None:
    """Starts a command that keeps running, sees it work, and stops it as Ctrl-C does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-m", "leadmagnet", *words], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**environment, "LEADMAGNET_PORT": str(port)},
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            first = next(line for line in process.stdout if line.strip())
            assert b"Ctrl-C" in first, first
            if words[:1] != ["worker"]:
                assert answers(f"http://127.0.0.1:{port}/healthz")
            process.send_signal(signal.SIGINT)
            assert process.wait(40) == 0
        finally:
            process.kill()


def answers(url: str) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return bool(response.status == 200)
        except urllib.error.URLError:
            continue
    return False


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_every_link_and_picture_of_a_paper_is_there(paper: Path) -> None:
    words = re.sub(r"`[^`]+`", "", paper.read_text())  # code shows how to write a link, and leads nowhere
    for target in re.findall(r"\]\(([^)#:]+)\)", words):
        assert (paper.parent / target).exists(), target


def test_the_map_of_the_house_in_the_readme_is_the_house() -> None:
    shown = re.findall(r"^ {6}(\w+(?:/|\.py)) ", (ROOT / "README.md").read_text(), re.MULTILINE)
    rooms = {f"{path.name}/" for path in (ROOT / "leadmagnet").iterdir() if (path / "__init__.py").exists()}
    assert rooms <= set(shown)
    assert all((ROOT / "leadmagnet" / name).exists() for name in shown)
