"""What concerns a person's data; never the data itself."""

from enum import StrEnum

from ledger.events.event import Event, instructor_tag


class ErasureReason(StrEnum):
    """Why a person was forgotten. A code and no text: text could be personal, and the log keeps it for ever."""

    REQUESTED_BY_PERSON = "requested_by_person"
    RETENTION = "retention"
    OTHER = "other"


class PersonalDataErased(Event):
    """What was stored about a person beside the log is gone, and stays away. Changes no amount and no status."""

    instructor_id: str
    reason: ErasureReason

    def tags(self) -> tuple[str, ...]:
        return (instructor_tag(self.instructor_id),)
