"""What a form of ours sends: its fields, read with a limit before anything looks into them."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from api.http.bodies import media_type, read_body
from api.http.problems import Kind, ProblemError

__all__ = ["Fields"]

URLENCODED = "application/x-www-form-urlencoded"
MOST_BYTES = 16 * 1024
MOST_FIELDS = 20


async def _fields(request: Request) -> Mapping[str, str]:
    """By name; of those that are there twice, the last. Raises ProblemError."""
    media_type(request, (URLENCODED,))
    body = await read_body(request, MOST_BYTES)
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        )
    except ValueError:
        raise ProblemError(Kind.BAD_REQUEST, "The form is not one of ours.") from None


Fields = Annotated[Mapping[str, str], Depends(_fields)]
