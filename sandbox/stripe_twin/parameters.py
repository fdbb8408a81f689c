"""Form-encoded parameters with Stripe's brackets, and the checks that every endpoint makes before it does anything."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.refusals import Refusal, invalid
from sandbox.stripe_twin.settings import CURRENCIES

_MOST_METADATA = 50
_LONGEST_METADATA_KEY = 40
_LONGEST_METADATA_VALUE = 500

Check = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Field:
    """One parameter: what turns its text into a value, and whether it must be there."""

    check: Check
    required: bool = False


def decode(encoded: str) -> Json:
    """`metadata[a]=1&expand[]=b` as {"metadata": {"a": "1"}, "expand": {"": "b"}}; every leaf is text."""
    decoded: Json = {}
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError as error:  # not UTF-8, or far too many fields
        raise invalid("Invalid request body: the parameters could not be decoded.") from error
    for name, value in pairs:
        *outer, last = _path(name)
        level = decoded
        for part in outer:
            level = level.setdefault(part, {})
            if not isinstance(level, dict):
                raise invalid(f"Invalid object: {name}", param=name)
        # `expand[]=a&expand[]=b` is a list: each empty index gets the next number.
        level[last or str(len(level))] = value
    return decoded


def _path(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket:
        return [name]
    if not head or not rest.endswith("]"):
        raise invalid(f"Invalid parameter name: {name}", param=name)
    return [head, *rest[:-1].split("][")]


def checked(given: Mapping[str, Any], fields: Mapping[str, Field]) -> Json:
    """The values of known parameters, checked; raises `Refusal` for unknown, missing and malformed ones."""
    unknown = [name for name in given if name not in fields]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        message = f"Received unknown parameter{plural}: {', '.join(unknown)}"
        raise invalid(message, param=unknown[0], code="parameter_unknown")
    for name, field in fields.items():
        if field.required and name not in given:
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    return {name: fields[name].check(name, value) for name, value in given.items()}


def integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    """A whole number within bounds."""

    def check(name: str, value: Any) -> int:
        text = _text(name, value)
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            raise invalid(f"Invalid integer: {text}", param=name, code="parameter_invalid_integer")
        number = int(text)
        for bound, is_wrong, word in (
            (minimum, minimum is not None and number < minimum, "greater"),
            (maximum, maximum is not None and number > maximum, "less"),
        ):
            if is_wrong:
                message = f"This value must be {word} than or equal to {bound}."
                raise invalid(message, param=name, code="parameter_invalid_integer")
        return number

    return check


def string(longest: int = 5000, *, may_be_empty: bool = False, choices: tuple[str, ...] = ()) -> Check:
    """Text; an empty one becomes None where a value may be unset."""

    def check(name: str, value: Any) -> str | None:
        text = _text(name, value, may_be_empty=may_be_empty)
        if len(text) > longest:
            raise invalid(f"Invalid string: {text[:20]}...; must be at most {longest} characters", param=name)
        if choices and text not in choices:
            raise invalid(f"Invalid {name}: must be one of {', '.join(choices)}", param=name)
        return text or None

    return check


def boolean(name: str, value: Any) -> bool:
    """`true` or `false`."""
    text = _text(name, value)
    if text not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {text}", param=name)
    return text == "true"


def currency(name: str, value: Any) -> str:
    """A known currency, in lower case."""
    text = _text(name, value).lower()
    if text not in CURRENCIES:
        known = ", ".join(CURRENCIES)
        raise invalid(f"Invalid currency: {text}. Stripe currently supports these currencies: {known}", param=name)
    return text


def metadata(name: str, value: Any) -> dict[str, str]:
    """Text by text, within Stripe's limits. An empty value unsets its key, an empty `metadata` all of them."""
    if value == "":
        return {}
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise invalid("Invalid object", param=name)
    if len(value) > _MOST_METADATA:
        raise invalid(f"Metadata can have up to {_MOST_METADATA} keys, but you passed in {len(value)}.", param=name)
    for key, entry in value.items():
        if len(key) > _LONGEST_METADATA_KEY or len(entry) > _LONGEST_METADATA_VALUE:
            message = (
                f"Metadata keys can have up to {_LONGEST_METADATA_KEY} characters and values up to "
                f"{_LONGEST_METADATA_VALUE}; the entry '{key[:_LONGEST_METADATA_KEY]}' is longer."
            )
            raise invalid(message, param=f"{name}[{key}]")
    return value


def strings(name: str, value: Any) -> list[str]:
    """A list of texts."""
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise invalid("Invalid array", param=name)
    return list(value.values())


def moments(name: str, value: Any) -> dict[str, int]:
    """A moment, or bounds around it: `created=5` or `created[gte]=5&created[lt]=9`, in seconds since the epoch."""
    number = integer()
    if isinstance(value, str):
        return {"gte": number(name, value), "lte": number(name, value)}
    return checked(value, {bound: Field(lambda at, text: number(f"{name}[{at}]", text)) for bound in _BOUNDS})


_BOUNDS = ("gt", "gte", "lt", "lte")


def _text(name: str, value: Any, *, may_be_empty: bool = False) -> str:
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", param=name)
    if value == "" and not may_be_empty:
        message = (
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{name}' cannot be unset. "
            f"You should remove '{name}' from your request or supply a non-empty value."
        )
        raise Refusal(400, message, "parameter_invalid_empty", name)
    return value
