"""The `run` script: it finds a Python, prepares once, hands over; and the lists of libraries it installs."""

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

_TOOLS = ("dirname", "cmp", "cp", "rm", "mkdir", "chmod", "cat")
#: A Python that knows its version, how to make an environment with itself in it, and how to write down the rest.
_PYTHON = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "$HOME/log"
case "$1 ${2:-}" in
    "-c import"*) exit %(new)d ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip") exit "$(cat "$HOME/pip-exit" 2>/dev/null || echo 0)" ;;
esac
"""


@dataclass(frozen=True)
class Clone:
    """A fresh clone on a machine that has only the programs a test gives it."""

    home: Path
    programs: Path

    def has(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(text)
        path.chmod(0o755)

    def has_python(self, name: str, *, new: bool) -> None:
        self.has(name, _PYTHON % {"new": 0 if new else 1})

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.home / "run", *arguments],
            cwd=cwd or self.home,
            env={"PATH": str(self.programs), "HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def log(self) -> list[str]:
        """Every call of a Python, emptied."""
        path = self.home / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    home, programs = tmp_path / "a clone", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    for tool in (*_TOOLS, "sh", "basename"):
        (programs / tool).symlink_to(shutil.which(tool) or "")
    script = (ROOT / "run").read_text()
    fixed = "/opt/homebrew/bin/python3 /usr/local/bin/python3"
    assert fixed in script
    (home / "run").write_text(script.replace(fixed, ""))  # this machine's own must not decide
    (home / "run").chmod(0o755)
    for lock in ("requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / lock, home)
    return Clone(home, programs)


def installed(lock: str) -> str:
    return f"python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-binary dkimpy -r {lock}"


class TestPrepare:
    """What happens before the program starts."""

    def test_the_first_start_prepares_and_the_second_is_instant(self, clone: Clone) -> None:
        clone.has_python("python3", new=True)
        done = clone.run("status", "--json")
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == "leadmagnet: preparing (first use, or the list of libraries changed) ...\n"
        calls = clone.log
        assert f"python3 -m venv {clone.home}/.venv" in calls
        assert installed(f"{clone.home}/requirements.lock") in calls
        assert calls[-1] == "python -m leadmagnet status --json"
        again = clone.run("status")
        assert (again.returncode, again.stderr) == (0, "")
        assert clone.log == ["python -c ", "python -m leadmagnet status"]

    def test_a_changed_list_is_installed_into_the_same_environment(self, clone: Clone) -> None:
        clone.has_python("python3", new=True)
        clone.run()
        assert clone.log[-1] == "python -m leadmagnet"
        with (clone.home / "requirements.lock").open("a") as lock:
            lock.write("another==1.0\n")
        clone.run()
        assert clone.log == [
            "python3 -c import sys; sys.exit(sys.version_info < (3, 11))", "python -m pip --version",
            installed(f"{clone.home}/requirements.lock"), "python -m leadmagnet",
        ]  # fmt: skip

    def test_the_tests_have_their_own_list_which_is_kept_from_then_on(self, clone: Clone) -> None:
        clone.has_python("python3", new=True)
        clone.run("test", "tests/web", cwd=clone.programs)
        calls = clone.log
        assert installed(f"{clone.home}/requirements-dev.lock") in calls
        assert calls[-1] == "python -m tests tests/web"
        clone.run("check")
        assert clone.log == ["python -c ", "python -m leadmagnet check"]

    def test_a_list_that_could_not_be_installed_is_tried_again(self, clone: Clone) -> None:
        clone.has_python("python3", new=True)
        (clone.home / "pip-exit").write_text("1")
        clone.has("pip", "")
        done = clone.run()
        assert done.returncode == 1
        assert "could not install the libraries. Is the network there? Try again: nothing is half done." in done.stderr
        (clone.home / "pip-exit").unlink()
        clone.log  # noqa: B018
        assert clone.run().returncode == 0
        assert installed(f"{clone.home}/requirements.lock") in clone.log

    def test_without_the_means_to_make_an_environment_it_names_the_package(self, clone: Clone) -> None:
        clone.has_python("python3", new=True)
        broken = (clone.programs / "python3").read_text().replace("mkdir -p", "exit 1; mkdir -p")
        clone.has("python3", broken)
        done = clone.run()
        assert done.returncode == 1
        assert "On Debian and Ubuntu: apt install python3-venv" in done.stderr
        assert not (clone.home / ".venv").exists()

    def test_uv_is_used_where_it_is(self, clone: Clone) -> None:
        clone.has_python("python3", new=True)
        uv = '#!/bin/sh\necho "uv $*" >> "$HOME/log"\n[ "$1" = venv ] || exit 0\n'
        clone.has("uv", uv + f'mkdir -p "$HOME/.venv/bin" && cp {clone.programs}/python3 "$HOME/.venv/bin/python"\n')
        assert clone.run("check").returncode == 0
        assert clone.log == [
            f"uv venv --quiet --python >=3.11 {clone.home}/.venv",
            f"uv pip install --quiet --python {clone.home}/.venv/bin/python --require-hashes --only-binary :all: "
            f"--no-binary dkimpy -r {clone.home}/requirements.lock",
            "python -m leadmagnet check",
        ]


class TestPython:
    """Which Python it takes."""

    def test_an_old_one_is_passed_over(self, clone: Clone) -> None:
        clone.has_python("python3", new=False)
        clone.has_python("python3.13", new=False)
        clone.has_python("python3.12", new=True)
        clone.has_python("python", new=False)
        assert clone.run("check").returncode == 0
        calls = clone.log
        assert f"python3.12 -m venv {clone.home}/.venv" in calls
        assert not [call for call in calls if re.match(r"(python3|python3\.13) -m", call)]

    def test_a_shim_that_does_not_run_is_passed_over(self, clone: Clone) -> None:
        clone.has("python3", "#!/bin/sh\necho 'pyenv: python3: command not found' >&2\nexit 127\n")
        clone.has_python("python3.11", new=True)
        done = clone.run("check")
        assert done.returncode == 0
        assert "pyenv" not in done.stderr

    def test_one_of_a_version_manager_is_found_outside_the_path(self, clone: Clone) -> None:
        version = clone.home / ".pyenv" / "versions" / "3.12.4" / "bin"
        version.mkdir(parents=True)
        clone.has_python("python3", new=True)
        (clone.programs / "python3").rename(version / "python3")
        assert clone.run("check").returncode == 0

    def test_none_is_said_with_how_to_get_one(self, clone: Clone) -> None:
        clone.has_python("python3", new=False)
        done = clone.run("check")
        assert (done.returncode, done.stdout) == (1, "")
        assert (
            "needs Python 3.11 or newer and found none. Install it (Debian: apt install python3 python3-venv;"
            in done.stderr
        )


class TestHere:
    """The script of this clone, with the environment that runs the tests."""

    @pytest.mark.parametrize("shell", ["sh", "dash", "bash", "zsh", "busybox"])
    def test_every_shell_can_read_it(self, shell: str) -> None:
        found = shutil.which(shell)
        if found is None:
            return  # sh is everywhere, and reads it too
        command = [found, "sh"] if shell == "busybox" else [found]
        done = subprocess.run([*command, "-n", ROOT / "run"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    def test_it_works_from_any_folder(self, clone: Clone, tmp_path: Path) -> None:
        (clone.home / ".venv" / "bin").mkdir(parents=True)
        python = clone.home / ".venv" / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        shutil.copy(clone.home / "requirements.lock", clone.home / ".venv" / ".prepared-requirements.lock")
        (clone.home / "leadmagnet").symlink_to(ROOT / "leadmagnet")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        done = clone.run("--help", cwd=elsewhere)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Every day:" in done.stdout
        assert clone.run("no-such-command", cwd=elsewhere).returncode == 2
        assert list(elsewhere.iterdir()) == []

    def test_a_link_to_it_leaves_the_folder_of_the_link_alone(self, clone: Clone, tmp_path: Path) -> None:
        other = tmp_path / "other"
        (other / ".venv" / "bin").mkdir(parents=True)
        (other / ".venv" / "mine").write_text("precious")
        (other / "run").symlink_to(clone.home / "run")
        (clone.home / "requirements.lock").unlink()
        done = subprocess.run(["sh", other / "run", "--help"], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert f"{clone.home}/requirements.lock is missing" in done.stderr
        assert (other / ".venv" / "mine").read_text() == "precious"


class TestLocks:
    """The lists of libraries: exact, checked by hash, from wherever the operator gets hers."""

    def test_the_development_list_holds_the_runtime_list(self) -> None:
        runtime, development = versions("requirements.lock"), versions("requirements-dev.lock")
        assert runtime.items() <= development.items()
        assert {"pytest", "ruff", "mypy"} <= development.keys() - runtime.keys()

    def test_every_library_of_the_project_is_in_its_list_in_the_version_it_names(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        for lock, wanted in (
            ("requirements.lock", project["project"]["dependencies"]),
            ("requirements-dev.lock", project["dependency-groups"]["dev"]),
        ):
            locked = versions(lock)
            for requirement in wanted:
                found = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?(?:==([\w.]+)|>=[\w.]+)", requirement)
                assert found and found[1] in locked, (lock, requirement)
                assert found[2] in (None, locked[found[1]]), (lock, requirement)

    @pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
    def test_every_line_is_checked_by_hash_and_names_no_host(self, lock: str) -> None:
        text = (ROOT / lock).read_text()
        assert "://" not in text and not re.search(r"^\s*-(i|f|-\w*(index|links|host)\w*)\b", text, flags=re.MULTILINE)
        for entry in re.split(r"\n(?=\S)", text.strip()):
            if not entry.startswith("#"):
                assert re.match(r"[\w.-]+==[\w.!+]+( ; [^\\\n]+)? \\\n    --hash=sha256:[0-9a-f]{64}", entry), entry


def versions(lock: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), flags=re.MULTILINE)
    assert len(found) == len(dict(found)) > 10
    return dict(found)
