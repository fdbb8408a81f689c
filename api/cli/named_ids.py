"""The ids that a person names on the command line: as strict as over HTTP, so that a slip is no empty answer."""

from pydantic import TypeAdapter, ValidationError

from api.cli.errors import UsageProblem
from api.decisions import PAYOUT_ID
from ledger.lifecycle import InstructorId

__all__ = ["instructor_id", "payout_id"]

_INSTRUCTOR_ID: TypeAdapter[str] = TypeAdapter(InstructorId)


def instructor_id(given: str, named: str) -> str:
    """`named`: where it was given. Raises UsageProblem."""
    try:
        return _INSTRUCTOR_ID.validate_python(given)
    except ValidationError:
        raise UsageProblem(f"{named}: the platform's opaque id of an instructor is expected, like ins_1") from None


def payout_id(given: str, named: str) -> str:
    """`named`: where it was given. Raises UsageProblem."""
    if not PAYOUT_ID.fullmatch(given):
        raise UsageProblem(f"{named}: the id of a payout is expected, like pay_kypc4w6m63lcs4hbxxka")
    return given
