"""Versions, as the operator sees releases: which there are, what is in them, the way back to one."""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from leadmagnet.content import sequences
from leadmagnet.content.compiled import Build, Compiled
from leadmagnet.content.published import Published
from leadmagnet.content.site import SiteSettings
from leadmagnet.errors import LeadmagnetError
from leadmagnet.publishing import drafts, releases
from leadmagnet.publishing.releases import NothingPublished
from leadmagnet.store.models import Delivery, Release


class NoSuchVersion(LeadmagnetError):
    """A number that no version has."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version in a list; `sent` is how many mails went out from it."""

    number: int
    published_at: datetime
    author: str
    note: str | None
    digest: str
    live: bool
    kept: bool  # its files are here: it can be shown, compared, gone back to
    set_aside: str | None  # of a rollback: digest of what the folder held then
    sent: int = 0

    def to_json(self) -> dict[str, object]:
        """The documented form of a version."""
        return {
            "version": self.number,
            "published_at": self.published_at.isoformat(),
            "author": self.author,
            "note": self.note,
            "digest": self.digest,
            "live": self.live,
            "kept": self.kept,
            "rollback": self.set_aside is not None,
            "sent": self.sent,
        }


def every(session: Session) -> list[Version]:
    """All versions, newest first, without counts."""
    size = func.length(Release.files)
    columns = Release.id, Release.published_at, Release.author, Release.note, Release.digest, Release.set_aside
    rows = session.execute(select(*columns, size.label("size")).order_by(Release.id.desc())).all()
    return [
        Version(row.id, row.published_at, row.author, row.note, row.digest, at == 0, bool(row.size), row.set_aside)
        for at, row in enumerate(rows)
    ]


def counted(session: Session) -> list[Version]:
    """`every`, each with the mails that were sent from it: reads through all mails."""
    query = select(Delivery.release_id, func.count()).where(Delivery.sent_at.is_not(None)).group_by(Delivery.release_id)
    sent = {row[0]: row[1] for row in session.execute(query)}
    return [replace(one, sent=sent.get(one.number, 0)) for one in every(session)]


def live(session: Session) -> Version:
    """The live version. Raises NothingPublished."""
    return find(session, None)


def find(session: Session, number: int | None) -> Version:
    """A version by its number, the live one for None. Raises NothingPublished, NoSuchVersion."""
    there = every(session)
    if not there:
        raise NothingPublished
    if number is None:
        return there[0]
    found = next((one for one in there if one.number == number), None)
    if found is None:
        newest = there[0].number
        which = (
            "there is only version 1" if newest == 1 else f"the newest is {newest}, `leadmagnet versions` lists them"
        )
        raise NoSuchVersion(f"there is no version {number}: {which}.")
    return found


def one_back(session: Session) -> Version:
    """The version that going back leads to: the last before the live one with other content.

    Raises NothingPublished, NoSuchVersion if there is none, or if the live one is a rollback already: then "back" may
    mean two things, and the wrong one would bring back what was just taken away.
    """
    newest, *earlier = every(session) or [live(session)]
    other = next((one for one in earlier if one.digest != newest.digest and one.kept), None)
    if other is None:
        raise NoSuchVersion(f"there is no version before {newest.number} to go back to.")
    if newest.set_aside is not None:
        raise NoSuchVersion(
            f"version {newest.number}, which is live, is a rollback itself: say where to go, as in "
            f"`leadmagnet rollback {other.number}`. `leadmagnet versions` lists them."
        )
    return other


def content(session: Session, number: int) -> Build:
    """The files of a version, compiled anew, as the code of today compiles them. Raises NotKept, NoSuchVersion."""
    settings = settings_of(session, number)
    return drafts.check_kept(releases.files(session, number), settings)


def settings_of(session: Session, number: int) -> SiteSettings:
    """What [site], [form], [links] and the like said in a version. Raises NotKept, or NoSuchVersion: unreadable."""
    stored = session.scalar(select(Release.compiled).where(Release.id == number))
    if not stored:
        raise releases.NotKept(number)
    try:
        return SiteSettings.model_validate(json.loads(stored)["settings"])
    except (ValidationError, KeyError) as error:
        raise NoSuchVersion(
            f"version {number} was published by another leadmagnet, whose [site] settings this one cannot read."
        ) from error


def published(session: Session, number: int) -> Published:
    """A version as its mails are made; one compiled in a form that this program cannot read is compiled anew."""
    try:
        return releases.load(session, number)
    except ValidationError:
        build = content(session, number)
    if build.compiled is None:
        raise NoSuchVersion(f"version {number} was published by another leadmagnet, and this one cannot read it.")
    return Published(number, build.digest, build.compiled)


def to_roll_back(session: Session, number: int) -> Build:
    """A version's content, fit to follow the live one.

    Its files are compiled anew; if the checks have grown stricter since, what was compiled then is taken as it is.
    A letter that was renamed since bears its later name as one it had: whoever got it does not get it again.
    """
    build = content(session, number)
    if build.compiled is None:
        try:
            compiled = releases.load(session, number).compiled
        except ValidationError:
            return build
    else:
        compiled = build.compiled
    return replace(build, compiled=_known_by_later_names(compiled, releases.Live().get(session).compiled))


def _known_by_later_names(back: Compiled, now: Compiled) -> Compiled:
    renamed = {}
    for slug, sequence in back.sequences.items():
        later = now.sequences.get(slug)
        renamed[slug] = sequence if later is None else _with_later_names(sequence, later)
    return back.model_copy(update={"sequences": renamed})


def _with_later_names(back: sequences.Sequence, now: sequences.Sequence) -> sequences.Sequence:
    names = {step.slug for step in back.steps}
    steps = []
    for step in back.steps:
        heir = next((one for one in now.steps if step.slug in one.was), None)
        more = {heir.slug, *heir.was} - {*names, *step.was} if heir is not None else set()
        steps.append(step.model_copy(update={"was": (*step.was, *sorted(more))}) if more else step)
    return back.model_copy(update={"steps": tuple(steps)})


def unneeded(session: Session, keep: int) -> list[int]:
    """The versions behind the newest `keep` that no mail and nobody's letter refers to: reads through all mails."""
    candidates = [one.number for one in every(session)[max(keep, 1) :] if one.kept]
    if not candidates:
        return []
    used = select(Delivery.release_id).where(Delivery.release_id.in_(candidates)).distinct()
    return sorted(set(candidates) - set(session.scalars(used)))


def let_go(session: Session, numbers: list[int]) -> None:
    """Empties versions; their rows stay, as the history of what was live.

    To delete the rows, the database would look through all mails for one that refers to them, with everybody waiting.
    """
    session.execute(update(Release).where(Release.id.in_(numbers)).values(files=b"", compiled=""))
