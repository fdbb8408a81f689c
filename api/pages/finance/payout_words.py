"""What finance may do about a payout, and who has to act on it, in the words of the pages."""

from collections.abc import Mapping
from typing import NamedTuple

from ledger.payouts.actions import Action
from ledger.reasons import Actor

__all__ = ["ACTIONS", "WHO"]


class Offered(NamedTuple):
    """`does`: what follows, said before somebody does it."""

    button: str
    does: str


SECOND_PERSON = "Somebody else of finance has to approve it first."

ACTIONS: Mapping[Action, Offered] = {
    "hold": Offered(
        "Hold", "No new attempt is made until somebody releases it. One that is in flight comes to its end."
    ),
    "release": Offered("Release", "The payout goes on, and the rules that hold payouts do not hold it again."),
    "retry": Offered(
        "Try again",
        "After a decline it is tried at once. Where it is not known whether money moved, "
        "somebody else of finance has to approve it first.",
    ),
    "cancel": Offered("Cancel", f"The bonus is given up and is owed no more. {SECOND_PERSON}"),
    "reverse": Offered("Take back", f"All that is left of the transfer is reversed at Stripe. {SECOND_PERSON}"),
}

WHO: Mapping[Actor, str] = {
    "instructor": "The referred instructor",
    "referrer": "The instructor who is paid",
    "platform": "The platform",
    "operator": "Finance",
    "stripe": "Stripe",
    "nobody": "Nobody",
}
