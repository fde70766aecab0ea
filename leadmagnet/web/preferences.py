"""What a reader wishes of her letters, at her own link: to leave in one tap, a pause, an end, another pace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, request

from leadmagnet.audience import subscribers
from leadmagnet.audience.consent import Origin
from leadmagnet.content.published import Published
from leadmagnet.links import Purpose
from leadmagnet.reports.subjects import subject
from leadmagnet.sequences import finishing, pace, pauses, preferences
from leadmagnet.sequences.instants import day_begins
from leadmagnet.store.database import Session
from leadmagnet.store.models import Subscriber
from leadmagnet.store.signals import something_is_due
from leadmagnet.web import standing
from leadmagnet.web.answers import private_page, row_of
from leadmagnet.web.house import house
from leadmagnet.web.origin import origin_of
from leadmagnet.web.personal import nothing_left
from leadmagnet.web.standing import Standing, on_date

bp = Blueprint("preferences", __name__)

#: As long as the button says.
PAUSE_DAYS = 30


@bp.get("/u/<token>")
def ask(token: str) -> Response:
    """Shows the buttons; changes nothing."""
    subscriber_id = row_of(token, Purpose.LEAVE)
    return _page(token, subscriber_id)


@bp.post("/u/<token>")
def wish(token: str) -> Response:
    """Does what one button says, and answers with the page: no cookie, no redirect, no second question.

    RFC 8058 §3.1 fixes the body of a mail program as List-Unsubscribe=One-Click, urlencoded or multipart; the page's
    own button sends the same. It comes before anything else that a body may hold.
    """
    subscriber_id = row_of(token, Purpose.LEAVE)
    parts, form = house(), request.form
    origin = origin_of(request, parts.settings.trusted_proxies)
    said: str | None = None
    with parts.database.write() as session:
        if form.get("List-Unsubscribe") == "One-Click":
            preferences.leave(session, subscriber_id, origin, now=parts.clock())
        elif form.get("undo") == "1":
            said = _come_back(session, subscriber_id, origin)
        elif form.get("reason") in preferences.REASONS:
            preferences.say_why(session, subscriber_id, form["reason"], now=parts.clock())
        elif form.get("wish") in _WISHES:
            said = _carry_out(session, subscriber_id, form["wish"])
        else:
            abort(400)
    return _page(token, subscriber_id, said)


def _come_back(session: Session, subscriber_id: int, origin: Origin) -> str | None:
    parts = house()
    published = parts.published(session)
    if not preferences.come_back(session, published, subscriber_id, origin, now=parts.clock()):
        return None
    something_is_due(session)
    return "You’re back. Your letters go on where they stopped."


@dataclass(frozen=True, slots=True)
class _Asked:
    """One wish, in the transaction that carries it out."""

    session: Session
    published: Published
    subscriber: Subscriber
    now: datetime

    @property
    def standing(self) -> Standing:
        """How she stands by now."""
        return standing.of(self.session, self.published, self.subscriber, now=self.now)

    def pause(self) -> str:
        zone = self.published.zone_of(self.subscriber.timezone)
        until = day_begins(self.now.astimezone(zone).date() + timedelta(days=PAUSE_DAYS), zone)
        quiet = pauses.pause(self.session, self.published, self.subscriber, until, by="reader", now=self.now)
        return f"Paused. Your letters are back on {on_date(until, zone, self.now)}." if quiet else _NOTHING_RUNS

    def resume(self) -> str:
        quiet = pauses.resume(self.session, self.published, self.subscriber, by="reader", now=self.now)
        return f"Your letters go on.{self._next()}" if quiet else f"You are not paused.{self._next()}"

    def finish(self) -> str:
        finishing.finish(self.session, self.subscriber, by="reader", now=self.now)
        if self.subscriber.finishing_at is None:
            return _NOTHING_RUNS
        return f"All right. You get the rest of this series, and then nothing more from us.{self._next()}"

    def go_on(self) -> str:
        finishing.go_on(self.session, self.subscriber, by="reader", now=self.now)
        return f"All right. Your letters go on as before.{self._next()}"

    def slower(self) -> str:
        self._pace(pace.ONE_A_WEEK)
        return f"From now on, one letter a week at most.{self._next()}"

    def as_usual(self) -> str:
        self._pace(None)
        return f"Your letters come as usual again.{self._next()}"

    def _pace(self, days: int | None) -> None:
        pace.at_most_one_in(self.session, self.published, self.subscriber, days, by="reader", now=self.now)

    def next_now(self) -> str:
        found = pace.next_now(self.session, self.published, self.subscriber, by="reader", now=self.now)
        if found.sequence is not None and found.letter is not None:
            name = subject(self.session, self.published, self.subscriber, found.sequence, found.letter)
            return f"“{name}” is on its way."
        if found.outcome is pace.Next.PAUSED:
            return "Your letters are paused. Let them go on first, and ask again."
        return "There is no letter left to send."

    def _next(self) -> str:
        following = self.standing.following
        return f" {following}" if following is not None else ""


_NOTHING_RUNS = "No letters are on their way to you at the moment."
_WISHES: Mapping[str, Callable[[_Asked], str]] = {
    "pause": _Asked.pause,
    "resume": _Asked.resume,
    "finish": _Asked.finish,
    "go-on": _Asked.go_on,
    "slower": _Asked.slower,
    "as-usual": _Asked.as_usual,
    "next": _Asked.next_now,
}


def _carry_out(session: Session, subscriber_id: int, wish: str) -> str | None:
    """What came of it, in words; None of somebody whom the page has nothing to offer but to leave, or who has left."""
    parts = house()
    subscriber = subscribers.get(session, subscriber_id)
    if subscriber is None or subscriber.status != "active":
        return None
    said = _WISHES[wish](_Asked(session, parts.published(session), subscriber, parts.clock()))
    something_is_due(session)
    return said


def _page(token: str, subscriber_id: int, said: str | None = None) -> Response:
    """How she stands now. Of a forgotten person nothing is left to leave: the page says what is true."""
    parts, now = house(), house().clock()
    with parts.database.read() as session:
        published = parts.published(session)
        subscriber = session.get(Subscriber, subscriber_id)
        stands = standing.of(session, published, subscriber, now=now) if subscriber is not None else None
    if stands is None:
        return nothing_left()
    values: dict[str, Any] = {
        "token": token,
        "action": f"/u/{token}",
        "site": published.site,
        "stands": stands,
    }
    if stands.has_left:
        return private_page("left.html", form_url="/", reasons=preferences.REASONS, **values)
    back = now.astimezone(stands.zone) + timedelta(days=PAUSE_DAYS)
    return private_page("preferences.html", said=said, back_on=on_date(back, stands.zone, now), **values)
