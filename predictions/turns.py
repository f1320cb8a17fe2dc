"""Whose photo is next: senders take turns, however many photos each of them has sent.

Waiting predictions are taken by their `turn`, and those of one turn by age. The next prediction of
a sender gets the turn after that of his last one that waits, but none that is over already: so in
each turn every sender has one photo, and whoever sends a single one gets it into the turn that is
on. A photo that is estimated again comes one turn later, since its sender has a result to look at.
"""

from .access import Owner
from .claims import waiting_in_turn, waiting_predictions


def current_turn() -> int | None:
    """The turn that workers are at; None where nothing waits."""
    return waiting_in_turn().values_list("turn", flat=True).first()


def turn_of_next(owner: Owner, current: int | None, *, again: bool = False) -> int:
    """The turn for one more prediction of an owner; `again`: of a photo that had one before."""
    last = waiting_predictions().filter(**owner.columns).order_by("-turn")
    after_own = max(last.values_list("turn", flat=True)[:1], default=-1) + 1
    return max((current or 0) + again, after_own)
