"""Says the reasons that are stored beside mails in plain words, which follow "did not get it:"."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from leadmagnet.content.sequences import Condition, Step
from leadmagnet.delivery.outcomes import GIVEN_UP
from leadmagnet.mail import answers
from leadmagnet.sequences.schedule import ADDED, MOVED

#: {she}: who it is about, "she" or "they"; {her}: whose, "her" or "their"; {had}: "has" or "have".
_SAID: Mapping[str, str] = MappingProxyType(
    {
        ADDED: "added after {her} turn",
        MOVED: "moved to where {she} {had} been already",
        "draft": "a draft when {her} turn came",
        "not_after has passed": "too late for it by then: its not_after had passed",
        "unsubscribed": "left before it went",
        "confirmed": "confirmed already",
        "active": "confirmed already",
        "bounced": "an earlier mail bounced for good",
        "complained": "complained about an earlier mail",
        "erased": "{her} data was deleted",
        "blocked address": "{her} address is blocked",
        "letter removed": "the letter was taken out of the series",
        "letter renamed": "the letter goes under another name now",
        "another letter comes first": "another letter came first",
        "sequence removed": "the whole series was taken away",
        "the letters have not started": "{her} letters have not started",
        "pending": "{her} letters have not started",
        "completed": "{her} series was over",
        "exited": "{her} series was over",
        "series completed": "{her} series was over",
        "series exited": "{her} series was over",
        "series pending": "{her} letters have not started",
        "not in this version": "the letter is not in the version that is live",
        "poison": "sending it stopped the sender three times",
        "render": "it could not be put together for {her} facts",
        GIVEN_UP: '{her} mail server kept saying "later" until it was given up',
        "unclear": "{her} mail server refused it",
        "the server's answer was lost": "the mail server's answer was lost",
        "the sender died before the server's answer": "the sender stopped before the mail server answered",
    }
)
_ONLY_IF = re.compile(r"only if (not )?(tag|clicked):(\S+)")
_SKIPPED_IF = re.compile(r"skipped if (.+)")
_ONE = re.compile(r"(not )?(tag|clicked):(\S+)")
_STOP = re.compile(r"(?:the series stops at )?tag:(\S+)")


def plain(state: str, reason: str | None, *, several: bool = False) -> str:
    """Why one reader (or `several`) did not get a mail, in words without a subject: "left before it went"."""
    who = {"her": "their", "had": "have"} if several else {"her": "her", "had": "has"}
    if reason is None:
        return {"expired": "too late for it by then", "held": "held for you to look at"}.get(state, "nobody noted why")
    if state == "failed" and reason not in _SAID:
        return answers.meaning(reason)
    if (only := _ONLY_IF.fullmatch(reason)) is not None:
        return f"only for readers {_who(bool(only[1]), only[2], only[3])}"
    if (skipped := _SKIPPED_IF.fullmatch(reason)) is not None:
        return (
            f"not for readers {' and '.join(_who(bool(one[1]), one[2], one[3]) for one in _ONE.finditer(skipped[1]))}"
        )
    if (stop := _STOP.fullmatch(reason)) is not None:
        return f"{who['had']} the tag {stop[1]}, which ends the series"
    return _SAID[reason].format(**who) if reason in _SAID else reason


def ahead(reason: str) -> str:
    """The same of a letter whose turn is still to come, as things are today."""
    return {"draft": "a draft", "not_after has passed": "too late for it by then"}.get(reason) or plain(
        "skipped", reason
    )


def conditions(step: Step) -> str:
    """Who a letter is for, as its head says it: "only if not tag:tried-barre"; "" if for everybody."""
    parts = [f"only if {_spelled(step.only_if)}"] if step.only_if else []
    parts += [f"skip if {_spelled(step.skip_if)}"] if step.skip_if else []
    return ", ".join(parts)


def _who(negated: bool, kind: str, name: str) -> str:
    if kind == "tag":
        return f"{'without' if negated else 'with'} the tag {name}"
    return f"who {'did not click' if negated else 'clicked'} in {name}"


def _spelled(found: tuple[Condition, ...]) -> str:
    return " and ".join(f"{'not ' if one.negated else ''}{one.kind}:{one.name}" for one in found)
