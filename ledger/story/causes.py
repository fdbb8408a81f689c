"""What caused an event, in words: another event, the platform's delivery, a notice of Stripe's, a person's command."""

from collections.abc import Mapping
from uuid import UUID

from ledger.events import Recorded
from ledger.story.words import name_of

__all__ = ["cause_in_words", "caused_by"]

_OURS = {"terms": "a command of {}", "code": "{} asked for a code", "forget": "a request of {}"}


def caused_by(recorded: Recorded, known: Mapping[UUID, Recorded]) -> Recorded | None:
    """The causing event, if it is among those known."""
    event_id = _uuid(recorded.causation_id)
    return known.get(event_id) if event_id is not None else None


def cause_in_words(recorded: Recorded, causing: Recorded | None) -> str | None:
    """`causing`: the causing event, if it is one that is known. None: nothing is said of a cause."""
    if causing is not None:
        return f"{name_of(causing.event)} (position {causing.position})"
    cause = recorded.causation_id
    if cause is None:
        return None
    if _uuid(cause) is not None:
        return f"event {cause}"
    source, hash_sign, delivery = cause.rpartition("#")
    if hash_sign:
        return f"event {delivery} from {source}"
    kind, colon, whose = cause.partition(":")
    if colon and kind in _OURS:
        return _OURS[kind].format(whose)
    if cause.startswith("evt_"):
        return f"Stripe's event {cause}"
    return "an answer of Stripe's" if cause == "stripe" else cause


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        return None
