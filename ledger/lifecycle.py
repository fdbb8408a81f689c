"""Lifecycle facts: what the platform reports about its instructors, as CloudEvents 1.0 in the JSON format.

These are the commands of the ledger. A fact says that something happened elsewhere (`time`, `subject`); the slices in
`referrals/` decide what it means here. Contract: DESIGN section 2.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import ErrorDetails

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MOST_AHEAD = timedelta(days=1)
"""So far may the time of a fact be ahead of our clock when it comes in: clocks differ, and zones are mistaken."""
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _within_calendar(time: datetime) -> datetime:
    # Compared before it is converted: an offset at the edge of the calendar cannot be expressed in UTC.
    if not EARLIEST <= time < LATEST:
        raise ValueError("a time between the years 2000 and 2199 is expected")
    return time.astimezone(UTC)


def _rfc3339(value: object) -> object:
    # Pydantic alone would take a number of seconds, and other ways to write a time.
    if isinstance(value, datetime) or (isinstance(value, str) and RFC_3339.fullmatch(value)):
        return value
    raise ValueError("an RFC 3339 timestamp with a time zone is expected, as text")


InstructorId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,127}$")]
ReferralCode = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f\x7f]{1,64}$")]
LessonId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:\-]{0,127}$")]
StripeAccountId = Annotated[str, StringConstraints(pattern=r"^acct_[A-Za-z0-9_]{1,64}$")]
TypedText = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
PrintableText = StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")
HappenedAt = Annotated[
    AwareDatetime,
    BeforeValidator(_rfc3339),
    AfterValidator(_within_calendar),
    Field(description="When it happened, with a time zone: since the year 2000, and at most a day ahead of our clock"),
]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)  # platforms may send more than we use


class CodeIssuedData(_Data):
    code: ReferralCode


class SignedUpData(_Data):
    referral_code: TypedText | None = None  # what a person typed: a code that could never be issued is an unknown one
    display_name: TypedText | None = None


class PayoutAccountData(_Data):
    stripe_account_id: StripeAccountId
    transfers_active: bool


class WentLiveData(_Data):
    pass


class LessonData(_Data):
    lesson_id: LessonId


class _Fact(BaseModel):
    """The attributes that all lifecycle facts share. Extension attributes are allowed and not used."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    specversion: Literal["1.0"]
    id: Annotated[str, PrintableText]
    source: Annotated[str, PrintableText]
    subject: InstructorId
    time: HappenedAt
    datacontenttype: Annotated[str, Field(pattern=r"(?i)^application/json *(;.*)?$")] = "application/json"

    @property
    def cause(self) -> str:
        """What identifies this delivery's event for its sender: CloudEvents' source and id."""
        return f"{self.source}#{self.id}"


class CodeIssued(_Fact):
    type: Literal["instructor.referral_code_issued"]
    data: CodeIssuedData


class SignedUp(_Fact):
    type: Literal["instructor.signed_up"]
    data: SignedUpData = SignedUpData()


class PayoutAccount(_Fact):
    type: Literal["instructor.payout_account_updated"]
    data: PayoutAccountData


class WentLive(_Fact):
    type: Literal["instructor.went_live"]
    data: WentLiveData = WentLiveData()


class LessonCompleted(_Fact):
    type: Literal["instructor.lesson_completed"]
    data: LessonData


LifecycleFact = CodeIssued | SignedUp | PayoutAccount | WentLive | LessonCompleted
_FACT: TypeAdapter[LifecycleFact] = TypeAdapter(Annotated[LifecycleFact, Field(discriminator="type")])


class InvalidFact(BaseModel):
    """A delivery that is not a lifecycle fact, and what is wrong with it."""

    model_config = ConfigDict(frozen=True)
    id: str | None
    problem: str


def parse_fact(item: object) -> LifecycleFact | InvalidFact:
    """The fact in a decoded JSON value. What does not fit is described, never raised: its neighbours are fine."""
    try:
        return _FACT.validate_python(_without_nulls(item))
    except ValidationError as error:
        issues = error.errors(include_url=False, include_input=False, include_context=False)[:5]
        return InvalidFact(id=_id_of(item), problem="; ".join(map(_describe, issues)))


def received_fact(item: object, now: datetime) -> LifecycleFact | InvalidFact:
    """As `parse_fact`, where facts come in: one that is yet to happen is invalid, by a clock that only those who receive have.

    On the log it would be there for good: the newest of its account until its day comes, and in a month that cannot be closed.
    """
    fact = parse_fact(item)
    if isinstance(fact, InvalidFact) or fact.time - now <= MOST_AHEAD:
        return fact
    problem = (
        f"time: {_shown(fact.time)} is more than a day ahead of our clock ({_shown(now)}); nothing was recorded: correct the "
        "clock or the time, and send it again"
    )
    return InvalidFact(id=_id_of(item), problem=problem)


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _without_nulls(item: object) -> object:
    """CloudEvents' JSON format: an attribute that is null is one that is not there."""
    if not isinstance(item, dict) or None not in item.values():
        return item
    return {name: value for name, value in item.items() if value is not None}


def _describe(issue: ErrorDetails) -> str:
    """Where a fact does not fit and why; quotes no value, since values may be personal."""
    if issue["type"] in ("union_tag_invalid", "union_tag_not_found"):  # pydantic's words would quote it
        return "type: a type of lifecycle fact is expected"
    path = issue["loc"][1:]  # after the type of fact
    return f"{'.'.join(map(str, path)) or 'item'}: {issue['msg']}"


def _id_of(item: object) -> str | None:
    given: Any = item.get("id") if isinstance(item, Mapping) else None
    return given if isinstance(given, str) and 0 < len(given) <= 255 and given.isprintable() else None
