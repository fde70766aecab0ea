"""The nine letters of the example site: each has its one job, and together they answer what readers brought up."""

import re
from dataclasses import dataclass
from html import unescape

import pytest

from leadmagnet.content.compiled import Compiled, Letter

from .conftest import EXAMPLE, html, text

FOLDER = EXAMPLE / "email_templates/hip-openers"
FLOW, CHAIR, WEEK = (f"{{{{ links.{name} }}}}" for name in ("flow", "chair", "week"))


@dataclass(frozen=True)
class Row:
    file: str
    day: int
    subject: str
    preheader: str
    button: tuple[str, str] | None  # its text, its target
    asks: bool = False  # whether it ends in a question to answer

    @property
    def slug(self) -> str:
        return self.file.partition("-")[2]


ARC = [
    Row("10-guide", 0, "Your hip openers guide is here", "Ten minutes, one towel, start on the floor.",
        ("Open the guide", "{{ guide_url }}")),
    Row("20-tight-hips", 2, "Tight isn't always short", "Why hips feel stiff after a run, and a 30-second check.",
        ("Start with the low lunge", FLOW), asks=True),
    Row("30-yoga-for-runners", 5, "Ten minutes after you run",
        "When to stretch, how long, and what to skip before a race.", ("Play the 10-minute flow", FLOW)),
    Row("40-what-is-barre", 9, "What barre actually is", "No tutu. Two places it helps a runner's posture.",
        ("Try three moves at a chair", CHAIR)),
    Row("50-strong-hips", 12, "What my physio tells me", "Stabilisers, glutes, and the hip flexors' comeback.",
        ("Work them at a chair", CHAIR)),
    Row("60-embrace-the-shake", 16, "Embrace the shake",
        "Why your legs tremble, and how to tell you're doing it right.", None, asks=True),
    Row("70-never-tried-barre", 20, '"I\'ve never tried barre"', "Five worries, five short answers.",
        ("Five minutes, one chair", CHAIR), asks=True),
    Row("80-your-week", 24, "A week that holds together", "Run, yoga, barre: who goes where.",
        ("Print the week", WEEK)),
    Row("90-come-move-with-me", 28, "Come move with me", "Where to go from here, if you want to.",
        ("See classes", "{{ links.classes }}")),
]  # fmt: skip

TOPICS = [
    ("what is cranky", "guide", "tell me what's cranky"),
    ("if only one pose", "guide", "If you only ever do one of them, make it the first."),
    ("what comes next, and how often", "guide", "Eight shorter letters over four weeks"),
    ("leaving", "guide", "Leave whenever you like"),
    ("the disclaimer", "guide", "general information for healthy adults, not medical advice"),
    ("what tightness is", "tight-hips", "Feeling tight and being short are different things."),
    ("a check to do now", "tight-hips", "for ten seconds without leaning back"),
    ("red flags", "tight-hips", "Stop running and see a doctor or physio soon."),
    ("stretch and range", "yoga-for-runners", "Comfort and range, mostly."),
    ("how much", "yoga-for-runners", "about ten minutes in total for a muscle group is plenty"),
    ("before a race", "yoga-for-runners", "Long holds belong after."),
    ("back after a marathon", "yoga-for-runners", "Just run a marathon?"),
    ("upper body", "what-is-barre", "Upper body. Arms held out"),
    ("core", "what-is-barre", "Core. The leg moves and the pelvis stays level and neutral."),
    ("hip stabilisers", "strong-hips", "Hip stabilisers. Running is standing on one leg"),
    ("glutes", "strong-hips", "Glutes. Bridge: eight slow lifts"),
    ("what physios say", "strong-hips", "That's basically what my physio tells me."),
    ("the trial", "strong-hips", "got hurt about a third less than those who only stretched"),
    ("what the trial was not", "strong-hips", "I know of no trial of barre."),
    ("the hip flexors' comeback", "strong-hips", "They also lift your leg on every step, so give them work"),
    ("room to stride", "strong-hips", "gives you room to stride"),
    ("embrace the shake", "embrace-the-shake", "Shaking means tired, not broken."),
    ("tiny movements", "embrace-the-shake", "when the move is too tiny to see"),
    ("sharp pain", "embrace-the-shake", "Sharp pain always ends the set."),
    ("mental strength", "embrace-the-shake", "You may call that mental strength."),
    ("never tried barre", "never-tried-barre", "I've never tried it."),
    ("flexibility", "never-tried-barre", "I'm not flexible."),
    ("whether the form is right", "never-tried-barre", "I won't know if my form is right."),
    ("Pilates", "never-tried-barre", "If you do Pilates"),
    ("plyometrics", "never-tried-barre", "If you do plyometrics, keep them."),
    ("the leggings", "never-tried-barre", "About the leggings: any pair will do."),
    ("hard and easy days", "your-week", "Hard days hard, easy days easy."),
    ("the fortnight after a marathon", "your-week", "Back after a marathon?"),
    ("no is an answer", "come-move-with-me", "If your answer is no, that is a perfectly good answer."),
    ("the end", "come-move-with-me", "The last letter of the series"),
]

