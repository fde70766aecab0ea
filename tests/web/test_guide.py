"""The guide behind its personal link: the page, the same on paper, and which edition it is."""

import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from leadmagnet.content.compiled import Build
from leadmagnet.content.guides import Guide
from leadmagnet.content.pdf import PdfError
from leadmagnet.publishing import drafts
from leadmagnet.reports.why import HeldGuide, why
from leadmagnet.store.models import Media
from tests.web.conftest import copy_of_example, only_sqlite
from tests.web.page import page_of
from tests.web.tables import dump
from tests.world import GUIDE, TUESDAY_EVENING, World

ADA = "ada@example.com"


def path(world: World) -> str:
    return world.links.guide_path(world.enrollment(ADA).id)


def guide(world: World) -> Guide:
    return world.published.compiled.guides[GUIDE]


def edited(build: Build, **words: object) -> Build:
    """The build as it would be with other words in its guide."""
    assert build.compiled is not None
    changed = build.compiled.guides[GUIDE].model_copy(update=words)
    compiled = build.compiled.model_copy(update={"guides": {**build.compiled.guides, GUIDE: changed}})
    return Build(build.findings, compiled, build.files, f"{build.digest[:-4]}ed17")


def held(world: World) -> HeldGuide:
    with world.database.read() as session:
        found = why(session, world.published, world.subscriber(ADA).address_key, now=world.now)
    assert found is not None
    (one,) = found.guides
    return one


@only_sqlite
def test_the_page_needs_no_script_and_keeps_its_timer_out_of_the_way(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    page = page_of(client.get(path(world)))
    assert page.one("button", id="lm-start").has("hidden")
    assert not page.one("dialog").has("open")
    assert [script["src"] for script in page.every("script")] == ["/static/flow.js"]
    cards = page.every("section")
    assert sum(card["class"] == "pose-card" for card in cards) >= 18
    assert page.one("a", href="#lm-contents").words == "Contents"
    edition = next(one for one in page.every("p") if one.get("class") == "edition")
    assert edition.words == f"Edition of 3 March 2026 {guide(world).edition}"


@only_sqlite
def test_no_heading_of_a_guide_has_a_name_of_the_page(world: World, client: FlaskClient, tmp_path: Path) -> None:
    site = copy_of_example(tmp_path)
    with (site / "guides" / "hip-openers" / "guide.md").open("a") as text:
        text.write(
            "".join(f"\n## {words}\n" for words in ("Timer", "Contents", "Offer", "Start flow", "Start", "Main"))
        )
    world.publish(drafts.check(site))
    world.joins(ADA)
    world.leaves(ADA)
    names = [element["id"] for element in page_of(client.get(path(world))).every() if element.has("id")]
    assert {"timer", "contents", "offer", "lm-timer", "lm-contents", "lm-offer", "lm-start", "lm-main"} <= set(names)
    assert len(names) == len(set(names))


@only_sqlite
def test_a_guide_without_a_flow_has_no_timer(world: World, client: FlaskClient, example: Build) -> None:
    world.publish(edited(example, html="<p>Words.</p>", sections=(), contents=()))
    world.joins(ADA)
    page = page_of(client.get(path(world)))
    assert page.every("dialog", "script") == []
    assert page.one("a", type="application/pdf")["href"] == f"{path(world)}.pdf"


def test_the_link_to_the_pdf_brings_the_edition_of_the_page(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    before = dump(world.database)
    answer = client.get(page_of(client.get(path(world))).one("a", type="application/pdf")["href"])
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == 'inline; filename="hip-openers.pdf"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    reader = PdfReader(io.BytesIO(answer.data))
    assert reader.metadata is not None and reader.metadata.keywords == f"Edition {guide(world).edition}"
    assert "Edition of 3 March 2026" in reader.pages[0].extract_text()
    assert dump(world.database) == before


@only_sqlite
def test_a_wrong_link_brings_no_pdf(world: World, client: FlaskClient) -> None:
    world.joins(ADA)
    assert client.get("/g/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.pdf").status_code == 404
    assert client.get(f"{path(world)}x.pdf").status_code == 404
    page = page_of(client.get(world.links.guide_path(4711) + ".pdf"), 410)  # its reader had everything deleted
    assert page.one("form")["action"] == "/f/hip-openers"


@only_sqlite
def test_the_links_of_a_test_mail_show_page_and_pdf(world: World, client: FlaskClient) -> None:
    page_of(client.get(world.links.guide_path(0)))
    assert client.get(world.links.guide_path(0) + ".pdf").mimetype == "application/pdf"


@only_sqlite
def test_a_test_mail_of_a_second_guide_leads_to_that_guide(
    world: World, client: FlaskClient, two_guides: Build
) -> None:
    world.publish(two_guides)
    link = world.links.sample_guide("strong-feet").removeprefix(world.links.base_url)
    page = page_of(client.get(link))
    assert page.one("h1").words == "Strong Feet for Runners" and page.every("form") == []
    paper = client.get(page.one("a", type="application/pdf")["href"])
    assert paper.headers["Content-Disposition"] == 'inline; filename="strong-feet.pdf"'
    assert client.get(world.links.sample_guide("no-such-guide")).status_code == 404


def test_a_pdf_is_made_once_for_each_edition_and_never_changed(world: World, example: Build) -> None:
    def papers() -> list[tuple[str, bytes]]:
        with world.database.read() as session:
            query = (
                select(Media.digest, Media.content).where(Media.media_type == "application/pdf").order_by(Media.made_at)
            )
            return [tuple(row) for row in session.execute(query)]  # type: ignore[misc]

    (first,) = papers()
    world.wait(days=7)
    world.publish(edited(example, html=guide(world).html.replace("Ten poses", "Eleven poses")))
    assert len(papers()) == 2 and papers()[0] == first
    world.wait(days=7)
    world.publish(example)
    assert len(papers()) == 2 and papers()[0] == first


def test_why_tells_the_edition_that_was_opened_then_the_one_that_was_mailed(
    world: World, client: FlaskClient, example: Build
) -> None:
    world.asks(ADA)
    world.deliver()
    world.confirms(ADA)
    first = guide(world).edition
    assert held(world) == HeldGuide(GUIDE, first, TUESDAY_EVENING, first)
    assert world.enrollment(ADA).guide_edition == first

    world.deliver()
    world.wait(days=1)
    world.publish(edited(example, title="Hip Openers, Again"))
    second = guide(world).edition
    assert first != second
    assert (held(world).edition, held(world).newest) == (first, second)
    assert second in page_of(client.get(path(world))).words
    assert (held(world).edition, world.enrollment(ADA).guide_edition) == (first, first)

    world.asks(ADA)  # she lost it: the guide is mailed again
    world.deliver()
    assert held(world) == HeldGuide(GUIDE, second, world.now, second)


def test_a_guide_that_cannot_be_set_publishes_nothing(world: World, example: Build) -> None:
    before = dump(world.database)
    with pytest.raises(PdfError, match=r"^guides/hip-openers/guide\.md: its PDF cannot be made \(fail"):
        world.publish(edited(example, html="<svg><desc>A lunge.</desc></rect></svg>"))
    assert dump(world.database) == before
