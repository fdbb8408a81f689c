"""A second opinion: the rules of the program as the simplest interpreter that could be right.

It reads deliveries one by one, in order, into a few dictionaries: no events, no store, nothing of the ledger, so that
an agreement between the two means something. Which accounts can be paid it knows by the prefix of their id, as the
Stripe sandbox does.

    oracle = Oracle()
    for delivery in deliveries:
        oracle.deliver(delivery)
    oracle.result()        # the shape of an expectation file

Payouts happen while a season is played, at moments nobody controls. ``settle`` tries them all at the moment it is
called; ``result`` does so once more for the end. A fair season has the same result however often that was done before.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.season.delivery import Delivery, MalformedError, outcome_key, read_delivery

FOUNDING_CAP = 100
AMOUNT_MINOR = {"founding": 7500, "standard": 5000}
CURRENCY = "usd"
NEVER = datetime.min.replace(tzinfo=UTC)

Outcome = tuple[str, str | None]
"""The outcome of one delivery and its reason."""

RECORDED: Outcome = ("recorded", None)
DUPLICATE: Outcome = ("duplicate", None)


@dataclass(frozen=True)
class Account:
    """What is known of an instructor's payout account."""

    stripe_account_id: str
    transfers_active: bool

    @property
    def is_open(self) -> bool:
        """Whether a transfer to it goes through."""
        return self.stripe_account_id.startswith("acct_ok")


@dataclass
class Instructor:
    """One instructor's part of the truth."""

    code: str | None = None  # the code they signed up with, once attributed
    referrer: str | None = None
    live: bool = False
    lesson: tuple[str, datetime] | None = None
    account: Account | None = None
    account_time: datetime = NEVER
    tier: str | None = None  # of the bonus their referral earned
    tried: str | None = None  # what the last try to pay it came to: paid or failed

    @property
    def status(self) -> str:
        """The status of the referral of this instructor."""
        if self.tier:
            return self.tried or "pending_transfer"
        return "pending_lesson" if self.live else "pending_live"


@dataclass
class Oracle:
    """Everything the deliveries so far have established."""

    founding_cap: int = FOUNDING_CAP
    owners: dict[str, str] = field(default_factory=dict)  # code → instructor
    instructors: dict[str, Instructor] = field(default_factory=dict)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    founding: int = 0

    def deliver(self, raw: object) -> Outcome:
        """Take one delivery, as decoded from JSON, and say what became of it."""
        try:
            delivery = read_delivery(raw)
        except MalformedError:
            outcome: Outcome = ("rejected", "invalid")
        else:
            instructor = self.instructors.setdefault(delivery.subject, Instructor())
            outcome = self._decide(delivery, instructor)
            self._earn(instructor)
        delivery_id = raw.get("id") if isinstance(raw, Mapping) else None
        self.outcomes.append({"id": delivery_id, "outcome": outcome[0], "reason": outcome[1]})
        return outcome

    def settle(self) -> None:
        """Try every payout now. What is paid stays paid; what was declined stays so until a try goes well."""
        for referred in self.instructors.values():
            account = self.instructors[referred.referrer].account if referred.tier and referred.referrer else None
            if account and account.transfers_active and referred.tried != "paid":
                referred.tried = "paid" if account.is_open else "failed"

    def result(self) -> dict[str, Any]:
        """The result of the season so far, in the shape of an expectation file."""
        self.settle()
        referrals = {name: self._referral(i) for name, i in sorted(self.instructors.items()) if i.referrer}
        return {
            "deliveries": len(self.outcomes),
            "outcomes": _counts(outcome_key(o["outcome"], o["reason"]) for o in self.outcomes),
            "statuses": _counts(referral["status"] for referral in referrals.values()),
            "bonuses": {tier: sum(r["tier"] == tier for r in referrals.values()) for tier in AMOUNT_MINOR},
            "money_minor": self._money_minor(referrals.values()),
            "currency": CURRENCY,
            "referrals": referrals,
            "delivery_outcomes": self.outcomes,
        }

    def _decide(self, delivery: Delivery, instructor: Instructor) -> Outcome:
        """The rules: one method a type, its checks in the order of the design's table."""
        match delivery.type:
            case "instructor.referral_code_issued":
                return self._code_issued(delivery)
            case "instructor.signed_up":
                return self._signed_up(delivery, instructor)
            case "instructor.payout_account_updated":
                return self._account_updated(delivery, instructor)
            case "instructor.went_live":
                return self._went_live(instructor)
            case _:
                return self._lesson_completed(delivery, instructor)

    def _code_issued(self, delivery: Delivery) -> Outcome:
        code = delivery.data["code"]
        if code in self.owners:
            return DUPLICATE if self.owners[code] == delivery.subject else ("rejected", "code_taken")
        self.owners[code] = delivery.subject
        return RECORDED

    def _signed_up(self, delivery: Delivery, instructor: Instructor) -> Outcome:
        code = delivery.data.get("referral_code")
        if code is None:
            return ("ignored", "no_referral_code")
        if instructor.code is not None:
            return DUPLICATE if instructor.code == code else ("rejected", "already_attributed")
        if code not in self.owners:
            return ("rejected", "unknown_referral_code")
        if self.owners[code] == delivery.subject:
            return ("rejected", "self_referral")
        if instructor.lesson and instructor.lesson[1] < delivery.time:
            return ("rejected", "already_teaching")
        instructor.code, instructor.referrer = code, self.owners[code]
        return RECORDED

    def _account_updated(self, delivery: Delivery, instructor: Instructor) -> Outcome:
        new = Account(delivery.data["stripe_account_id"], delivery.data["transfers_active"])
        if instructor.account and delivery.time <= instructor.account_time:
            same = new == instructor.account and delivery.time == instructor.account_time
            return DUPLICATE if same else ("ignored", "stale")
        if new == instructor.account:
            return ("ignored", "unchanged")
        instructor.account, instructor.account_time = new, delivery.time
        return RECORDED

    def _went_live(self, instructor: Instructor) -> Outcome:
        # The code minted for an instructor without one is the ledger's own: no delivery can know it, so it is left out.
        if instructor.live:
            return DUPLICATE
        instructor.live = True
        return RECORDED

    def _lesson_completed(self, delivery: Delivery, instructor: Instructor) -> Outcome:
        if instructor.lesson:
            same = instructor.lesson[0] == delivery.data["lesson_id"]
            return DUPLICATE if same else ("ignored", "not_first_lesson")
        instructor.lesson = (delivery.data["lesson_id"], delivery.time)
        return RECORDED

    def _earn(self, referred: Instructor) -> None:
        if referred.referrer and referred.live and referred.lesson and not referred.tier:
            referred.tier = "founding" if self.founding < self.founding_cap else "standard"
            self.founding += referred.tier == "founding"

    def _referral(self, referred: Instructor) -> dict[str, Any]:
        return {
            "referrer": referred.referrer,
            "status": referred.status,
            "tier": referred.tier,
            "amount_minor": AMOUNT_MINOR[referred.tier] if referred.tier else None,
        }

    @staticmethod
    def _money_minor(referrals: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        money = Counter({"earned": 0, "paid": 0, "pending_transfer": 0, "failed": 0})
        for referral in referrals:
            if referral["amount_minor"]:
                money["earned"] += referral["amount_minor"]
                money[referral["status"]] += referral["amount_minor"]
        return {
            "earned_minor": money["earned"],
            "paid_minor": money["paid"],
            "pending_minor": money["pending_transfer"],
            "failed_minor": money["failed"],
        }


def _counts(keys: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(keys).items()))