#: Claims that the research does not carry, words that shame, and words that only sell.
FORBIDDEN = [
    r"cures?\b", r"heal(?:s|ed|ing)?\b", r"guarantee", r"prevents?\b", r"fix(?:es)? your", r"detox", r"melt",
    r"releas\w+ (?:your |the )?(?:hips?|psoas)", r"flush", r"recovery", r"lengthen", r"locked", r"weak glutes",
    r"calorie", r"burn", r"earn(?:s|ed)?\b(?! one)", r"tone[ds]?\b", r"slim", r"skinny", r"lean legs", r"bikini", r"no excuses",
    r"game.changer", r"transform", r"unlock", r"journey", r"amazing", r"hurry", r"last chance", r"act now", r"secret",
    r"not just", r"it's not about", r"!",
]  # fmt: skip


def letter(example_content: Compiled, slug: str) -> Letter:
    return example_content.letters[f"hip-openers/{slug}"]


def body(of: Letter) -> str:
    """The words of a mail, as its text part says them on one line, without addresses and without its footer."""
    words, _, footer = text(of).partition("\n-- \n")
    assert footer
    lines = [line.removeprefix("| ").removeprefix("> ") for line in words.split("\n")]
    return " ".join(re.sub(r"<?https?://\S+", "", " ".join(lines)).split())


def paragraphs(of: Letter) -> list[str]:
    """The same by paragraphs."""
    words = text(of).partition("\n-- \n")[0]
    return [" ".join(one.split()) for one in words.strip().split("\n\n")]


def test_the_arc_is_these_nine_letters(example_content: Compiled) -> None:
    steps = example_content.sequences["hip-openers"].steps
    assert [(step.slug, step.day) for step in steps] == [(row.slug, row.day) for row in ARC]
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == [row.file for row in ARC]


@pytest.mark.parametrize("row", ARC, ids=lambda row: row.slug)
def test_a_letter_has_its_subject_its_preheader_and_at_most_one_button(example_content: Compiled, row: Row) -> None:
    of = letter(example_content, row.slug)
    assert (of.subject, of.preheader) == (row.subject, row.preheader)
    source = (FOLDER / f"{row.file}.md").read_text()
    buttons = re.findall(r"\[([^\]]+)\]\(([^)]+)\)\{\.button\}", source)
    assert buttons == ([row.button] if row.button else [])
    assert html(of).count('class="btn-link"') == len(buttons)


@pytest.mark.parametrize("row", ARC, ids=lambda row: row.slug)
def test_a_letter_is_as_long_as_a_cup_of_tea(example_content: Compiled, row: Row) -> None:
    told = re.sub(r"\[[^\]]*\]", "", body(letter(example_content, row.slug)))  # without what stands for pictures
    words = [word for word in told.split() if any(map(str.isalnum, word))]
    assert len(words) in (range(300, 800) if row.slug == "guide" else range(150, 281)), len(words)


@pytest.mark.parametrize(("topic", "slug", "phrase"), TOPICS)
def test_what_readers_brought_up_has_its_place(example_content: Compiled, topic: str, slug: str, phrase: str) -> None:
    assert phrase in body(letter(example_content, slug)), topic


@pytest.mark.parametrize("row", [row for row in ARC if row.asks], ids=lambda row: row.slug)
def test_a_letter_that_asks_ends_in_its_question(example_content: Compiled, row: Row) -> None:
    closing = paragraphs(letter(example_content, row.slug))
    assert closing[-1] == "See you on the floor, Maya"
    assert "?" in closing[-2]


