"""Releases: publishing what passed its checks, and reading what is live."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from sqlalchemy import Select, func, insert, select
from sqlalchemy.orm import Session

from leadmagnet.content import sequences
from leadmagnet.content.compiled import Build, Compiled
from leadmagnet.content.published import Published
from leadmagnet.content.sequences import Step
from leadmagnet.errors import LeadmagnetError
from leadmagnet.publishing import media, unmoved
from leadmagnet.publishing.media import Item
from leadmagnet.store.dialect import one_at_a_time, table
from leadmagnet.store.models import Release
from leadmagnet.store.statements import Statement


class NothingPublished(LeadmagnetError):
    """Nothing has been published yet: run `leadmagnet publish` (or `leadmagnet run`) first."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class NotKept(LeadmagnetError):
    """A version whose files are gone: no mail was sent from it, and `[publish] keep` newer ones came."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"version {number} is not kept any more: no mail was sent from it, and newer ones took its place "
            "(`keep` in [publish] says how many stay)."
        )


class Overtaken(LeadmagnetError):
    """Somebody else published meanwhile."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Not published: version {number} went live meanwhile, and what you were told compares with the one "
            "before it. Look again."
        )


@Statement
def _newest(_for_sqlite: bool) -> Select[tuple[int | None]]:
    return select(func.max(table(Release).c.id).label("number"))


@dataclass
class Live:
    """The newest release, loaded once per process and again only when its number grows."""

    _held: Published | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def last_seen(self) -> Published | None:
        """The release that was live when somebody last asked; None: nobody has. It costs nothing to look."""
        return self._held

    def get(self, session: Session) -> Published:
        """The live release. Raises NothingPublished."""
        ((number,),) = _newest.run(session)
        if number is None:
            raise NothingPublished
        held = self._held
        if held is None or held.number != number:
            with self._lock:
                held = self._held = load(session, number)
        return held


def load(session: Session, number: int) -> Published:
    """One release by its number. Raises NothingPublished if it does not exist, NotKept if its content is gone."""
    release = session.get(Release, number)
    if release is None:
        raise NothingPublished
    if not release.compiled:
        raise NotKept(number)
    return Published(release.id, release.digest, _read(release.compiled))


def live_digest(session: Session) -> str | None:
    """The digest of the live release, or None before the first publish."""
    return session.scalar(select(Release.digest).order_by(Release.id.desc()).limit(1))


def files(session: Session, number: int) -> dict[str, bytes]:
    """The operator's files of a release, by path. Raises NothingPublished if there is none, NotKept if they went."""
    archive = session.scalar(select(Release.files).where(Release.id == number))
    if archive is None:
        raise NothingPublished
    if not archive:
        raise NotKept(number)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {path: opened.read(path) for path in opened.namelist()}


def publish(
    session: Session,
    build: Build,
    made: Sequence[Item] = (),
    *,
    author: str,
    note: str | None = None,
    set_aside: str | None = None,
    over: int | None = None,
    now: datetime,
) -> int | None:
    """Makes a checked build live and returns its number, or None if just this content is live already.

    `build` must have passed: one without `compiled` is a defect of the caller. `made` is what of its pictures and PDFs
    was missing; it is kept even if the content is live already: a newer version of ours may set an old guide anew.
    `set_aside` is for a rollback: the digest of what the folder holds. Raises Overtaken if another release than
    `over` is live; None: whichever is.
    """
    if build.compiled is None:
        raise ValueError("a build with errors cannot be published")
    media.keep(session, made, now=now)
    one_at_a_time(session, Release)  # what is compared with the release before must be what comes next to it
    before = session.scalars(select(Release).order_by(Release.id.desc()).limit(1)).one_or_none()
    if before is not None and before.digest == build.digest:
        return None
    if over is not None and before is not None and before.id != over:
        raise Overtaken(before.id)
    live = Published(before.id, before.digest, _read(before.compiled)) if before is not None else None
    compiled = dated(build.compiled, live, now=now).model_dump_json()
    archive = _archive(build.files)
    told = {"published_at": now, "author": author, "note": note, "set_aside": set_aside}
    added = insert(Release).values(digest=build.digest, files=archive, compiled=compiled, **told)
    return session.execute(added.returning(Release.id)).scalar_one()


def would_be(build: Build, live: Published | None, *, now: datetime) -> Published:
    """What publishing `build` at `now` would make live. Nothing is written; its number only tells that it is newer."""
    if build.compiled is None:
        raise ValueError("a build with errors cannot be published")
    number = live.number + 1 if live is not None else 1
    return Published(number, build.digest, dated(build.compiled, live, now=now))


def dated(new: Compiled, live: Published | None, *, now: datetime) -> Compiled:
    """The content as a publish at `now` keeps it: each step with its date, and with what of its plans still holds."""
    compiled = new.model_copy(update={"sequences": _since_when(new, live.compiled if live else None, now)})
    return _compared(compiled, live.compiled, live.number) if live is not None else compiled


def _read(compiled: str) -> Compiled:
    return Compiled.model_validate_json(compiled)


def _since_when(new: Compiled, live: Compiled | None, now: datetime) -> dict[str, sequences.Sequence]:
    """The sequences, each step with the moment it first became sendable (None: since the sequence began)."""
    found = {}
    for slug, sequence in new.sequences.items():
        before = live.sequences.get(slug) if live is not None else None
        steps = tuple(
            step.model_copy(update={"since": _since(step, before, now), "planned_in": None}) for step in sequence.steps
        )
        found[slug] = sequence.model_copy(update={"steps": steps})
    return found


def _compared(new: Compiled, live: Compiled, live_number: int) -> Compiled:
    """The content, each step with the oldest release whose plans for it still hold."""
    compared = {
        slug: sequence.model_copy(
            update={
                "steps": tuple(
                    step.model_copy(update={"planned_in": unmoved.planned_in(new, live, live_number, sequence, index)})
                    for index, step in enumerate(sequence.steps)
                )
            }
        )
        for slug, sequence in new.sequences.items()
    }
    return new.model_copy(update={"sequences": compared})


def _since(step: Step, before: sequences.Sequence | None, now: datetime) -> datetime | None:
    if before is None:
        return None
    for slug in (step.slug, *step.was):
        old = next((old for old in before.steps if old.slug == slug), None)
        if old is not None and not old.draft:
            return old.since
    return now


def _archive(files: Mapping[str, bytes]) -> bytes:
    """A zip of the operator's files; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path), files[path], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
