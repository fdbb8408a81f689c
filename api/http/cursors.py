"""Lists page by position: `?limit=&cursor=` → `{"items": [...], "next_cursor": null}`.

A cursor is opaque: the position after which the next page begins, and a checksum over it and over what is listed. The
checksum is no secret. It catches damage, and a cursor that is used with other filters or on another list.
"""

import base64
import hashlib
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from api.http.problems import Kind, ProblemError

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]

_CHECKSUM_BYTES = 7

ItemT = TypeVar("ItemT")


class Listing(BaseModel, Generic[ItemT]):
    items: list[ItemT]
    next_cursor: str | None = Field(description="Null on the last page")


def encode(after: int | None, *listed: object) -> str | None:
    """The cursor of the page after position `after`; None if there is none. `listed` names the list and its filters."""
    if after is None:
        return None
    place = after.to_bytes(8, "big")
    return base64.urlsafe_b64encode(place + _checksum(place, listed)).decode()


def decode(cursor: str | None, *listed: object) -> int | None:
    """The position in a cursor. Raises ProblemError."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        raise ProblemError(Kind.BAD_CURSOR) from None
    place, checksum = raw[:8], raw[8:]
    if checksum != _checksum(place, listed):
        raise ProblemError(Kind.BAD_CURSOR, "Use next_cursor of this very list, with the same filters.")
    return int.from_bytes(place, "big")


def _checksum(place: bytes, listed: tuple[object, ...]) -> bytes:
    return hashlib.sha256(place + repr(listed).encode()).digest()[:_CHECKSUM_BYTES]
