"""Somebody recorded inside the boundary meanwhile: read it again and decide anew. For what people ask for, one thing at a time."""

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from ledger.event_log import ConflictError

__all__ = ["decide_again"]

decide_again = retry(
    retry=retry_if_exception_type(ConflictError),
    stop=stop_after_attempt(10),
    wait=wait_random_exponential(multiplier=0.005, max=0.2),
    reraise=True,
)
"""Calls the function again, from reading to appending, and lets ConflictError out if others never let go of the boundary.

Only for a decision that follows from what is read: whoever read before the call would hide what they have not seen.
"""
