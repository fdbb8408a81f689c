"""One delivery of a lifecycle fact, read from decoded JSON as the contract describes it; the names of outcomes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


class MalformedError(ValueError):
    """Not a lifecycle fact; the message says why."""


@dataclass(frozen=True)
class Delivery:
    """A CloudEvent about one instructor. ``time`` is when it happened, with its zone."""

    id: str
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]


FIELDS: dict[str, dict[str, type]] = {
    "instructor.referral_code_issued": {"code": str},
    "instructor.signed_up": {},
    "instructor.payout_account_updated": {"stripe_account_id": str, "transfers_active": bool},
    "instructor.went_live": {},
    "instructor.lesson_completed": {"lesson_id": str},
}
"""Each type of fact and the data it cannot do without."""

OPTIONAL = {"instructor.signed_up": ("referral_code", "display_name")}
"""Strings that may be absent or null."""


def read_delivery(raw: object) -> Delivery:
    """Read one item of a season.

    Raises MalformedError when an attribute is missing, empty or of another type, or the type of fact is unknown.
    """
    if not isinstance(raw, dict):
        raise MalformedError("not an object")
    for attribute in ("specversion", "id", "source", "type", "subject", "time"):
        if not isinstance(raw.get(attribute), str) or not raw[attribute]:
            raise MalformedError(f"{attribute} is missing")
    if raw["specversion"] != "1.0":
        raise MalformedError(f"specversion {raw['specversion']!r}")
    data = {} if raw.get("data") is None else raw["data"]
    _check_data(raw["type"], data)
    return Delivery(raw["id"], raw["type"], raw["subject"], _instant(raw["time"]), data)


def outcome_key(outcome: str, reason: str | None) -> str:
    """``recorded``, ``duplicate``, or ``outcome:reason``: the name under which deliveries are counted."""
    return f"{outcome}:{reason}" if reason else outcome


def _check_data(kind: str, data: object) -> None:
    if kind not in FIELDS:
        raise MalformedError(f"unknown type {kind!r}")
    if not isinstance(data, dict):
        raise MalformedError("data is not an object")
    for name, expected in FIELDS[kind].items():
        if not isinstance(data.get(name), expected) or data[name] == "":
            raise MalformedError(f"data.{name} is missing")
    for name in OPTIONAL.get(kind, ()):
        if not isinstance(data.get(name, None), str | None):
            raise MalformedError(f"data.{name} is not a string")


def _instant(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedError(f"time {text!r}") from error
    if time.tzinfo is None:
        raise MalformedError(f"time {text!r} has no zone")
    return time
