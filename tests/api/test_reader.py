"""For whom a page is written: whatever language a browser asks for, values are written, and are never empty."""

from datetime import UTC, date, datetime

import pytest
from babel import Locale
from babel.localedata import locale_identifiers
from starlette.requests import Request

from api.pages.reader import DEFAULT, Reader

MOMENT = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)


def reader(languages: str | None, zone: str = "Europe/Berlin") -> Reader:
    headers = [(b"cookie", f"ledger_zone={zone}".encode())]
    if languages is not None:
        headers.append((b"accept-language", languages.encode("latin-1")))
    return Reader.of(Request({"type": "http", "headers": headers}))


@pytest.mark.parametrize("language", sorted({each.partition("_")[0] for each in locale_identifiers()}))
def test_values_are_written_in_every_language_there_is(language: str) -> None:
    """In each of its scripts and regions."""
    for identifier in locale_identifiers():
        if identifier.partition("_")[0] == language:
            for_them = reader(identifier.replace("_", "-"))
            assert for_them.locale == Locale.parse(identifier)
            assert all(each.strip() for each in everything_written(for_them)), identifier


def everything_written(for_them: Reader) -> list[str]:
    return [
        for_them.money(-123_456_789, "usd"),
        for_them.money(500, "jpy"),
        for_them.number(1_234_567),
        for_them.percent(0.125),
        for_them.day(MOMENT),
        for_them.moment(MOMENT),
        *(for_them.short_day(date(2026, month, 3)) for month in range(1, 13)),
        *(for_them.month(datetime(2026, month, 1, tzinfo=UTC)) for month in range(1, 13)),
        *(for_them.month_alone(datetime(2026, month, 1, tzinfo=UTC)) for month in range(1, 13)),
    ]


@pytest.mark.parametrize(
    "languages",
    [
        None,
        "",
        "*",
        "xx",
        "xx-YY;q=0.9, zz",
        ";q=1",
        "en;q=nan;q",
        ",,,",
        "../../etc/passwd",
        "de\x00",
        "d\xe9",
        "-" * 5000,
        "a-" * 5000,
        "x" * 100_000,
        "q=;q=;q=, ;",
        "root",
        "und",
    ],
    ids=lambda text: repr(text)[:20],
)
def test_what_is_no_language_is_read_as_english(languages: str | None) -> None:
    for_them = reader(languages)
    assert for_them.locale == DEFAULT
    assert for_them.money(7500, "usd") == "$75.00"
    assert for_them.short_day(date(2026, 3, 3)) == "Mar 3"


@pytest.mark.parametrize(
    ("languages", "locale"),
    [
        ("de-CH;q=0.5, de", "de"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("xx, fr-CA;q=0.8, en;q=0.2", "fr_CA"),
        ("de-XX", "de"),
        ("zh-Hant-TW", "zh_Hant_TW"),
        ("en-US-x-twain, de", "en_US"),
        ("ar-EG; q=0.9, de; q=0.5", "ar_EG"),
        ("de;q=nan, fr", "fr"),
        ("de;q=inf, fr", "fr"),
    ],
)
def test_the_language_liked_best_of_those_that_are_known_is_taken(languages: str, locale: str) -> None:
    assert str(reader(languages).locale) == locale


@pytest.mark.parametrize(
    ("amount_minor", "currency", "written"),
    [
        (7500, "usd", "75,00\xa0$"),
        (500, "jpy", "500\xa0¥"),
        (1_234_567, "kwd", "1.234,567\xa0KWD"),
        (5, "ugx", "5\xa0UGX"),
    ],
)
def test_no_digit_of_an_amount_is_added_or_left_out(amount_minor: int, currency: str, written: str) -> None:
    assert reader("de").money(amount_minor, currency) == written


@pytest.mark.parametrize("zone", ["", "../x", "Mars/Base", "localtime", "UTC"])
def test_a_zone_that_is_none_is_utc(zone: str) -> None:
    assert reader("en", zone).zone == "UTC"
