"""The page of the preview: what stands on it when all is well, and when something does not read."""

import re
from email import message_from_bytes
from html import unescape

import pytest

from leadmagnet.content.published import Published
from leadmagnet.delivery import samples
from leadmagnet.delivery.samples import Sample
from leadmagnet.publishing import drafts, pending
from leadmagnet.publishing.releases import Live
from leadmagnet.settings import Settings
from leadmagnet.web.app import create_app
from tests.web.conftest import only_sqlite
from tests.web.page import page_of
from tests.web.preview.conftest import Bench, OpenBench
from tests.world import World

TIGHT = "/letters/hip-openers/tight-hips"
FILE = "email_templates/hip-openers/20-tight-hips.md"


def timeline(bench: Bench, path: str = TIGHT) -> list[tuple[str, str]]:
    """Subject and day of each letter of the first series."""
    page = page_of(bench.get(path))
    rows = page.every("ol")[0].every("a")
    return [(row.every("span")[1].words, row.every("span")[2].words) for row in rows]


def test_the_timeline_tells_real_days_for_somebody_who_confirms_now(bench: Bench) -> None:
    rows = timeline(bench)
    assert len(rows) == 9
    assert rows[0] == ("Your hip openers guide is here", "Tue 3 Mar, 21:12 · at once")
    assert rows[1] == ("Tight isn't always short", "Thu 5 Mar, 7:30")
    assert rows[2][1].startswith("Sun 8 Mar, 7:30")  # the clocks went forward, the wall time stays
    text = bench.get(TIGHT).text
    assert "Please confirm" in text and "Hip Openers for Runners" in text and "sign-off" not in text


def test_a_draft_stays_in_the_timeline(bench: Bench) -> None:
    bench.edit(FILE, "day       = 2", "day       = 2\ndraft     = true")
    assert timeline(bench)[1] == ("Tight isn't always short", "draft")


def test_a_broken_letter_is_shown_as_it_last_was_below_what_is_wrong(bench: Bench) -> None:
    before = bench.get("/frames" + TIGHT).text
    bench.edit(FILE, "{{ links.flow }}", "{{ links.flew }}")
    page = page_of(bench.get(TIGHT))
    banner = page.one("section", role="alert")
    assert f"{FILE}:22" in banner.words and "Did you mean 'flow'?" in banner.words
    assert banner.one("pre").words == "[Start with the low lunge]({{ links.flew }}){.button}"
    assert bench.get("/frames" + TIGHT).text == before
    editors = [a["href"] for a in page.every("a") if a["href"].startswith("vscode:")]
    assert f"vscode://file{bench.site}/{FILE}:22" in editors
    assert "links.flew" in bench.get(TIGHT + "?view=file").text, "what is on disk is there to see"
    bench.edit(FILE, "day       = 2", "day       = two")  # not even its head reads any more
    assert len(timeline(bench)) == 9
    assert bench.get("/frames" + TIGHT).text == before


def test_a_letter_that_has_never_been_read_is_shown_as_its_file(open_bench: OpenBench) -> None:
    bench = open_bench()
    (bench.site / FILE).write_text("+++\nsubject = Tight\n+++\n<b>Words</b>\n")
    text = bench.get(TIGHT).text
    assert "&lt;b&gt;Words&lt;/b&gt;" in text and "It could not be read yet" in text
    assert bench.get("/frames" + TIGHT).status_code == 404
    assert "20-tight-hips" in [subject for subject, _when in timeline(bench)]
    assert bench.get("/letters/hip-openers/yoga-for-runners").status_code == 200


def test_a_site_of_which_nothing_reads_says_so(open_bench: OpenBench) -> None:
    bench = open_bench()
    (bench.site / "leadmagnet.toml").write_text("[site\n")
    text = bench.get(TIGHT).text
    assert "leadmagnet.toml:1" in text and "Two things tend to help" in text


def test_one_broken_letter_leaves_the_others_fresh(bench: Bench) -> None:
    bench.get(TIGHT)
    bench.edit(FILE, "{{ links.flow }}", "{{ links.flew }}")
    bench.edit("email_templates/hip-openers/30-yoga-for-runners.md", "{{ links.", "Quite new words {{ links.")
    assert "Quite new words" in bench.get("/frames/letters/hip-openers/yoga-for-runners").text
    assert 'role="alert"' not in bench.get("/letters/hip-openers/yoga-for-runners").text


@pytest.mark.parametrize(("person", "words"), [(0, "Hello Sam"), (1, "Hello you"), (2, "Hello Maximiliane")])
def test_a_letter_is_shown_for_each_of_its_sample_readers(bench: Bench, person: int, words: str) -> None:
    head = 'day       = 2\npreview = [{ first_name = "Sam" }]'
    bench.edit(FILE, "day       = 2", head)
    bench.edit(FILE, "Two things", "Hello {{ first_name or 'you' }}. Two things")
    assert words in bench.get(f"/frames{TIGHT}?person={person}").text


