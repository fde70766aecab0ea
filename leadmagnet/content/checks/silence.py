"""Judges the comments that switch rules off: one that does nothing hides the next finding of its kind."""

from leadmagnet.content.checks.catalogue import RULES
from leadmagnet.content.findings import Notes, did_you_mean


def judge(notes: Notes, *, complete: bool) -> None:
    """Notes rule W217 over the comments that `notes` has read.

    `complete` is whether every rule has had its turn; only then a comment is known to be needless.
    """
    for (path, code), place in notes.silenced.items():
        rule = RULES.get(code)
        met = notes.met(path, code)
        if not code:
            notes.warn(place, "W217", "the comment names no rule.", "Write # check: off W206 – and why.")
        elif rule is None:
            notes.warn(place, "W217", f"there is no rule '{code}'.", did_you_mean(code, RULES))
        elif met == {"error"} or (not met and rule.level == "error"):
            message = f"{code} is about errors, which cannot be switched off."
            notes.warn(place, "W217", message, "Mend what it finds, and delete the comment.")
        elif complete and not met and not rule.asked:
            notes.warn(place, "W217", f"{code} finds nothing in this file.", "Delete the comment.")
