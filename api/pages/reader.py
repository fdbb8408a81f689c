"""For whom a page is rendered: the reader's language of numbers and dates, and their time zone.

Both are the browser's word and change nothing but how values are written. The words of the pages are English.
"""

import re
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_skeleton
from babel.numbers import NumberPattern, format_decimal, format_percent
from fastapi import Depends, Request

from ledger.major_units import decimals, in_major_units

ZONE_COOKIE = "ledger_zone"
"""Set by our script: no header names the reader's time zone."""
LONGEST_HEADER = 200
DEFAULT = Locale("en", "US")
MOST_PARTS = 4
"""Of a language: itself, its script, a region, a variant."""
NO_PLACES = {"Factory", "localtime"}
"""Among the time zones: what a machine may be set to, which is no reader's place."""
YEARS = range(1900, 9000)

_WEIGHT = re.compile(r"q=[01](\.[0-9]{0,3})?")


@dataclass(frozen=True, slots=True)
class Reader:
    """How to write for somebody. `zone` is an IANA name."""

    locale: Locale
    zone: str

    @classmethod
    def of(cls, request: Request) -> Self:
        languages = request.headers.get("accept-language", "")
        return cls(_locale(languages[:LONGEST_HEADER]), _zone(request.cookies.get(ZONE_COOKIE, "")))

    def money(self, amount_minor: int, currency: str) -> str:
        """`7500, usd` → `$75.00`, `75,00 $`, …"""
        amount = Decimal(in_major_units(amount_minor, currency))
        pattern = _money_pattern(self.locale, decimals(currency))
        written: str = pattern.apply(amount, self.locale, currency=currency.upper(), currency_digits=False)
        return written

    def number(self, value: int | Decimal) -> str:
        return format_decimal(value, locale=self.locale)

    def percent(self, share: float) -> str:
        return format_percent(share, format="#,##0.0%", locale=self.locale)

    def day(self, moment: datetime) -> str:
        return format_date(moment.astimezone(self._zone_info), format="long", locale=self.locale)

    def moment(self, moment: datetime) -> str:
        """To the minute; the page says once in which time zone."""
        return format_datetime(moment.astimezone(self._zone_info), format="medium", locale=self.locale)

    def short_day(self, day: date) -> str:
        """`Mar 3`, without its year."""
        return format_skeleton("MMMd", day, locale=self.locale)

    def month(self, moment: datetime) -> str:
        """Of a day in UTC, as the books count months."""
        return format_date(moment.astimezone(UTC), format="MMM y", locale=self.locale)

    def month_alone(self, moment: datetime) -> str:
        """The same without the year, where that is said beside it."""
        return format_date(moment.astimezone(UTC), format="LLL", locale=self.locale)

    def read_moment(self, text: str) -> datetime:
        """As a field for a date and a time sends it, which is without a zone. Raises ValueError."""
        moment = datetime.fromisoformat(text)
        if moment.year not in YEARS:
            raise ValueError(f"{moment.year} is no year of this program")
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone_info)

    @property
    def _zone_info(self) -> tzinfo:
        return UTC if self.zone == "UTC" else ZoneInfo(self.zone)


ReaderOfPage = Annotated[Reader, Depends(Reader.of)]


@lru_cache(maxsize=1024)
def _money_pattern(locale: Locale, digits: int) -> NumberPattern:
    """The locale's own, with as many digits as Stripe counts: of some currencies others than the locale's data says."""
    pattern: NumberPattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


@lru_cache(maxsize=1024)
def _locale(languages: str) -> Locale:
    """The first that is known of an Accept-Language (RFC 9110, 12.5.4), by its weights; English if there is none."""
    weighted = []
    for each in languages.split(","):
        tag, _, weight = each.partition(";")
        if wanted := _weight(weight.replace(" ", "")):
            weighted.append((wanted, tag.strip()))
    for _, tag in sorted(weighted, key=itemgetter(0), reverse=True):
        if found := _known(tag):
            return found
    return DEFAULT


def _weight(parameter: str) -> float:
    """`q=0.5`; 0: by no means, also if it is none."""
    if not parameter:
        return 1
    return float(parameter.removeprefix("q=")) if _WEIGHT.fullmatch(parameter) else 0


def _known(tag: str) -> Locale | None:
    """What we know of a language, without what it does not: `de-XX` is read as `de` (RFC 4647, 3.4)."""
    parts = tag.split("-")[:MOST_PARTS]
    for length in range(len(parts), 0, -1):
        try:
            found = Locale.parse("-".join(parts[:length]), sep="-")
        except (ValueError, TypeError, UnknownLocaleError):
            continue
        if found.language != "root":
            return found
    return None


@lru_cache(maxsize=1024)
def _zone(name: str) -> str:
    return name if name in _zones() else "UTC"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - NO_PLACES)
