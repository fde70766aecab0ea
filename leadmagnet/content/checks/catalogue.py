"""Lists every rule that content is judged by: what it asks for, why, and what to do."""

from dataclasses import dataclass

from leadmagnet.content.findings import Level


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `why` and `fix` are a sentence each; a finding says more exactly what to do at its place.

    `asked` is whether it runs only when somebody asks for it: by a setting, an option, or a database that is there.
    """

    code: str
    level: Level
    about: str
    why: str
    fix: str
    asked: bool = False


def _table(*rules: Rule) -> dict[str, Rule]:
    return {rule.code: rule for rule in rules}


#: The rules by their code. A code keeps its meaning for ever; `level` is its usual one.
RULES = _table(
    Rule(
        "E101",
        "error",
        "unknown variable, filter, link, snippet, picture or letter",
        "A reader would see a hole where something was meant to stand.",
        "Write the name as it is known, or add what it names.",
    ),
    Rule(
        "E102",
        "error",
        "a file, key or value that does not read",
        "A guess at what was meant could send the wrong letter at the wrong time.",
        "Write it as the message says, or delete the line.",
    ),
    Rule(
        "E103",
        "error",
        "two letters with one identity, or a lost one",
        "The name behind the number is how leadmagnet knows who had a letter already.",
        "Give each letter one name for ever, and list earlier ones in `was`.",
    ),
    Rule(
        "E104",
        "error",
        "no unsubscribe link, or no postal address",
        "The law and Gmail want both in every letter.",
        "Put {{ unsubscribe_url }} and {{ site.postal_address }} into the layout.",
    ),
    Rule(
        "E105",
        "error",
        "a letter over 102,000 bytes (from 80,000 a warning)",
        "Gmail cuts a longer one off, and the unsubscribe link with it.",
        "Make it shorter, or move a part to a page of your own.",
    ),
    Rule(
        "E106",
        "error",
        "a picture without words for those who do not see it",
        "Many read with pictures off, some with a screen reader.",
        "Say in its alt text what there is to see, or leave that empty if it only decorates.",
    ),
    Rule(
        "E107",
        "error",
        "a kind of picture that mail programs do not show",
        "Gmail shows no drawings and no pictures inside the mail; Outlook shows no WebP.",
        "Save it as PNG or JPEG.",
    ),
    Rule(
        "E108",
        "error",
        "an address that is not safe, or not whole; braces that are left over",
        "A link must lead where the reader expects, from wherever the mail is opened.",
        "Write it in full, beginning with https://.",
    ),
    Rule(
        "E109",
        "error",
        "a statement, expression or element where it breaks the page",
        "What is torn apart looks broken in the inbox, and nobody can take it back.",
        "Put statements around whole blocks, and close what is open.",
    ),
    Rule(
        "W201",
        "warning",
        "a preheader that is short, long, or only repeats the subject",
        "It is the second thing that an inbox shows, and often decides whether a letter is opened.",
        "Write 40 to 90 characters that say what the subject does not.",
    ),
    Rule(
        "W202",
        "warning",
        "a subject that is long, shouts, or pretends to be an answer",
        "Phones cut after 35 to 41 characters; shouting and fake answers cost trust.",
        "Write 50 characters at most, in plain words.",
    ),
    Rule(
        "W203",
        "warning",
        "few words, or many pictures for them",
        "With pictures off little is left, and filters take such mail for spam.",
        "Write at least 40 words, and 20 for each picture.",
    ),
    Rule(
        "W204",
        "warning",
        "words that hardly stand out from their background",
        "Below 4.5:1 (3:1 for large words) many cannot read them (WCAG 1.4.3), in the light or in the dark.",
        "Choose a darker or a lighter colour.",
    ),
    Rule(
        "W205",
        "warning",
        "link words that say nothing, or one text for two addresses",
        "Who listens to a mail, or skims it, meets the links without what is around them.",
        "Say where the link leads.",
    ),
    Rule(
        "W206",
        "warning",
        "more than one button",
        "A letter has one job: with two buttons most readers press neither.",
        "Keep one, and make the others links in the text.",
    ),
    Rule(
        "W207",
        "warning",
        "headings that skip a level, or more than one of the first",
        "Screen readers offer the headings as the table of contents.",
        "Use # once, ## below it, ### below that.",
    ),
    Rule(
        "W208",
        "warning",
        "something that Gmail, Outlook on Windows or Apple Mail does not know",
        "A part of your readers would see the letter without it.",
        "Use something plainer, or make sure that the letter works without it.",
    ),
    Rule(
        "W209",
        "warning",
        "styles that Gmail throws away",
        "It drops a <style> over 16 KB, and all of one that holds a colour like rgb(0 0 0 / 1).",
        "Keep styles short, and write colours as #2B2321 or rgb(43, 35, 33).",
    ),
    Rule(
        "W210",
        "warning",
        "a text part that is empty, or lacks a link",
        "Some read the text part only, and filters compare the two.",
        "Put into the .txt layout, or into the Markdown, what the HTML has.",
    ),
    Rule(
        "W211",
        "warning",
        "a picture that is heavy, or has no width",
        "Phones load it slowly, and Outlook shows it as large as it is.",
        "Save it 1024 pixels wide, below 200 KB.",
    ),
    Rule(
        "W212",
        "warning",
        "sentences or paragraphs that are hard to read on a phone",
        "People read letters on the way, between two other things.",
        "Split it: one thought a sentence, 90 words a paragraph at most.",
        asked=True,
    ),
    Rule(
        "W213",
        "warning",
        "a series that is dense, or long",
        "Letters less than two days apart, later than 45 days or more than ten make people leave.",
        "Leave two days between letters, and stop in time.",
    ),
    Rule(
        "W214",
        "warning",
        "letters that come more than a day after their `day`",
        "send_on, send_at and min_gap together move them for some who confirm at a certain hour.",
        "Allow more weekdays, shorten min_gap, or set another day.",
    ),
    Rule(
        "W215",
        "warning",
        "a promise about health that nobody can keep",
        "Such words mislead readers who are in pain, and in many countries they are against the law.",
        "Say what it feels like, or what it may help with.",
    ),
    Rule(
        "W216",
        "warning",
        "real mail, and a link that still leads to a section of the guide",
        "Your readers should reach your own pages.",
        "Write the address of your page into [links].",
    ),
    Rule(
        "W217",
        "warning",
        "a `check: off` that switches nothing off",
        "It would hide the next finding of that kind, or you believe it hides one that it does not.",
        "Correct the code, or delete the comment.",
    ),
    Rule(
        "W218",
        "warning",
        "a first name with nothing in its place for those who gave none",
        "Names are optional: some readers get a hole where their name was meant to stand.",
        'Write {{ first_name or "there" }}, or put {% if first_name %} around it.',
        asked=True,
    ),
    Rule(
        "W219",
        "warning",
        "a condition that nobody there is meets",
        "No letter or answer gives that tag and nobody has it, so the letter reaches no one.",
        "Correct the tag, or give it.",
        asked=True,
    ),
    Rule(
        "I301",
        "info",
        "links that do not answer, tried with --online",
        "Pages move, and readers who meet an error do not come back.",
        "Correct the address; [link_fixes] mends it in letters already sent.",
        asked=True,
    ),
    Rule(
        "I302",
        "info",
        "words that spam is full of",
        "A single word decides nothing today: reputation does, and whether people want your mail.",
        "Say it in your own words.",
        asked=True,
    ),
    Rule(
        "I303",
        "info",
        "a layout that tells screen readers too little",
        "Without lang, dir and role=presentation it is read out in the wrong voice, or cell by cell.",
        'Add lang="en" dir="ltr" to <body>, and role="presentation" to each table that only arranges.',
    ),
)

#: The rules that run only where `[check]` names them.
ON_REQUEST = ("W212", "I302")


def why(code: str) -> str:
    """The reason behind rule `code`, in one sentence."""
    return RULES[code].why
