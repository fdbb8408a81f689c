"""What people decide about payouts, as HTTP, pages and the command line take it and answer it: the same words everywhere."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from api.tokens import Principal
from ledger.payouts.review import Done

PAYOUT_ID = re.compile(r"pay_[a-z2-7]{1,100}")

LONGEST_NOTE = 500


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("only printable characters, on one line")
    return text


Note = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NOTE),
    AfterValidator(_printable),
    Field(
        description="Why, for whoever reads the log years from now. It can never be erased: no personal data, like names, here",
        examples=["Asked by risk, case 4711"],
    ),
]


def decided_by(principal: Principal) -> dict[str, str]:
    """Who decides, and by which role: an administrator need not be of finance."""
    return {"actor": principal.subject, "role": "finance" if "finance" in principal.roles else "admin"}


class Decision(BaseModel):
    """`unchanged`: it was so already. `awaits_approval`: a second person has to approve request number `approval`."""

    payout_id: str
    outcome: Literal["recorded", "unchanged", "awaits_approval"]
    approval: int | None
    position: int = Field(description="A read that reflects this position reflects the decision")

    @classmethod
    def of(cls, payout_id: str, done: Done) -> Self:
        outcome: Literal["recorded", "unchanged", "awaits_approval"] = "recorded" if done.changed else "unchanged"
        return cls(
            payout_id=payout_id,
            outcome=outcome if done.approval is None else "awaits_approval",
            approval=done.approval,
            position=done.position,
        )
