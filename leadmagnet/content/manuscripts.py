"""Letters as the operator wrote them: what all heads share, with bodies not yet compiled."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from leadmagnet.content import keys, values
from leadmagnet.content.findings import Notes, Place, did_you_mean
from leadmagnet.content.heads import Head, front_matter
from leadmagnet.content.source import Source
from leadmagnet.errors import ContentError

SYSTEM_MAILS = ("confirm", "confirm-reminder", "confirm-address", "guide-again")
#: The one that asks at a new address whether its reader is there: it is about no guide.
NEW_ADDRESS = "confirm-address"


@dataclass(frozen=True, slots=True)
class Manuscript:
    """One letter, uncompiled. `key` is "hip-openers/tight-hips" or "system/confirm"."""

    key: str
    path: str
    subject: Source
    preheader: Source
    body: Source
    sender: str | None
    layout: str
    people: tuple[Mapping[str, str], ...]
    places: Mapping[str, Place]  # of the keys of its head

    @property
    def slug(self) -> str:
        return self.key.partition("/")[2]

    def at(self, key: str) -> Place:
        """Where `key` stands in its head."""
        return self.places.get(key, Place(self.path, 0))

    @property
    def asks_for_consent(self) -> bool:
        """Whether it goes to an address that nobody has confirmed yet."""
        return self.key in ("system/confirm", "system/confirm-reminder", f"system/{NEW_ADDRESS}")

    @property
    def is_about_a_guide(self) -> bool:
        """Whether it may speak of the guide that its reader asked for."""
        return self.key != f"system/{NEW_ADDRESS}"


def read_manuscript(
    key: str, path: str, text: str, known: Iterable[str], *, sender: str | None, layout: str, notes: Notes
) -> tuple[Head, Manuscript] | None:
    """The head and the letter in `text`; None, and a finding, when it has no readable head.

    `known` is the closed list of its head; `sender` and `layout` hold where the head says nothing.
    """
    try:
        head, body = front_matter(path, text, notes)
    except ContentError as error:
        notes.take(error)
        return None
    head.closed(known)
    manuscript = Manuscript(
        key=key,
        path=path,
        subject=_line(head, "subject", 'Add subject = "…".'),
        preheader=_line(head, "preheader", 'Add preheader = "…": inboxes show it after the subject.'),
        body=body,
        sender=head.read("from", values.mailbox, sender),
        layout=head.read("layout", values.name, layout),
        people=head.read("preview", _people, ()),
        places={key: head.place(key) for key in head.values},
    )
    return head, manuscript


def read_system(texts: Mapping[str, str], notes: Notes) -> tuple[Manuscript, ...]:
    """The mails outside any sequence, from `email_templates/system/`; all of SYSTEM_MAILS must be there."""
    mails = []
    for name in SYSTEM_MAILS:
        path = f"email_templates/system/{name}.md"
        if f"{name}.md" not in texts:
            notes.error(Place(path, 0), "E102", "this mail is missing.", "Add it with subject, preheader and a body.")
            continue
        key = f"system/{name}"
        read = read_manuscript(key, path, texts[f"{name}.md"], keys.SYSTEM, sender=None, layout="letter", notes=notes)
        if read is not None:
            mails.append(read[1])
    for name in texts:
        if name.endswith(".md") and name.removesuffix(".md") not in SYSTEM_MAILS:
            path = f"email_templates/system/{name}"
            fix = did_you_mean(name.removesuffix(".md"), SYSTEM_MAILS)
            notes.error(Place(path, 0), "E102", "there is no system mail of this name.", fix)
    return tuple(mails)


def _line(head: Head, key: str, fix: str) -> Source:
    return Source(head.need(key, values.text, "", fix), (head.place(key),))


def _people(value: object) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise values.Unreadable("must be a list of people.", 'Write [{ first_name = "Sam" }].')
    for one in value:
        for key, fact in one.items():
            if key not in keys.PERSON:
                fix = "Keys that stand after [[preview]] belong to that person: move them up."
                raise values.Unreadable(f"has a person with an unknown key '{key}'.", fix)
            if not isinstance(fact, str):
                raise values.Unreadable(f"has a person whose '{key}' is not text.", "Put it in quotes.")
    return tuple(value)
