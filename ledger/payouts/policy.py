"""When a payout is held back although it could be paid: the operator's policy, given by settings, the same for all workers.

The reason of a hold by rule goes into the log with the hold, so that it stays explained when the policy changes.
"""

from dataclasses import dataclass
from datetime import timedelta

from ledger.events import HoldReason, UnknownPayoutNoticed
from ledger.payouts.payout import Payout
from ledger.referrals.payout_account import Account


@dataclass(frozen=True, slots=True)
class Policy:
    """`hold` delays every payout after its bonus was earned. `max_bonuses_a_day` None: no such rule."""

    hold: timedelta = timedelta(0)
    hold_same_account: bool = True
    max_bonuses_a_day: int | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision looks at beside the payout and its account: the referred instructor's account; how many bonuses the
    referrer had earned within the same UTC day when this one was earned, itself included; the log position at which Stripe
    last said that the account which declined had changed; and what Stripe had told of the payout before its bonus was on the
    log, as far as nobody has taken it up.
    """

    referred_account: Account | None = None
    bonuses_that_day: int = 1
    account_noticed_position: int = 0
    told_before: tuple[UnknownPayoutNoticed, ...] = ()


PAY_AT_ONCE = Policy()
ORDINARY = Circumstances()


@dataclass(frozen=True, slots=True)
class RuleHit:
    reason: HoldReason
    note: str


def rule_hit(policy: Policy, payout: Payout, account: Account | None, circumstances: Circumstances) -> RuleHit | None:
    """The rule that wants a person to look at this payout; None once somebody has."""
    if payout.reviewed:
        return None
    referred = circumstances.referred_account
    if (
        policy.hold_same_account
        and account is not None
        and referred is not None
        and account.stripe_account_id == referred.stripe_account_id
    ):
        note = f"referrer and referred instructor are both paid to {account.stripe_account_id}"
        return RuleHit(HoldReason.SAME_STRIPE_ACCOUNT, note)
    limit = policy.max_bonuses_a_day
    if limit is not None and circumstances.bonuses_that_day > limit:
        note = f"the referrer's bonus number {circumstances.bonuses_that_day} within a day, more than {limit}"
        return RuleHit(HoldReason.MANY_BONUSES_IN_A_DAY, note)
    return None
