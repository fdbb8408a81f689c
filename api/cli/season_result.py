"""What a season came to, in the shape of an expectation file, and what it should have come to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from api.cli.errors import UsageProblem
from api.services import Services
from sandbox.season.compare import differences
from sandbox.season.oracle import Oracle
from sandbox.season.player import Tally

__all__ = ["Expectation", "Result", "expectation_beside", "read_expectation", "result_of", "told_by_oracle"]

PAGE_SIZE = 500


@dataclass(frozen=True, slots=True)
class Expectation:
    """A result, decoded, and where it is from."""

    source: str
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """`document` has the shape of an expectation file. `busiest` is the referrer with the most referrals."""

    document: dict[str, Any]
    busiest: str | None

    def write(self, path: Path) -> None:
        path.write_bytes(orjson.dumps(self.document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def differences(self, expectation: Expectation) -> list[str]:
        return differences(
            expectation.result,
            totals=self.document,
            outcomes=self.document["outcomes"],
            referrals=self.document["referrals"] if "referrals" in expectation.result else None,
            delivery_outcomes=self.document["delivery_outcomes"] if "delivery_outcomes" in expectation.result else None,
        )


def result_of(services: Services, tally: Tally) -> Result:
    """From the read models, once they reflect everything."""
    totals = services.read_models.totals()
    referrals: dict[str, Any] = {}
    referred_by: dict[str, int] = {}
    after: int | None = None
    while True:
        page = services.read_models.referrals(limit=PAGE_SIZE, after=after)
        for referral in page.items:
            referrals[referral.referred_id] = {
                "referrer": referral.referrer_id,
                "status": referral.status,
                "tier": referral.tier,
                "amount_minor": referral.amount_minor,
            }
            referred_by[referral.referrer_id] = referred_by.get(referral.referrer_id, 0) + 1
        after = page.next_after
        if after is None:
            break
    document = {
        "deliveries": tally.outcomes.total(),
        "outcomes": dict(sorted(tally.outcomes.items())),
        "statuses": dict(sorted(totals.statuses.items())),
        "bonuses": dict(totals.bonuses),
        "money_minor": dict(totals.money_minor),
        "currency": totals.currency,
        "referrals": dict(sorted(referrals.items())),
        "delivery_outcomes": tally.delivery_outcomes,
    }
    return Result(document, max(referred_by, key=lambda name: referred_by[name], default=None))


def expectation_beside(season: Path) -> Path | None:
    """`NAME.expected.json`, or `expected.json` where it cannot mean another season in the same folder."""
    own = season.with_suffix(".expected.json")
    if own.is_file():
        return own
    shared = season.with_name("expected.json")
    is_alone = len(list(season.parent.glob(f"*{season.suffix}"))) == 1
    return shared if shared.is_file() and is_alone else None


def read_expectation(path: Path) -> Expectation:
    """Raises UsageProblem for what is no expectation file."""
    try:
        result = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageProblem(f"{path} cannot be read as an expected result: {error}") from error
    needed = {"deliveries", "outcomes", "statuses", "bonuses", "money_minor", "currency"}
    if not isinstance(result, dict) or (missing := needed - result.keys()):
        what = f"{', '.join(sorted(missing))} missing" if isinstance(result, dict) else "not an object"
        raise UsageProblem(f"{path} is not an expected result: {what}")
    return Expectation(path.name, result)


def told_by_oracle(season: Path) -> Expectation:
    """For a season of our own making, which is fair: a second opinion that knows nothing of the ledger."""
    oracle = Oracle()
    with season.open("rb") as lines:
        for line in lines:
            oracle.deliver(orjson.loads(line))
    return Expectation("the oracle", oracle.result())
