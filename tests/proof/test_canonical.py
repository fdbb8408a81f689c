"""What the bytes of an event are: RFC 8785, by comparison with a library for it and with the RFC's own example."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import orjson
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events.stored import EVENT_TYPES
from ledger.proof.canonical import LARGEST_INTEGER, NotCanonicalError, canonical_event, canonical_json
from ledger.proof.verify_export import canonical as canonical_by_itself
from ledger.store import EventEnvelope, RecordedEvent

texts = st.text(st.characters(exclude_categories=["Cs"]))
names = st.text(st.characters(max_codepoint=127))
leaves = texts | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | st.booleans() | st.none()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=8
)
documents = st.dictionaries(names, values, max_size=6)


@settings(max_examples=100)
@given(documents)
def test_it_is_what_a_library_for_rfc_8785_says(document: dict[str, Any]) -> None:
    assert canonical_json(document) == rfc8785.dumps(document) == canonical_by_itself(document)


def test_it_is_what_the_rfc_says() -> None:
    """RFC 8785, 3.2.2 and 3.2.3, as far as they hold no fractions and no names beyond ASCII."""
    given = '{"string": "\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/", "literals": [null, true, false]}'
    wanted = '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical_json(orjson.loads(given)) == wanted.encode()
    controls = "".join(map(chr, range(32))) + "\x7f\x80\u2028\U0001f600"
    assert canonical_json({"1": controls, "\r": "CR", "": ""}) == rfc8785.dumps({"\r": "CR", "1": controls, "": ""})


@pytest.mark.parametrize(
    "document",
    [
        {"a": 1.5},
        {"a": 1.0},
        {"a": LARGEST_INTEGER + 1},
        {"a": -LARGEST_INTEGER - 1},
        {"a": [{"b": {"é": 1}}]},
        {"a": (1, 2)},
        {"a": float("nan")},
        {"a": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
)
def test_what_could_be_written_in_two_ways_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(NotCanonicalError):
        canonical_json(document)


def recorded(**changes: Any) -> RecordedEvent:
    fields: dict[str, Any] = {
        "type": "BonusEarned",
        "data": b'{"b": 1, "a": "\xc3\xa9"}',
        "tags": ["z:1", "a:2"],
        "event_id": UUID("0199f3c2-a7b1-7d0c-8f1e-5f7a2b3c4d5e"),
        "schema_version": 1,
        "occurred_at": datetime(2026, 3, 1, 9, 0, 0, tzinfo=UTC),
        "recorded_at": datetime(2026, 3, 1, 9, 0, 0, 42, tzinfo=UTC),
        "actor": "system",
        "causation_id": None,
        "correlation_id": "ref_1",
    }
    return RecordedEvent(event=EventEnvelope(**{**fields, **changes}), position=7)


def test_an_event_is_its_whole_envelope_and_its_place() -> None:
    assert canonical_event(recorded()).decode() == (
        '{"actor":"system","causation_id":null,"correlation_id":"ref_1","data":{"a":"é","b":1},'
        '"event_id":"0199f3c2-a7b1-7d0c-8f1e-5f7a2b3c4d5e","occurred_at":"2026-03-01T09:00:00.000000Z","position":7,'
        '"recorded_at":"2026-03-01T09:00:00.000042Z","schema_version":1,"tags":["z:1","a:2"],"type":"BonusEarned"}'
    )


def test_times_are_in_utc_wherever_they_were_read() -> None:
    elsewhere = datetime(2026, 3, 1, 14, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert canonical_event(recorded(occurred_at=elsewhere)) == canonical_event(recorded())


def test_the_order_and_the_spaces_of_data_are_nothing() -> None:
    assert canonical_event(recorded(data=b'{"a":"\\u00e9",  "b":1}')) == canonical_event(recorded())


def test_a_refusal_names_the_position() -> None:
    with pytest.raises(NotCanonicalError, match="position 7 has no canonical form: the name 'é' is not ASCII"):
        canonical_event(recorded(data='{"é": 1}'.encode()))


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_every_kind_of_event_has_a_canonical_form(name: str) -> None:
    """No field can hold a fraction, and every field has a name in ASCII."""

    def look(schema: Any) -> None:
        if isinstance(schema, dict):
            assert schema.get("type") != "number"
            for field in schema.get("properties", {}):
                assert field.isascii()
            schema = list(schema.values())
        if isinstance(schema, list):
            for inner in schema:
                look(inner)

    look(EVENT_TYPES[name].model_json_schema())
