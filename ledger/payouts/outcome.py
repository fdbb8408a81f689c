"""What an answer of Stripe's means for the attempt it answers: the "outcome" column of the decision table. Pure.

Error classes of the client library mislead (a truncated 200 and a key in use are both a plain `APIError`), so the gateway
hands over what was on the wire, and this module judges by status and error code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ledger.events import FailureKind, TransferRequested, UnknownKind

MESSAGE_LENGTH = 500

ACCOUNT_CODES = frozenset({"insufficient_capabilities_for_transfer", "transfers_not_allowed", "account_closed"})
EXECUTED_CODES = ACCOUNT_CODES | {"balance_insufficient"}
NO_ANSWER_STATUSES = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The call ended without an answer: timeout, reset, cancelled."""

    detail: str


@dataclass(frozen=True, slots=True)
class TooLong(NoAnswer):
    """Stripe answered, page after page, and the list had not come to its end when we stopped reading it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `body` None: it was not JSON, or not whole."""

    status: int
    body: Mapping[str, Any] | None
    replayed: bool = False
    request_id: str | None = None
    rate_limited_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reversal:
    """So much of a transfer came back, in minor units, at a time that Stripe tells to the second."""

    amount_minor: int
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer as Stripe shows it. Amounts in minor units."""

    transfer_id: str
    amount_minor: int
    amount_reversed_minor: int
    currency: str
    destination: str
    metadata: Mapping[str, str]
    created_at: datetime | None = None
    """When Stripe made it, to the second."""
    reversals: tuple[Reversal, ...] = ()
    """Newest first, and no more than the newest ten."""


@dataclass(frozen=True, slots=True)
class Settled:
    transfer: Transfer
    replayed: bool


@dataclass(frozen=True, slots=True)
class Declined:
    kind: FailureKind
    stripe_code: str | None
    http_status: int
    message: str
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Unknown:
    kind: UnknownKind
    detail: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """Nothing was executed by this call, and nothing is resolved by it: the same key again after a pause."""

    reason: str


@dataclass(frozen=True, slots=True)
class CredentialsRejected:
    """401: Stripe does not take our API key. Concerns every payout; resolves none."""


Outcome = Settled | Declined | Unknown | TryLater | CredentialsRejected


def judge(request: TransferRequested, answer: Answer | NoAnswer, *, repeated: bool) -> Outcome:
    """The outcome of sending `request`; `repeated` unless it is certain that nobody has sent it before."""
    if isinstance(answer, NoAnswer):
        return Unknown(UnknownKind.NO_ANSWER, answer.detail)
    if answer.status == 401:
        return CredentialsRejected()
    if answer.status == 429:
        return TryLater(answer.rate_limited_reason or error_of(answer).get("code") or "unnamed")
    if answer.status == 409:
        return TryLater("key in use")
    if answer.status in NO_ANSWER_STATUSES:
        return Unknown(UnknownKind.NO_ANSWER, f"HTTP {answer.status}", answer.request_id)
    if answer.status >= 500:
        return Unknown(UnknownKind.SERVER_ERROR, f"HTTP {answer.status}", answer.request_id)
    if answer.body is None:
        return Unknown(UnknownKind.UNREADABLE, f"HTTP {answer.status} without a readable body", answer.request_id)
    if 400 <= answer.status < 500:
        return _declined(answer, repeated=repeated)
    transfer = transfer_of(answer.body)
    if transfer is None:
        return Unknown(UnknownKind.UNREADABLE, f"HTTP {answer.status} that is not a transfer", answer.request_id)
    if not discharges(transfer, request):
        return Unknown(UnknownKind.KEY_MISUSE, f"{transfer.transfer_id} is not what was requested", answer.request_id)
    return Settled(transfer, answer.replayed)


def _declined(answer: Answer, *, repeated: bool) -> Declined | Unknown:
    """A refusal is definitive when Stripe looked at the key: the codes of an execution, or a replay of a saved answer.

    Any other may come from before that, as a 401 does, and says nothing of what was sent under the key earlier.
    """
    error = error_of(answer)
    if not error:
        return Unknown(UnknownKind.UNREADABLE, f"HTTP {answer.status} that is not Stripe's error", answer.request_id)
    code = error.get("code")
    message = str(error.get("message") or "")[:MESSAGE_LENGTH]
    if error.get("type") == "idempotency_error":
        return Unknown(UnknownKind.KEY_MISUSE, message, answer.request_id)
    if code == "balance_insufficient":
        kind = FailureKind.INSUFFICIENT_FUNDS
    elif code in ACCOUNT_CODES or answer.status == 403:
        kind = FailureKind.ACCOUNT
    else:
        kind = FailureKind.INVALID_REQUEST
    if repeated and not answer.replayed and code not in EXECUTED_CODES:
        detail = f"HTTP {answer.status} {code or 'without a code'}, which says nothing of what was sent before"
        return Unknown(UnknownKind.REPETITION_REFUSED, detail, answer.request_id)
    return Declined(kind, code, answer.status, message, answer.request_id)


def error_of(answer: Answer) -> Mapping[str, Any]:
    error = (answer.body or {}).get("error")
    return error if isinstance(error, Mapping) else {}


def transfer_of(body: Mapping[str, Any]) -> Transfer | None:
    """The transfer in a JSON object of Stripe's; None if it is not one."""
    match body:
        case {
            "object": "transfer",
            "id": str(transfer_id),
            "amount": int(amount),
            "amount_reversed": int(amount_reversed),
            "currency": str(currency),
            "destination": str(destination) | {"id": str(destination)},
            "metadata": {**metadata},
        }:
            return Transfer(
                transfer_id=transfer_id,
                amount_minor=amount,
                amount_reversed_minor=amount_reversed,
                currency=currency,
                destination=destination,
                metadata={str(key): str(value) for key, value in metadata.items()},
                created_at=moment_of(body.get("created")),
                reversals=tuple(_reversals_in(body.get("reversals"))),
            )
    return None


