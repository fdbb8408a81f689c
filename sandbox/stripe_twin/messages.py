"""What goes in and out of the twin: one HTTP request, and one of four ways in which it may end for the caller."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it arrived; header names are lower case, the query has no leading question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def encoded_parameters(self) -> str:
        """The form-encoded parameters: in the query of a GET, else in the body."""
        return self.query if self.method == "GET" else self.body.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer, of any status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing ever comes back: the caller runs into its own timeout."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset before a single byte of the answer."""


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """The connection closes after `sent_bytes` of the answer's body, although its headers promised all of it."""

    answer: Answer
    sent_bytes: int


Outcome = Answer | Silence | Reset | BrokenOff
