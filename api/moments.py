"""Moments as people write them, on either clock, for HTTP and the command line.

`as_of` (when it was recorded) is a position, a time or a date, see projections.as_of. `effective` (when it happened) is a time
or a date. A date means all of its day, in UTC: up to its end where something ends there, from its beginning where it begins.
"""

from datetime import UTC, date, datetime

from projections.as_of import UnreadableMomentError, parse

__all__ = ["effective_from", "effective_until"]


def effective_until(text: str) -> datetime:
    """The last moment that counts. Raises UnreadableMomentError."""
    try:
        found = parse(text, datetime.min.replace(tzinfo=UTC))
    except UnreadableMomentError:
        found = None
    if not isinstance(found, datetime):
        raise UnreadableMomentError(text, positions=False)
    return found


def effective_from(text: str) -> datetime:
    """The first moment that counts. Raises UnreadableMomentError."""
    until = effective_until(text)
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return until
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