def test_a_letter_is_sent_to_the_operator_for_the_reader_on_the_page(bench: Bench) -> None:
    assert "Sent to maya@example.com" in bench.send(person="1").text
    assert bench.sent == [("guide", "maya@example.com", drafts.VERY_LONG_NAME)]
    assert bench.send(to="maya").status_code == 422
    assert bench.send(key="hip-openers/nothing").status_code == 404
    bench.edit(FILE, "{{ links.flow }}", "{{ links.flew }}")
    assert bench.send().status_code == 409
    assert len(bench.sent) == 1


def test_a_pictures_address_leads_to_the_picture_before_anything_is_published(bench: Bench) -> None:
    frame = bench.get("/frames" + TIGHT).text
    (address,) = re.findall(r'src="(/preview/media/[^"]+)"', frame)
    answer = bench.client.get(address, base_url="http://127.0.0.1:8000")
    assert answer.mimetype == "image/png" and answer.data.startswith(b"\x89PNG")
    assert "immutable" in answer.headers["Cache-Control"]


def test_a_long_subject_shows_where_inboxes_cut_it(bench: Bench) -> None:
    bench.edit(FILE, "Tight isn't always short", "x" * 60)
    page = bench.get(TIGHT).text
    assert re.findall(r"cut here: (\d+)", page.partition('class="pre"')[0]) == ["35", "55"]


#: What names one single mail: its number, its date, and the boundary that is made from the Message-ID.
_OF_ONE_MAIL = re.compile(rb"^(Message-ID|Date|X-Delivery-Id): .*?\r\n|=_[0-9a-f]{32}", re.MULTILINE)


@only_sqlite
@pytest.mark.parametrize("key", ["hip-openers/guide", "hip-openers/tight-hips", "system/confirm"])
def test_what_is_shown_is_byte_for_byte_what_is_sent(world: World, bench: Bench, key: str) -> None:
    """The parts of the page are those of the message, and the message is the one that the sender hands over."""
    folder, slug = key.split("/")
    build = drafts.check(bench.site)
    assert build.compiled is not None
    letter = build.compiled.letters[key]
    sample = Sample(Published(0, "", build.compiled), folder, slug, "maya@example.com")
    reader = drafts.sample_facts(build.compiled, letter, drafts.VERY_LONG_NAME)
    list(
        samples.send(
            world.database,
            world.connect,
            bench.parts.links,
            world.journal.path.parent,
            sample,
            [reader],
            clock=lambda: world.now,
        )
    )
    (path,) = world.mailbox.path.glob("new/*")
    person = len(letter.people) + 1
    shown = bench.get(f"/messages/{key}.eml?person={person}").data
    sent = path.read_bytes()
    assert _OF_ONE_MAIL.sub(b"", _from_first_header(shown)) == _OF_ONE_MAIL.sub(b"", _from_first_header(sent))
    html = message_from_bytes(sent).get_payload()[1].get_payload(decode=True).decode()
    assert html.replace("\r\n", "\n") in unescape(bench.get(f"/letters/{key}?person={person}&view=html").text)


def _from_first_header(raw: bytes) -> bytes:
    return raw[raw.index(b"From: ") :]


@only_sqlite
def test_beside_the_site_it_says_how_many_changes_nobody_gets_yet(world: World, open_bench: OpenBench) -> None:
    live = Live()

    def waiting(build):  # type: ignore[no-untyped-def]
        with world.database.read() as session:
            return pending.changes(session, live, build)

    bench = open_bench(waiting=waiting)
    settings = Settings(secret_keys="first key", suppression_key="s", base_url="https://mail.example.com")  # type: ignore[arg-type]
    bench.client = create_app(settings, world.database, clock=lambda: world.now, preview=bench.parts).test_client()
    assert "waiting" not in bench.get(TIGHT).text
    bench.edit(FILE, "Two things", "Three things")
    assert "1 change waiting: <code>leadmagnet plan</code>" in bench.get(TIGHT).text
    bench.edit("leadmagnet.toml", '"Run Bend Barre"', '"Run"')
    assert "2 changes waiting" in bench.get(TIGHT).text
    assert (
        create_app(settings, world.database, clock=lambda: world.now)
        .test_client()
        .get("/preview", base_url="http://127.0.0.1")
        .status_code
        == 404
    )


def test_the_guide_shows_its_question_and_no_tap_on_it_goes_anywhere(bench: Bench) -> None:
    page = page_of(bench.get("/frames/guides/hip-openers"))
    form = next(form for form in page.every("form") if form.get("class") == "ask")
    assert form.has("inert") and form["action"] == "#"
    assert [button.words for button in form.every("button")] == ["Yes", "No", "What's barre?"]
    before = re.search('data-digest="[^"]*"', bench.get("/guides/hip-openers").text)
    bench.edit("guides/hip-openers/guide.md", '"Tried barre before?"', '"Ever tried barre?"')
    after = re.search('data-digest="[^"]*"', bench.get("/guides/hip-openers").text)
    assert before is not None and after is not None and before[0] != after[0]  # so that the frame is loaded again
