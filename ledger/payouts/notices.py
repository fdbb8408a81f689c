"""What Stripe tells us by webhook, or through its list of events, as far as it concerns payouts.

No amount and no outcome of a transfer is taken from a notice: they arrive late, out of order, repeatedly, or not at all. A
notice only says where to look, once for each of Stripe's events. The bank leg of the money, which we have no other way to
know of, is shown as reported. The caller has verified where the notice comes from.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from eventsourcing.dcb.api import DCBQueryItem
from pydantic import ValidationError

from ledger import identifiers
from ledger.event_log import ConflictError, Draft, EventLog
from ledger.events import (
    AccountNoticed,
    BankPayoutReported,
    BonusEarned,
    Event,
    Happened,
    PayoutAccountUpdated,
    PlatformFundsAvailable,
    TransferNoticed,
    UnknownPayoutNoticed,
    account_tag,
    payout_tag,
    stripe_event_tag,
)
from ledger.history import about
from ledger.payouts import payout_fold as payouts
from ledger.payouts.outcome import MESSAGE_LENGTH, moment_of
from ledger.payouts.payout import Payout

ACTOR = "stripe"
TRANSFER_NOTICES = frozenset({"transfer.created", "transfer.updated", "transfer.reversed"})

alarm = structlog.get_logger("ledger.alarm")

_ID = re.compile(r"[A-Za-z0-9_\-]{1,255}")


class Notices:
    """Safe to use from many threads. Raises the recorder's errors when the database is lost: Stripe then tells us again."""

    def __init__(self, log: EventLog, clock: Callable[[], datetime]) -> None:
        self._log = log
        self._clock = clock

    def hear(self, notice: Mapping[str, Any]) -> None:
        """Act on one of Stripe's events; what does not concern us, or is of another shape, is let pass."""
        event_id, account_id = _id(notice.get("id")), _id(notice.get("account"))
        if event_id is None:
            return
        match notice:
            case {"type": str(kind), "data": {"object": dict(transfer)}} if kind in TRANSFER_NOTICES:
                self._transfer(event_id, kind, transfer)
            case {"type": "account.updated", "data": {"object": {"id": str(changed)}}} if _id(changed):
                self._account(event_id, changed)
            case {"type": "capability.updated", "data": {"object": {"account": str(changed)}}} if _id(changed):
                self._account(event_id, changed)
            case {"type": "balance.available"} if notice.get("account") is None:  # else a connected account's
                self._record(PlatformFundsAvailable(stripe_event_id=event_id), event_id)
            case {"type": "payout.paid" | "payout.failed", "data": {"object": dict(bank)}} if account_id:
                self._bank_payout(event_id, account_id, bank, notice.get("created"))
            case _:
                pass

    def _transfer(self, event_id: str, kind: str, transfer: Mapping[str, Any]) -> None:
        payout_id, transfer_id = _payout_of(transfer), _id(transfer.get("id"))
        if payout_id is None:
            return
        payout = self._payout(payout_id)
        if payout is None:
            self._of_unknown_payout(event_id, kind, transfer, payout_id)
            return
        settled_by = payout.settlement.transfer_id if payout.settlement is not None else None
        is_over = payout.is_final and payout.unresolved is None
        is_another = is_over and _names_its_payout(transfer) and transfer_id not in (None, settled_by)
        if is_over and kind != "transfer.reversed" and not is_another:
            return  # nothing that we do not know already
        noticed = TransferNoticed.of(payout.bonus, stripe_event_id=event_id, stripe_event_type=kind)
        if self._record(noticed, event_id) and is_another:
            alarm.critical("stripe_holds_another_transfer", payout_id=payout_id, transfer_ids=[transfer_id])

    def _of_unknown_payout(self, event_id: str, kind: str, transfer: Mapping[str, Any], payout_id: str) -> None:
        """Kept, since its bonus may be earned again on a log that was restored, and this is not told again then."""
        if not (_names_its_payout(transfer) and identifiers.PAYOUT_ID.fullmatch(payout_id)):
            return
        transfer_id = _id(transfer.get("id"))
        noticed = UnknownPayoutNoticed(
            payout_id=payout_id, transfer_id=transfer_id, stripe_event_id=event_id, stripe_event_type=kind
        )
        if self._record(noticed, event_id, still_without=about(payout_tag(payout_id), BonusEarned)):
            action = "if the log was restored, have the platform send its facts again and reconcile"
            alarm.error("transfer_of_unknown_payout", payout_id=payout_id, transfer_id=transfer_id, action=action)
        elif self._payout(payout_id) is not None:
            self._transfer(event_id, kind, transfer)  # its bonus was earned in this very moment

    def _payout(self, payout_id: str) -> Payout | None:
        events, _ = self._log.read([about(payout_tag(payout_id))])
        return payouts.fold(events)

    def _account(self, event_id: str, account_id: str) -> None:
        known = self._log.read_last(about(account_tag(account_id), PayoutAccountUpdated))
        if known is not None:
            self._record(AccountNoticed(stripe_account_id=account_id, stripe_event_id=event_id), event_id)

    def _bank_payout(self, event_id: str, account_id: str, bank: Mapping[str, Any], created: object) -> None:
        if self._log.read_last(about(account_tag(account_id), PayoutAccountUpdated)) is None:
            return
        try:
            reported = BankPayoutReported.model_validate(
                {
                    "stripe_account_id": account_id,
                    "bank_payout_id": _id(bank.get("id")),
                    "status": bank.get("status"),
                    "amount_minor": bank.get("amount"),
                    "currency": bank.get("currency"),
                    "failure_code": _text(bank.get("failure_code")),
                    "failure_message": _text(bank.get("failure_message")),
                    "stripe_event_id": event_id,
                }
            )
        except ValidationError:
            return  # another shape than a bank payout's
        self._record(reported, event_id, moment_of(created))

    def _record(
        self,
        event: Event,
        stripe_event_id: str,
        happened_at: datetime | None = None,
        still_without: DCBQueryItem | None = None,
    ) -> bool:
        """Record it, once for each of Stripe's events, and only as long as nothing is `still_without`. Whether it was recorded."""
        boundary = [about(stripe_event_tag(stripe_event_id), type(event))]
        if still_without is not None:
            boundary.append(still_without)
        draft = Draft(Happened(event, happened_at or self._clock()), ACTOR, stripe_event_id, correlation_id=None)
        try:
            self._log.append([draft], boundary, after=0)
        except ConflictError:
            return False
        return True


def _payout_of(transfer: Mapping[str, Any]) -> str | None:
    """The payout that a transfer discharges; None if it is not one of ours."""
    match transfer:
        case {"metadata": {"payout_id": str(payout_id)}}:
            pass
        case {"transfer_group": str(group)} if group.startswith("payout_"):
            payout_id = group.removeprefix("payout_")
        case _:
            return None
    return _id(payout_id)


def _names_its_payout(transfer: Mapping[str, Any]) -> bool:
    """Whether the transfer says by its metadata for which payout it is, as all of ours do; a group may be anybody's."""
    match transfer:
        case {"metadata": {"payout_id": str()}}:
            return True
        case _:
            return False


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _text(value: object) -> str | None:
    """As far as the database can hold it: JSON may escape what is no text."""
    if not isinstance(value, str):
        return None
    return value.replace("\0", "").encode(errors="replace").decode()[:MESSAGE_LENGTH]
