"""Problem documents (RFC 9457): what went wrong, for programs by a stable `code`, for people in words.

ProblemError   raised by routes; every other exception becomes one in `problem_of`, the one table
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any

import orjson
import psycopg
from eventsourcing import persistence
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api.tokens import KeysUnavailableError
from ledger.books.closing import JournalBehindError
from ledger.event_log import ConflictError
from ledger.ingestion import BusyError
from ledger.mint_code import NoFreeCodeError
from ledger.payouts.review import NoSuchPayoutError
from ledger.proof.canonical import NotCanonicalError
from ledger.proof.errors import SealingElsewhereError, SealingStoppedError, SealStoreUnavailableError
from ledger.proof.tiles import TileMissingError
from ledger.reconciliation.csv_file import BadFileError
from ledger.reconciliation.inputs import BadRangeError
from ledger.reconciliation.reconciling import (
    AlreadyResolvedError,
    NoSuchExceptionError,
    TooManyExceptionsError,
)
from ledger.reconciliation.run_lines import OtherLinesError
from ledger.store import StoreBusy

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1
SEND_AGAIN = "Nothing acknowledged is lost: send the same again."


class Kind(Enum):
    """Every code there is: its status, and its title."""

    BAD_REQUEST = (400, "The request cannot be read")
    MALFORMED_JSON = (400, "The body is not JSON")
    BAD_CURSOR = (400, "The cursor is not one of this list's")
    BAD_SIGNATURE = (400, "The signature does not fit")
    TOKEN_MISSING = (401, "A bearer token is needed")
    TOKEN_INVALID = (401, "The bearer token is not valid")
    TOKEN_EXPIRED = (401, "The bearer token has expired")
    FORBIDDEN = (403, "The token does not permit this")
    NOT_FOUND = (404, "There is no such thing here")
    NOT_SEALED = (404, "It is not sealed yet")
    METHOD_NOT_ALLOWED = (405, "This address does not take that method")
    BODY_TIMEOUT = (408, "The body did not arrive in time")
    NO_FREE_CODE = (409, "No referral code is free for this instructor")
    ALREADY_PAID = (409, "The payout is settled")
    ALREADY_CANCELLED = (409, "The payout was cancelled")
    ALREADY_REVERSED = (409, "The payout was reversed")
    NOT_HELD = (409, "The payout is not held")
    NOT_DECLINED = (409, "The payout was not declined")
    NOT_PAID = (409, "The payout is not settled")
    OUTCOME_PENDING = (409, "An outcome has to be known first")
    ABSENCE_NOT_CONFIRMED = (409, "It is not certain yet that nothing was paid")
    APPROVAL_PENDING = (409, "Another request is open")
    NO_SUCH_REQUEST = (409, "No such request is open")
    SECOND_PERSON_NEEDED = (409, "Somebody else has to approve it")
    PERIOD_NOT_OVER = (409, "The month is not over")
    PERIOD_NOT_NEXT = (409, "Another month is to be closed first")
    NOTHING_TO_CLOSE = (409, "The books are empty")
    EXCEPTION_RESOLVED = (409, "The exception is resolved")
    TOO_LARGE = (413, "The body is too large")
    TOO_MANY_ITEMS = (413, "The batch has too many items")
    UNSUPPORTED_MEDIA_TYPE = (415, "The body is of another media type than is taken here")
    VALIDATION_FAILED = (422, "The request does not fit")
    NOT_YET = (422, "That moment is still to come")
    TOO_MUCH_TO_REPLAY = (422, "That is too much to replay over HTTP")
    REJECTED = (422, "The lifecycle event was rejected")
    PERIOD_DIFFERS = (500, "The journal is not what was closed")
    LINES_DIFFER = (500, "The lines that are kept are not those of the run")
    BAD_FILE = (422, "The file cannot be taken")
    BAD_RANGE = (422, "There is nothing to compare in that range")
    TOO_MANY_EXCEPTIONS = (422, "So much does not fit that nothing was recorded")
    INTERNAL = (500, "A defect of ours")
    BUSY = (503, "Too busy just now")
    DATABASE_UNAVAILABLE = (503, "The database cannot be reached just now")
    DATABASE_NOT_READY = (503, "The database has not been prepared for this version")
    TOKEN_KEYS_UNAVAILABLE = (503, "The keys to check tokens with cannot be fetched just now")
    WEBHOOKS_NOT_CONFIGURED = (503, "No webhook secret is set")
    SEALING_STOPPED = (503, "The log is not what was sealed")
    POSITION_TIMEOUT = (504, "That position was not reached in time")

    def __init__(self, status: int, title: str) -> None:
        self.status = status
        self.title = title

    @property
    def code(self) -> str:
        return self.name.lower()


class FieldProblem(BaseModel):
    """What is wrong with one part of a request. Quotes no value."""

    at: str = Field(description="Where, like `query.limit`", examples=["query.limit"])
    problem: str = Field(examples=["Input should be less than or equal to 200"])


class ProblemDocument(BaseModel):
    """RFC 9457. `code` is stable; `title` and `detail` are for people and may change."""

    model_config = ConfigDict(title="Problem", extra="allow")
    type: str = Field(examples=["urn:payout-ledger:problem:forbidden"])
    title: str = Field(examples=[Kind.FORBIDDEN.title])
    status: int = Field(examples=[403])
    detail: str | None = Field(None, examples=["One of these roles is needed: finance."])
    code: str = Field(examples=["forbidden"])
    request_id: str = Field(description="Also in the header `X-Request-ID` and in our log")
    errors: list[FieldProblem] | None = None


@dataclass
class ProblemError(Exception):
    """An answer that is a problem document. `more` are further members of it."""

    kind: Kind
    detail: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def problem_of(error: Exception) -> ProblemError:
    """The table: which error is which problem. What is not in it is a defect."""
    match error:
        case ProblemError():
            return error
        case RequestValidationError():
            errors = [_field_problem(each) for each in error.errors()]
            return ProblemError(Kind.VALIDATION_FAILED, "See errors.", {"errors": errors})
        case HTTPException():
            kind = _KIND_OF_STATUS.get(error.status_code, Kind.BAD_REQUEST)
            return ProblemError(kind, headers=error.headers or {})
        case ClientDisconnect():
            return ProblemError(Kind.BAD_REQUEST, "It ended before it was complete.")
        case NoSuchPayoutError():
            return ProblemError(Kind.NOT_FOUND, "No such payout.")
        case (
            BadFileError()
            | BadRangeError()
            | TooManyExceptionsError()
            | OtherLinesError()
            | NoSuchExceptionError()
            | AlreadyResolvedError()
        ):
            return _problem_of_reconciling(error)
        case NoFreeCodeError():
            return ProblemError(Kind.NO_FREE_CODE, "The platform has to issue one.")
        case KeysUnavailableError():
            return ProblemError(Kind.TOKEN_KEYS_UNAVAILABLE)
        case JournalBehindError():
            return ProblemError(Kind.POSITION_TIMEOUT, f"{str(error).capitalize()}: the same again goes on.")
        case BusyError() | ConflictError() | SealingElsewhereError() | SealStoreUnavailableError():
            return ProblemError(Kind.BUSY, SEND_AGAIN)
        case psycopg.Error() | persistence.PersistenceError():
            return _problem_with_database(error)
        case _:
            return _problem_of_state(error)


def _problem_of_state(error: Exception) -> ProblemError:
    """Nothing is wrong with the request: either the log is not what was sealed, or it is a defect."""
    if isinstance(error, SealingStoppedError | TileMissingError | NotCanonicalError):
        return ProblemError(Kind.SEALING_STOPPED, "Somebody has to look: run ledger verify.")
    return ProblemError(Kind.INTERNAL, "It is on our log under this request_id.")


def _problem_of_reconciling(error: Exception) -> ProblemError:
    match error:
        case BadFileError():
            errors = [{"at": each.place, "problem": f"{each.problem}; {each.remedy}"} for each in error.problems]
            return ProblemError(Kind.BAD_FILE, "See errors; nothing was recorded.", {"errors": errors})
        case NoSuchExceptionError():
            return ProblemError(Kind.NOT_FOUND, "No such exception.")
        case AlreadyResolvedError():
            return ProblemError(Kind.EXCEPTION_RESOLVED, "Nothing was recorded.")
        case BadRangeError():
            return ProblemError(Kind.BAD_RANGE, f"{error} (from, to).")
        case OtherLinesError():
            return ProblemError(Kind.LINES_DIFFER, f"{str(error).capitalize()}.")
        case _:
            return ProblemError(Kind.TOO_MANY_EXCEPTIONS, f"{error}.")


def _problem_with_database(error: psycopg.Error | persistence.PersistenceError) -> ProblemError:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if isinstance(error, StoreBusy) or isinstance(cause, _SLOW):
        return ProblemError(Kind.BUSY, SEND_AGAIN)
    if isinstance(cause, _NOT_MIGRATED):
        return ProblemError(Kind.DATABASE_NOT_READY)
    if isinstance(error, _LOST):
        return ProblemError(Kind.DATABASE_UNAVAILABLE, SEND_AGAIN)
    return ProblemError(Kind.INTERNAL, "It is on our log under this request_id.")


def problem_response(problem: ProblemError, request_id: str) -> Response:
    kind = problem.kind
    document = {
        "type": f"urn:payout-ledger:problem:{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "code": kind.code,
        "request_id": request_id,
        **problem.more,
    }
    headers = dict(problem.headers)
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = _challenge(kind)
    if kind.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    body = orjson.dumps({name: value for name, value in document.items() if value is not None})
    return Response(body, kind.status, headers, MEDIA_TYPE)


def _challenge(kind: Kind) -> str:
    """RFC 6750, 3.1: no error code where no token was sent."""
    return 'Bearer realm="payout-ledger"' + ("" if kind is Kind.TOKEN_MISSING else ', error="invalid_token"')


def _field_problem(error: Mapping[str, Any]) -> dict[str, str]:
    return {"at": ".".join(str(part) for part in error["loc"]), "problem": str(error["msg"])}


_KIND_OF_STATUS = {
    404: Kind.NOT_FOUND,
    405: Kind.METHOD_NOT_ALLOWED,
}

_LOST = (
    psycopg.OperationalError,  # PoolTimeout is one of them
    psycopg.InterfaceError,
    persistence.OperationalError,
    persistence.InterfaceError,
)
_SLOW = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)
_NOT_MIGRATED = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedTable,
)
