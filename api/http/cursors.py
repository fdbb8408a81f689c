"""Lists page by position: `?limit=&cursor=` → `{"items": [...], "next_cursor": null}`.

A cursor is opaque: the position after which the next page begins, and a checksum over it and over what is listed. A list in
an order that changes is one of a moment: its cursor has the moment's position, and how many items came before. The
checksum is no secret. It catches damage, and a cursor that is used with other filters or on another list.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.problems import Kind, ProblemError

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]

_CHECKSUM_BYTES = 7
_NUMBER_BYTES = 8
_LARGEST = 2**63 - 1

ItemT = TypeVar("ItemT")


class Listing(BaseModel, Generic[ItemT]):
    items: list[ItemT]
    next_cursor: str | None = Field(description="Null on the last page")


def encode(after: int | None, *listed: object) -> str | None:
    """The cursor of the page after position `after`; None if there is none. `listed` names the list and its filters."""
    return None if after is None else _encode((after,), listed)


def decode(cursor: str | None, *listed: object) -> int | None:
    """The position in a cursor. Raises ProblemError."""
    return None if cursor is None else _decode(cursor, 1, listed)[0]


def encode_as_of(as_of: int, offset: int | None, *listed: object) -> str | None:
    """The cursor of the page after so many items, of the list as of a position; None if there is none."""
    return None if offset is None else _encode((as_of, offset), listed)


def decode_as_of(cursor: str | None, *listed: object) -> tuple[int | None, int]:
    """The position and the number of items in a cursor; without one, today's list from its beginning. Raises ProblemError."""
    if cursor is None:
        return None, 0
    as_of, offset = _decode(cursor, 2, listed)
    return as_of, offset


def _encode(numbers: Sequence[int], listed: tuple[object, ...]) -> str:
    place = b"".join(number.to_bytes(_NUMBER_BYTES, "big") for number in numbers)
    return base64.urlsafe_b64encode(place + _checksum(place, listed)).decode()


def _decode(cursor: str, count: int, listed: tuple[object, ...]) -> list[int]:
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        raise ProblemError(Kind.BAD_CURSOR) from None
    place, checksum = raw[: count * _NUMBER_BYTES], raw[count * _NUMBER_BYTES :]
    if checksum != _checksum(place, listed):
        raise ProblemError(Kind.BAD_CURSOR, "Use next_cursor of this very list, with the same filters.")
    numbers = [int.from_bytes(place[at : at + _NUMBER_BYTES], "big") for at in range(0, len(place), _NUMBER_BYTES)]
    if max(numbers) > _LARGEST:  # nobody who reads the log can have been given it
        raise ProblemError(Kind.BAD_CURSOR)
    return numbers


def _checksum(place: bytes, listed: tuple[object, ...]) -> bytes:
    return hashlib.sha256(place + repr(listed).encode()).digest()[:_CHECKSUM_BYTES]