@pytest.mark.parametrize("row", ARC, ids=lambda row: row.slug)
def test_a_letter_claims_shames_and_sells_nothing(example_content: Compiled, row: Row) -> None:
    of = letter(example_content, row.slug)
    said = f"{of.subject} {of.preheader} {body(of)}"
    found = [match[0] for word in FORBIDDEN if (match := re.search(rf"\b{word}" if word != "!" else word, said, re.I))]
    assert found == []
    assert said.count("—") == said.count("— half the runners")  # whose a quote is


def test_nothing_is_offered_before_the_last_letter() -> None:
    for row in ARC[:-1]:
        assert "links.classes" not in (FOLDER / f"{row.file}.md").read_text()


@pytest.mark.parametrize("row", ARC, ids=lambda row: row.slug)
def test_every_link_is_one_that_the_operator_sets_in_one_place(row: Row) -> None:
    source = (FOLDER / f"{row.file}.md").read_text()
    targets = set(re.findall(r"\]\(([^)]+)\)", source))
    own = "{{ guide_url }}" if row.slug == "guide" else "{{ site.url }}"  # the guide, or the blog
    assert all(re.fullmatch(r"\{\{ links\.\w+ \}\}", target) or target == own for target in targets)
    assert "://" not in source


def test_pictures_are_few_and_each_is_what_the_letter_speaks_of(example_content: Compiled) -> None:
    shown = {row.slug: [picture.name for picture in letter(example_content, row.slug).pictures] for row in ARC}
    assert shown == {
        "guide": ["low-lunge.png", "figure-four.png", "bridge.png"],
        "tight-hips": ["low-lunge.png"],
        "yoga-for-runners": ["legs-up-wall.png"],
        "what-is-barre": ["plie.png"],
        "strong-hips": ["arabesque-pulse.png"],
        "embrace-the-shake": ["forearm-plank.png"],
        "never-tried-barre": ["plie.png"],
        "your-week": [],
        "come-move-with-me": ["butterfly.png"],
    }


def test_the_guide_mail_carries_the_link_first_and_the_whole_flow(example_content: Compiled) -> None:
    of = letter(example_content, "guide")
    assert paragraphs(of)[1] == "Open the guide: https://mail.example.com/g/token"
    assert paragraphs(of)[3].startswith("[Low lunge: "), "the first drawing comes before a phone is scrolled far"
    rows = re.findall(r"(?m)^(\d+:\d\d) +\| .+ \| (\d+:\d\d)$", text(of))
    clock = 0
    for start, length in rows:
        assert _seconds(start) == clock
        clock += _seconds(length)
    assert (len(rows), clock) == (11, 600)
    assert re.findall(r"(?m)^(.+)\n~+$", text(of)) == ["Low lunge", "Figure four", "Bridge"]


def _seconds(clock: str) -> int:
    minutes, _, seconds = clock.partition(":")
    return 60 * int(minutes) + int(seconds)


@pytest.mark.parametrize(
    ("slug", "subject"),
    [
        ("confirm", "Please confirm: {{ guide.title }}"),
        ("confirm-reminder", "Still want {{ guide.title }}?"),
        ("confirm-address", "Is this your new address?"),
    ],
)
def test_who_has_not_said_yes_gets_one_link_and_no_picture(example_content: Compiled, slug: str, subject: str) -> None:
    of = example_content.letters[f"system/{slug}"]
    page = html(of, confirmed=False)
    assert of.subject == subject
    assert re.findall(r'href="([^"]*)"', page) == ["https://mail.example.com/c/token"]
    assert re.findall(r"https?:\S+", text(of, confirmed=False)) == ["https://mail.example.com/c/token"]
    assert "Not you? Just ignore this mail" in page
    assert "1 Example Street" in page
    assert "<img" not in page
    assert "first_name" not in of.html + of.text + of.subject + of.preheader


def test_a_guide_sent_again_only_brings_the_guide(example_content: Compiled) -> None:
    of = example_content.letters["system/guide-again"]
    links = set(map(unescape, re.findall(r'href="([^"]*)"', html(of))))
    assert links == {f"https://mail.example.com/{path}" for path in ("g/token", "u/token", "f/hips")}
