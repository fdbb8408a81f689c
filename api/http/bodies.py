"""Request bodies, read with a limit on size, time and type before anything looks into them."""

import asyncio
import json
from collections.abc import Collection
from typing import Any

import orjson
from fastapi import Request

from api.http.problems import Kind, ProblemError

BODY_SECONDS = 30.0


def media_type(request: Request, accepted: Collection[str]) -> str:
    """The media type of the body, without its parameters. Raises ProblemError if it is not one of `accepted`."""
    essence, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charsets = [
        value.strip("\"' ") for name, _, value in (each.partition("=") for each in parameters) if name == "charset"
    ]
    if essence not in accepted or any(charset not in ("utf-8", "utf8") for charset in charsets):
        detail = f"Send {' or '.join(accepted)}, in UTF-8."
    elif request.headers.get("content-encoding", "identity").lower() != "identity":
        detail = "Send it without Content-Encoding."
    else:
        return essence
    raise ProblemError(Kind.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Post": ", ".join(accepted)})


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The whole body, however it is sent: counted while it arrives, never held beyond the limit. Raises ProblemError."""
    too_large = ProblemError(Kind.TOO_LARGE, f"At most {most_bytes} bytes.")
    announced = request.headers.get("content-length", "0")
    if announced.isascii() and announced.isdigit() and int(announced) > most_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise too_large
    except TimeoutError:
        raise ProblemError(Kind.BODY_TIMEOUT, f"{BODY_SECONDS:g} s.") from None
    return bytes(body)


def decode_json(body: bytes) -> Any:
    """The JSON value of a body. Raises ProblemError for anything else: broken UTF-8, NaN, nesting without end ..."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        refusal = str(error)[:200]
    # It also refuses half a surrogate pair and a number beyond a double. JSON's grammar allows them, and where they stand in
    # one item of a batch, the others must not suffer.
    try:
        return json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ProblemError(Kind.MALFORMED_JSON, refusal) from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
