"""`check` at the terminal: its answer, its exit code, and what it leaves alone."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from leadmagnet.cli.check import check
from leadmagnet.content.compiled import Build
from leadmagnet.publishing import releases
from leadmagnet.store.database import Database
from leadmagnet.store.migrate import upgrade
from leadmagnet.store.models import Delivery, Enrollment, Subscriber
from tests.cli.conftest import Edit
from tests.cli.shell import Shell, environment
from tests.world import TUESDAY_EVENING

LETTER = "email_templates/hip-openers/20-tight-hips.md"


def checked(site: Shell, *arguments: str) -> Result:
    return CliRunner().invoke(check, ["--site", str(site.folder), *arguments])


def test_a_warning_blocks_nothing_unless_asked_to(site: Shell, edit: Edit) -> None:
    edit(LETTER, "Probably not.", "[Click here](https://example.com/).")
    done = checked(site)
    assert done.exit_code == 0
    assert "warning W205" in done.output and "Why: " in done.output
    assert done.output.endswith("9 letters and 1 guide can be published, with 1 warning.\n")
    answer = checked(site, "--strict", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.output)["ok"] is False


def test_github_sees_it_beside_the_line(site: Shell, edit: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(LETTER, "Probably not.", "{{ frist_name }}")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert f"\n::error file={LETTER},line=" in checked(site).output
    assert "::error" not in checked(site, "--json").output
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert "::error" not in checked(site).output


def test_a_rule_is_explained(site: Shell) -> None:
    done = checked(site, "--explain", "w206")
    assert done.exit_code == 0
    assert "more than one button" in done.output and "# check: off W206" in done.output
    assert 'also = ["W212"]' in checked(site, "--explain", "W212").output
    done = checked(site, "--explain", "W26")
    assert done.exit_code == 2
    assert "Did you mean 'W2" in done.output


def test_links_are_asked_only_online(site: Shell, edit: Edit) -> None:
    edit("leadmagnet.toml", 'videos  = "#flow"', 'videos  = "http://127.0.0.1:9/videos"')
    assert checked(site).exit_code == 0
    done = checked(site, "--online")
    assert done.exit_code == 1
    assert "error I301" in done.output and "does not answer" in done.output


def test_without_readers_no_database_is_looked_for(site: Shell) -> None:
    program = (
        "import sys\nfrom leadmagnet.cli import main\n"
        "try:\n    main(['check'])\nfinally:\n    print([m for m in ('sqlalchemy', 'alembic', 'flask') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=site.folder, env=environment(site.folder, {}), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "Fine. 9 letters and 1 guide can be published.\n[]\n")
    assert not (site.folder / "var").exists()


class TestWithReaders:
    """Where there is a database, the letters are compared with who is in it."""

    @pytest.fixture
    def database(self, site: Shell) -> Database:
        (site.folder / "var").mkdir()
        database = Database(f"sqlite:///{site.folder}/var/leadmagnet.db")
        upgrade(database)
        with database.write() as session:
            session.add(
                Subscriber(
                    address="ada@example.com",
                    address_key="ada@example.com",
                    domain_group="example.com",
                    status="active",
                    created_at=TUESDAY_EVENING,
                    asked_at=TUESDAY_EVENING,
                    confirmed_at=TUESDAY_EVENING,
                )
            )
        database.close()
        return database

    def test_it_says_whom_a_letter_leaves_out(self, site: Shell, edit: Edit, database: Database) -> None:
        assert checked(site).output == "Fine. 9 letters and 1 guide can be published.\n"
        edit(LETTER, "Probably not.", "Probably not, {{ first_name }}.")
        done = checked(site)
        assert "1 of 1 people have no first name" in done.output
        edit(LETTER, "subject ", "# check: off W218 – I like it so\nsubject ")
        assert checked(site).output == "Fine. 9 letters and 1 guide can be published.\n"

    def test_a_letter_that_people_have_had_is_not_renamed_in_silence(
        self, site: Shell, edit: Edit, database: Database, example: Build
    ) -> None:
        with database.write() as session:
            version = releases.publish(session, example, author="maya", now=TUESDAY_EVENING)
            series = Enrollment(
                subscriber_id=1, sequence="hip-openers", status="active", created_at=TUESDAY_EVENING,
                start_at=TUESDAY_EVENING,
            )  # fmt: skip
            session.add(series)
            session.flush()
            session.add(
                Delivery(
                    kind="step", lane="sequence", subscriber_id=1, enrollment_id=series.id, sequence="hip-openers",
                    step="tight-hips", state="sent", due_at=TUESDAY_EVENING, ready_at=TUESDAY_EVENING,
                    sent_at=TUESDAY_EVENING, release_id=version, message_id="1@example.com", domain_group="example.com",
                )
            )  # fmt: skip
        database.close()
        (site.folder / LETTER).rename(site.folder / LETTER.replace("tight", "stiff"))
        done = checked(site)
        assert done.exit_code == 1
        assert 'Add to its head: was = ["tight-hips"]' in done.output
        assert done.output.endswith("1 error: this cannot be published.\n")
        edit(LETTER.replace("tight", "stiff"), "subject ", 'was = ["tight-hips"]\nsubject ')
        assert checked(site).exit_code == 0

    def test_one_that_is_not_up_to_date_is_left_alone(self, site: Shell, edit: Edit, database: Database) -> None:
        edit(LETTER, "Probably not.", "Probably not, {{ first_name }}.")
        with database.writing_engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
        database.close()
        assert checked(site).output == "Fine. 9 letters and 1 guide can be published.\n"

    def test_one_that_is_none_is_left_alone(self, site: Shell, edit: Edit) -> None:
        edit(LETTER, "Probably not.", "Probably not, {{ first_name }}.")
        (site.folder / "var").mkdir()
        (site.folder / "var" / "leadmagnet.db").write_bytes(b"no database" * 1000)
        assert checked(site).output == "Fine. 9 letters and 1 guide can be published.\n"