def _reversals_in(shown: object) -> Iterator[Reversal]:
    match shown:
        case {"data": [*reversals]}:
            for each in reversals:
                match each:
                    case {"amount": int(amount_minor), "created": created}:
                        yield Reversal(amount_minor, moment_of(created))


def came_back(transfer: Transfer, known_minor: int) -> list[Reversal]:
    """What came back beyond what is known, one reversal after the other, oldest first. Those that Stripe shows no more are taken
    together, and are dated like the oldest that it shows.
    """
    left_minor, found = transfer.amount_reversed_minor - known_minor, list[Reversal]()
    for reversal in transfer.reversals:
        if left_minor <= 0:
            break
        found.append(replace(reversal, amount_minor=min(left_minor, reversal.amount_minor)))
        left_minor -= found[-1].amount_minor
    if left_minor > 0:
        found.append(Reversal(left_minor, found[-1].created_at if found else None))
    return found[::-1]


def happened_at(transfer: Transfer, sent_at: datetime, now: datetime) -> datetime:
    """When a transfer was made that we hear of only now: by Stripe's clock, yet neither before it was asked for nor after now."""
    return moment_between(sent_at, transfer.created_at, now)


def moment_between(earliest: datetime, created_at: datetime | None, now: datetime) -> datetime:
    """When something happened at Stripe: by its clock, yet neither before it could have nor after now."""
    return now if created_at is None else min(max(created_at, earliest), now)


def moment_of(created: object) -> datetime | None:
    """Of Stripe's `created`, in seconds; None if it is none."""
    if isinstance(created, int) and 0 < created < 2**32:
        return datetime.fromtimestamp(created, UTC)
    return None


def discharges(transfer: Transfer, request: TransferRequested) -> bool:
    """Whether this transfer is the one requested, and stands unreversed."""
    return is_requested(transfer, request) and transfer.amount_reversed_minor == 0


def is_requested(transfer: Transfer, request: TransferRequested) -> bool:
    """Whether payout, amount, currency and destination agree, whatever came back of it since."""
    return (
        transfer.metadata.get("payout_id") == request.payout_id
        and transfer.amount_minor == request.amount_minor
        and transfer.currency == request.currency
        and transfer.destination == request.destination
    )
