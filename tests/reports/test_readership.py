"""What is on disk, compared with the people there are."""

from leadmagnet.content.findings import Notes
from leadmagnet.publishing import drafts
from leadmagnet.reports import readership
from tests.content.checks.conftest import CleanSite, clean  # noqa: F401 - a fixture
from tests.content.conftest import HEAD, TIGHT
from tests.world import World


def compared(world: World, site: CleanSite) -> list[str]:
    build = drafts.check(site.path)
    assert build.compiled is not None, build.findings
    notes = Notes()
    with world.database.read() as session:
        readership.judge(session, build.compiled, drafts.texts_of(build.files), notes)
    return [f"{one.path.rpartition('/')[2]}:{one.line} {one.code} {one.message}" for one in notes.findings()]


def test_whom_a_letter_leaves_out(world: World, clean: CleanSite) -> None:  # noqa: F811
    world.joins("ada@example.com", first_name="Ada")
    world.joins("carol@example.com")
    world.asks("bob@example.com")  # has not confirmed: gets no letter
    clean.body(
        "Hello {{ first_name or 'there' }},\n\nyes, {{ first_name }}. {% if first_name %}{{ first_name }}{% endif %}"
    )
    clean.replace("email_templates/_snippets/sign-off.md", "See you,", "See you, {{ first_name|title }},")
    words = "W218 1 of 2 people have no first name, and this line has nothing in its place."
    assert compared(world, clean) == [f"sign-off.md:1 {words}", f"20-tight.md:8 {words}"]
    clean.body("Hello {{ first_name or 'there' }}")
    clean.replace("email_templates/_snippets/sign-off.md", " {{ first_name|title }},", "")
    assert compared(world, clean) == []


def test_a_subject_counts_too(world: World, clean: CleanSite) -> None:  # noqa: F811
    world.joins("carol@example.com")
    clean.body("", head=HEAD.replace("Tight is not", "{{ first_name }}, tight is not"))
    assert [one.split()[0] for one in compared(world, clean)] == ["20-tight.md:2"]


def test_a_letter_with_nobody_to_get_it(world: World, clean: CleanSite) -> None:  # noqa: F811
    world.joins("ada@example.com")
    clean.body("", head=HEAD.replace("day = 2", 'day = 2\nonly_if = ["tag:runer", "not tag:swimmer"]'))
    assert compared(world, clean) == [
        "20-tight.md:5 W219 nobody has the tag 'runer', and no letter or answer gives it."
    ]
    world.tagged("ada@example.com", "runer")
    assert compared(world, clean) == []


def test_a_tag_that_a_letter_gives_will_be_there(world: World, clean: CleanSite) -> None:  # noqa: F811
    clean.body("", head=HEAD.replace("day = 2", 'day = 2\nonly_if = ["tag:guided"]'))
    assert len(compared(world, clean)) == 1
    clean.replace("email_templates/hips/10-guide.md", "day = 0", 'day = 0\ntag = "guided"')
    assert TIGHT in drafts.check(clean.path).files
    assert compared(world, clean) == []
