"""Streams of deliveries about very few instructors, codes, lessons and minutes, so that they meet in every way there is."""

from datetime import timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from tests.rules.vocabulary import cloud_event, minute

INSTRUCTORS = ("ada", "bob", "eve")
CODES = ("A", "B", "C")

_who = st.sampled_from(INSTRUCTORS)
_code = st.sampled_from(CODES)
_zone = st.sampled_from([0, 60, -570]).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# The same few instants, each written in several ways.
_when = st.builds(lambda at, zone: minute(at).astimezone(zone).isoformat(), st.integers(0, 4), _zone)


def _delivery(kind: str, **data: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda who, at, data: cloud_event(kind, who, at, **data), _who, _when, st.fixed_dictionaries(data))


deliveries = st.one_of(
    _delivery("referral_code_issued", code=_code),
    _delivery("signed_up", referral_code=st.none() | _code | st.sampled_from(["", "NOBODYS"])),
    _delivery(
        "payout_account_updated",
        stripe_account_id=st.sampled_from(["acct_ok1", "acct_ok2"]),
        transfers_active=st.booleans(),
    ),
    _delivery("went_live"),
    _delivery("lesson_completed", lesson_id=st.sampled_from(["first", "second"])),
    _delivery("retired"),
)
streams = st.lists(deliveries, min_size=30, max_size=80)
"""Long enough that most earn a bonus, and many several."""
