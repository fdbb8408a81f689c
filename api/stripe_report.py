"""Reconciles a report of Stripe's that somebody sent, be it a program or a person with a form."""

from datetime import date, timedelta

from ledger.reconciliation.inputs import Inputs, range_of
from ledger.reconciliation.reconciling import Outcome, Reconciling
from ledger.reconciliation.stripe_csv import parse_stripe_csv

__all__ = ["MARGIN_MINUTES", "MOST_BYTES", "reconcile_report"]

MOST_BYTES = 64 * 1024 * 1024
MARGIN_MINUTES = 5


def reconcile_report(
    reconciling: Reconciling,
    report: bytes,
    days: tuple[date | None, date | None],
    actor: str,
    *,
    margin_minutes: int = MARGIN_MINUTES,
    is_complete: bool = False,
) -> Outcome:
    """`days`: the first and the last, both included; without them, the file's. `is_complete`: it was made for all of them.

    Raises BadFileError, BadRangeError, TooManyExceptionsError.
    """
    stripe = parse_stripe_csv(report, reconciling.currency())
    since, until = range_of(*days)
    margin = timedelta(minutes=margin_minutes)
    inputs = Inputs(stripe, None, since, until, clocks_margin=margin, stripe_complete=is_complete)
    return reconciling.run(inputs, actor=actor)
