"""Searching Stripe for a transfer whose answer was lost. Lists lag, so one search that finds nothing proves nothing.

Each source is another way to the same transfer (decision table: "by group; by destination and time; balance transactions;
events"). Whatever is found counts only if payout, amount, currency and destination agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import get_args

from ledger.events import TransferRequested
from ledger.payouts.calls import StripeCalls
from ledger.payouts.listed import object_in
from ledger.payouts.outcome import Answer, NoAnswer, TooLong, Transfer, is_requested, transfer_of
from ledger.payouts.permissions import refusal_of
from ledger.payouts.stripe_gateway import Source, TransferGateway

SLACK = timedelta(minutes=5)  # between Stripe's clock and ours
SOURCES: tuple[Source, ...] = get_args(Source)


@dataclass(frozen=True, slots=True)
class Found:
    transfer: Transfer
    others: int
    """Further transfers that claim to be of this payout: cause for alarm."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """`searched`: the sources that answered; `complete` if all did. `refused`: those that our key may not read, and why.
    `too_long`: those that were not read to their end.
    """

    searched: tuple[Source, ...]
    refused: Mapping[Source, str] = field(default_factory=dict)
    too_long: tuple[Source, ...] = ()

    @property
    def complete(self) -> bool:
        return self.searched == SOURCES


@dataclass(frozen=True, slots=True)
class Disagrees:
    """Stripe holds transfers that claim to be of this payout and are not what was requested: neither found nor absent.

    People reverse them at Stripe; one that was reversed in full disagrees no more.
    """

    transfer_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CannotSearch:
    """Stripe refuses our key."""


async def search(
    calls: StripeCalls, request: TransferRequested, first_sent_at: datetime
) -> Found | NotFound | Disagrees | CannotSearch:
    """Look in one source after the other until the transfer is seen. It counts also if some of it was taken back since."""
    since = int((first_sent_at - SLACK).timestamp())
    searched: list[Source] = []
    refused: dict[Source, str] = {}
    too_long: list[Source] = []
    others: dict[str, Transfer] = {}
    for source in SOURCES:

        async def list_it(gateway: TransferGateway, source: Source = source) -> Answer | NoAnswer:
            return await gateway.list_for_search(source, request, since)

        answer = await calls.make(list_it)
        if isinstance(answer, Answer) and answer.status == 401:
            return CannotSearch()
        if (refusal := refusal_of(answer)) is not None:
            refused[source] = refusal
        if isinstance(answer, TooLong):
            too_long.append(source)
        transfers = _transfers_in(answer)
        if transfers is None:
            continue
        searched.append(source)
        claiming = [transfer for transfer in transfers if transfer.metadata.get("payout_id") == request.payout_id]
        ours = [transfer for transfer in claiming if is_requested(transfer, request)]
        if ours:
            return Found(ours[-1], len({transfer.transfer_id for transfer in claiming}) - 1)
        for transfer in claiming:
            others.setdefault(transfer.transfer_id, transfer)  # an event shows it as it once was, so it comes last
    standing = [each.transfer_id for each in others.values() if each.amount_reversed_minor < each.amount_minor]
    return Disagrees(tuple(sorted(standing))) if standing else NotFound(tuple(searched), refused, tuple(too_long))


def _transfers_in(answer: Answer | NoAnswer) -> list[Transfer] | None:
    """None: no answer to go by."""
    if isinstance(answer, NoAnswer) or answer.status >= 300 or answer.body is None:
        return None
    return [transfer for item in answer.body.get("data", ()) if (transfer := transfer_of(object_in(item))) is not None]
