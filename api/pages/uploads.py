"""A form with a file, as browsers send it (RFC 7578): read with a limit, and taken apart here.

The parts lie between lines that no content has, each with headers of which only the name matters to us.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message

from fastapi import Request

from api.http.bodies import media_type, read_body
from api.http.problems import Kind, ProblemError

__all__ = ["Uploaded", "read_upload"]

MULTIPART = "multipart/form-data"
MOST_AROUND_THE_FILE = 16 * 1024
MOST_PARTS = 20

_NAME = re.compile(rb'^content-disposition: *form-data; *name="([a-z_]{1,40})"', re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The content of each part by its name: a file's bytes, or what was typed."""

    parts: Mapping[str, bytes]

    def text(self, name: str) -> str:
        return self.parts.get(name, b"").decode(errors="replace").strip()


async def read_upload(request: Request, most_bytes: int) -> Uploaded:
    """`most_bytes` of all files together. Raises ProblemError."""
    media_type(request, (MULTIPART,))
    header = Message()
    header["Content-Type"] = request.headers["content-type"]
    boundary = header.get_boundary()
    body = await read_body(request, most_bytes + MOST_AROUND_THE_FILE)
    if not boundary:
        raise _unreadable()
    between = b"\r\n--" + boundary.encode("latin-1", errors="replace")
    pieces = (b"\r\n" + body).split(between, MOST_PARTS)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _unreadable()
    return Uploaded(dict(_part(each) for each in pieces[1:-1]))


def _part(part: bytes) -> tuple[str, bytes]:
    head, blank_line, content = part.partition(b"\r\n\r\n")
    named = _NAME.search(head)
    if not blank_line or named is None:
        raise _unreadable()
    return named[1].decode(), content


def _unreadable() -> ProblemError:
    return ProblemError(Kind.BAD_REQUEST, "The form is not one of ours.")
