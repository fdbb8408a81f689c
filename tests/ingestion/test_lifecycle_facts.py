"""Lifecycle facts as CloudEvents: what is one, and what is said of what is none."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.lifecycle import InvalidFact, LifecycleFact, SignedUp, parse_fact, received_fact
from tests.rules.vocabulary import minute

LIVE = {
    "specversion": "1.0",
    "id": "evt-1",
    "source": "/platform/bookings",
    "type": "instructor.went_live",
    "subject": "ins_1",
    "time": "2026-03-01T09:00:00Z",
}
DATA: dict[str, dict[str, Any]] = {
    "instructor.referral_code_issued": {"code": "ADA"},
    "instructor.signed_up": {"referral_code": "ADA", "display_name": "Zoë O'Hara 🎻"},
    "instructor.payout_account_updated": {"stripe_account_id": "acct_1", "transfers_active": True},
    "instructor.went_live": {},
    "instructor.lesson_completed": {"lesson_id": "les:1"},
}


def of_type(kind: str, **changes: object) -> dict[str, Any]:
    """A delivery of this type, with changes to its data."""
    return LIVE | {"type": f"instructor.{kind}", "data": DATA[f"instructor.{kind}"] | changes}


def parsed(item: object) -> LifecycleFact:
    fact = parse_fact(item)
    assert not isinstance(fact, InvalidFact), fact.problem
    return fact


def problem(item: object) -> str:
    fact = parse_fact(item)
    assert isinstance(fact, InvalidFact), fact
    return fact.problem


@pytest.mark.parametrize("kind", DATA)
def test_each_type_of_fact_is_read(kind: str) -> None:
    fact = parsed(LIVE | {"type": kind, "data": DATA[kind]})
    assert (fact.type, fact.id, fact.subject, fact.time) == (kind, "evt-1", "ins_1", minute(0))
    assert fact.data.model_dump() == DATA[kind]
    assert fact.cause == "/platform/bookings#evt-1"


@pytest.mark.parametrize(
    "item",
    [
        LIVE,
        LIVE | {"data": None},  # CloudEvents: null is not there
        LIVE | {"data": {"more": "than we use"}},
        LIVE | {"datacontenttype": None, "dataschema": None},
        LIVE | {"datacontenttype": "application/json; charset=utf-8"},
        LIVE | {"datacontenttype": "Application/JSON ;charset=utf-8"},
        LIVE | {"traceparent": "00-1-2-01", "partitionkey": 7},
        LIVE | {"id": "!" * 255},
        LIVE | {"subject": "a" * 128},
        LIVE | {"subject": "0b9d3c1e-7a52-4c0f-9b6e-1f2a3b4c5d6e"},
        of_type("signed_up", referral_code=None),
        of_type("signed_up", referral_code="never a code!"),
        of_type("signed_up", display_name=""),
        of_type("signed_up", display_name="ß" * 200),
        LIVE | {"type": "instructor.signed_up", "data": {}},
        LIVE | {"type": "instructor.signed_up"},
        of_type("referral_code_issued", code="a" * 64),
        of_type("payout_account_updated", stripe_account_id="acct_" + "x" * 64, transfers_active=False),
    ],
)
def test_what_a_platform_may_send(item: object) -> None:
    parsed(json.loads(json.dumps(item)))


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-01T09:00:00Z",
        "2026-03-01t09:00:00z",
        "2026-03-01 09:00:00.000Z",
        "2026-03-01T09:00:00.000000999Z",  # what is under a microsecond is cut off
        "2026-03-01T10:00:00+01:00",
        "2026-02-28T23:30:00-09:30",
        "2026-03-01T09:00:00-00:00",
    ],
)
def test_the_same_instant_may_be_written_in_many_ways(time: str) -> None:
    fact = parsed(LIVE | {"time": time})
    assert fact.time == minute(0)
    assert fact.time.utcoffset() == minute(0).utcoffset()


@pytest.mark.parametrize(
    "time",
    ["2000-01-01T00:00:00Z", "1999-12-31T23:00:00-01:00", "2199-12-31T23:59:59.999999Z", "2200-01-01T00:30:00+01:00"],
)
def test_the_calendar_has_two_centuries(time: str) -> None:
    assert 2000 <= parsed(LIVE | {"time": time}).time.year < 2200


@pytest.mark.parametrize("ahead", [timedelta(days=-9000), timedelta(0), timedelta(days=1)])
def test_what_comes_in_may_be_old_or_a_day_ahead(ahead: timedelta) -> None:
    item = LIVE | {"time": (minute(0) + ahead).isoformat()}
    assert received_fact(item, now=minute(0)) == parsed(item)


@pytest.mark.parametrize("time", [minute(0) + timedelta(days=1, microseconds=1), datetime(2199, 12, 31, tzinfo=UTC)])
def test_what_comes_in_and_is_yet_to_happen_is_invalid(time: datetime) -> None:
    fact = received_fact(LIVE | {"time": time.isoformat()}, now=minute(0))
    assert isinstance(fact, InvalidFact)
    assert (fact.id, fact.problem[:28]) == ("evt-1", f"time: {time:%Y-%m-%dT%H:%M:%SZ} i")
    assert "(2026-03-01T09:00:00Z)" in fact.problem


@pytest.mark.parametrize("item", [None, {"id": "torn"}, LIVE | {"subject": ""}])
def test_what_comes_in_and_is_no_fact_is_described_as_ever(item: object) -> None:
    assert received_fact(item, now=minute(0)) == parse_fact(item)


@pytest.mark.parametrize(
    "time",
    [
        # out of the calendar, and where an offset leads out of any calendar
        "1999-12-31T23:59:59.999999Z",
        "2000-01-01T00:30:00+01:00",
        "2200-01-01T00:00:00Z",
        "2199-12-31T23:30:00-01:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        # no instant
        "2026-03-01T09:00:00",
        "2026-03-01",
        "2026-02-29T09:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T09:00:00+24:00",
        # not RFC 3339
        "",
        "yesterday",
        "1772355600",
        "1772355600.5",
        "20260301T090000Z",
        "2026-W09-7T09:00:00Z",
        "2026-3-1T9:00:00Z",
        "2026-03-01T09:00Z",
        "2026-03-01T09:00:00,5Z",
        "2026-03-01_09:00:00Z",
        "2026-03-01T09:00:00+0100",
        "2026-03-01T09:00:00−01:00",  # noqa: RUF001 - a typographer's minus
        "２０２６-03-01T09:00:00Z",  # noqa: RUF001 - digits of another script
        " 2026-03-01T09:00:00Z",
        "2026-03-01T09:00:00Z\n",
        # not text
        None,
        True,
        1772355600,
        1772355600.5,
        10**400,
        [],
        {},
    ],
)
def test_what_is_no_time_is_invalid(time: object) -> None:
    assert problem(LIVE | {"time": time}).startswith("time: ")


NO_TEXT: list[object] = [
    None,
    "",
    "a\n",
    "\n",
    "a\0",
    "\ud800",
    "a" * 500,
    7,
    7.5,
    True,
    [],
    ["a"],
    {},
]
NO_NAMES = [*NO_TEXT, " ", "a b"]
NO_IDS = [*NO_NAMES, "é"]


@pytest.mark.parametrize("value", NO_TEXT)
@pytest.mark.parametrize("attribute", ["id", "source"])
def test_hostile_texts_are_invalid(attribute: str, value: object) -> None:
    assert problem(LIVE | {attribute: value}).startswith(f"{attribute}: ")


@pytest.mark.parametrize("value", NO_IDS)
@pytest.mark.parametrize("attribute", ["subject", "specversion", "type"])
def test_hostile_attributes_are_invalid(attribute: str, value: object) -> None:
    assert problem(LIVE | {attribute: value}).startswith(f"{attribute}: ")


@pytest.mark.parametrize("value", NO_NAMES)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("referral_code_issued", "code"),
        ("lesson_completed", "lesson_id"),
        ("payout_account_updated", "stripe_account_id"),
    ],
)
def test_hostile_names_in_the_data_are_invalid(kind: str, name: str, value: object) -> None:
    assert problem(of_type(kind, **{name: value})).startswith(f"data.{name}: ")


@pytest.mark.parametrize("value", ["a\n", "a\0", "\x1b[31m", "\x7f", "\ud800", "a" * 201, 7, True, [], {}])
@pytest.mark.parametrize("name", ["referral_code", "display_name"])
def test_what_nobody_can_type_is_invalid(name: str, value: object) -> None:
    assert problem(of_type("signed_up", **{name: value})).startswith(f"data.{name}: ")


@pytest.mark.parametrize(
    ("item", "where"),
    [
        (None, "item"),
        ([], "item"),
        ([LIVE], "item"),
        ("text", "item"),
        (7, "item"),
        ({}, "type"),
        ({"type": "instructor.went_live"}, "specversion"),
        (LIVE | {"type": "instructor.retired"}, "type"),
        (LIVE | {"type": "Instructor.went_live"}, "type"),
        (LIVE | {"type": {"$ne": ""}}, "type"),
        (LIVE | {"subject": "../etc/passwd"}, "subject"),
        (LIVE | {"subject": "-rf"}, "subject"),
        (LIVE | {"specversion": "0.3"}, "specversion"),
        (LIVE | {"specversion": 1.0}, "specversion"),
        (LIVE | {"datacontenttype": "text/xml"}, "datacontenttype"),
        (LIVE | {"datacontenttype": "application/json\n"}, "datacontenttype"),
        (LIVE | {"data": []}, "data"),
        (LIVE | {"data": "e30="}, "data"),
        (LIVE | {"type": "instructor.lesson_completed"}, "data"),
        (LIVE | {"type": "instructor.lesson_completed", "data": None}, "data"),
        (LIVE | {"type": "instructor.lesson_completed", "data": {}}, "data.lesson_id"),
        (of_type("payout_account_updated", transfers_active=None), "data.transfers_active"),
        (of_type("payout_account_updated", transfers_active="true"), "data.transfers_active"),
        (of_type("payout_account_updated", transfers_active=1), "data.transfers_active"),
        (of_type("payout_account_updated", stripe_account_id="acct_"), "data.stripe_account_id"),
        (of_type("payout_account_updated", stripe_account_id="ba_1"), "data.stripe_account_id"),
    ],
)
def test_a_problem_says_where_it_is(item: object, where: str) -> None:
    assert problem(item).startswith(f"{where}: ")


@pytest.mark.parametrize(
    ("given_id", "told"),
    [
        ("evt 1", "evt 1"),
        ("é", "é"),
        ("", None),
        ("a\n", None),
        ("\ud800", None),
        ("x" * 256, None),
        (7, None),
        ([], None),
    ],
)
def test_an_invalid_fact_keeps_an_id_that_can_be_shown(given_id: object, told: str | None) -> None:
    invalid = parse_fact({"id": given_id})
    assert isinstance(invalid, InvalidFact)
    assert invalid.id == told


def test_a_problem_quotes_nothing_that_was_sent() -> None:
    for attribute in (*LIVE, "data", "datacontenttype"):
        if attribute != "id":
            assert "secret" not in problem(LIVE | {attribute: "a secret\n"})
    for name in ("display_name", "referral_code"):
        assert "secret" not in problem(of_type("signed_up", **{name: "a secret\n"}))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = [*LIVE, "data", "datacontenttype"]


@settings(max_examples=60)
@given(item=anything | st.dictionaries(st.sampled_from(NAMES), anything))
def test_no_json_is_ever_too_much(item: object) -> None:
    assert isinstance(parse_fact(item), InvalidFact)


@settings(max_examples=60)
@given(kind=st.sampled_from(list(DATA)), changes=st.dictionaries(st.sampled_from(NAMES), anything, max_size=2))
def test_one_wrong_attribute_is_described_or_changes_nothing_else(kind: str, changes: dict[str, object]) -> None:
    item = LIVE | {"type": kind, "data": DATA[kind]} | changes
    fact = parse_fact(item)
    if isinstance(fact, InvalidFact):
        assert fact.problem.isprintable()
    else:
        assert fact.model_dump(include={"id", "subject", "type"}) == {
            name: item[name] for name in ("id", "subject", "type")
        }


names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_\-]{0,63}\Z")
typed = st.text(st.characters(exclude_characters="\x7f", exclude_categories=["Cs", "Cc"]), max_size=200)
times = st.datetimes(
    datetime(2000, 1, 2),  # noqa: DTZ001 - the zones come with the next line
    datetime(2199, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
data = {
    "instructor.referral_code_issued": st.fixed_dictionaries({"code": names}),
    "instructor.signed_up": st.fixed_dictionaries(
        {}, optional={"referral_code": st.none() | typed, "display_name": st.none() | typed}
    ),
    "instructor.payout_account_updated": st.fixed_dictionaries(
        {
            "stripe_account_id": names.map("acct_{}".format).filter(lambda name: "-" not in name),
            "transfers_active": st.booleans(),
        }
    ),
    "instructor.went_live": st.just({}),
    "instructor.lesson_completed": st.fixed_dictionaries({"lesson_id": names}),
}
well_formed = st.sampled_from(list(DATA)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "specversion": st.just("1.0"),
            "id": st.from_regex(r"\A[!-~]{1,255}\Z"),
            "source": st.from_regex(r"\A[!-~]{1,255}\Z"),
            "type": st.just(kind),
            "subject": names,
            "time": times.map(datetime.isoformat),
            "data": data[kind],
        }
    )
)


@settings(max_examples=60)
@given(item=well_formed)
def test_a_fact_survives_being_written_and_read_again(item: dict[str, Any]) -> None:
    fact = parsed(item)
    assert parsed(json.loads(fact.model_dump_json())) == fact
    assert parsed(fact.model_dump()) == fact
    if isinstance(fact, SignedUp):
        assert fact.data.display_name == item["data"].get("display_name")
