"""What happened in a run, in order: entries for the story of a payout, and counts for the summary."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass
class Chronicle:
    """`clock` gives seconds since the beginning."""

    clock: Callable[[], float] = lambda: 0.0
    counts: Counter[str] = field(default_factory=Counter)
    entries: list[tuple[float, str, str, str]] = field(default_factory=list)

    def tell(self, who: str, what: str, about: str = "") -> None:
        """One thing that happened. `about` is the payout it concerns, empty if it concerns them all."""
        self.entries.append((self.clock(), who, what, about))

    def count(self, what: str, times: int = 1) -> None:
        self.counts[what] += times

    def now(self) -> datetime:
        """The moment of the run as a date."""
        return BEGINNING + timedelta(seconds=self.clock())

    def story(self, payout_id: str | None = None) -> Iterator[str]:
        """The lines about one payout and about everybody; all lines if none is named."""
        for moment, who, what, about in self.entries:
            if payout_id is None or about in ("", payout_id):
                yield f"{_at(moment)}  {who:<12} {what}"


def payout_in(event: object) -> str:
    """The payout that an event is about, or nothing."""
    return getattr(event, "payout_id", "")


def _at(seconds: float) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{days:2.0f}d {hours:02.0f}:{minutes:02.0f}:{rest:09.6f}"
