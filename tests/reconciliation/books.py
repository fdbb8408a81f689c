"""A log to reconcile, with little around it."""

from datetime import datetime, timedelta

from ledger.event_log import Draft, EventLog
from ledger.events import Event, Happened, TransferRequested, TransferSettled
from ledger.history import about
from ledger.reconciliation.activity import Activity
from ledger.reconciliation.exceptions import ExceptionRecord
from ledger.reconciliation.inputs import Inputs
from ledger.reconciliation.line import Line
from ledger.reconciliation.reconciling import Outcome, Reconciling
from ledger.reconciliation.run_lines import RunLines
from tests.payouts.story import requested, settled
from tests.reconciliation.lines import MIDDLE, SINCE, UNTIL


class Books(Reconciling):
    """With a log to write into, and a clock that stands."""

    def __init__(self, log: EventLog, lines: RunLines) -> None:
        super().__init__(log, lines, lambda: self.now)
        self.log = log
        self.now = UNTIL + timedelta(days=30)

    def happened(self, *events: Event, at: datetime = MIDDLE) -> None:
        drafts = [Draft(Happened(event, at), "test", "test", None) for event in events]
        self.log.append(drafts, [about("whatever-nobody-records")], after=0)

    def reconcile(self, *stripe: Line, until: datetime = UNTIL) -> Outcome:
        inputs = Inputs(Activity("stripe_csv", stripe), None, SINCE, until, stripe_complete=True)
        return self.run(inputs, actor="ada")

    def found(self) -> dict[str, ExceptionRecord]:
        return {each.found.line_class.value: each for each in self.exceptions()[0]}


def paid(number: int) -> tuple[TransferRequested, TransferSettled]:
    """As the log has what `theirs(number)` is at Stripe."""
    ids = {"payout_id": f"pay_{number}", "referral_id": f"ref_{number}", "referrer_id": "ins_1"}
    where = {"destination": f"acct_{number % 7}"}
    return (
        requested().model_copy(update=ids | where),
        settled().model_copy(update=ids | where | {"transfer_id": f"tr_{number}"}),
    )
