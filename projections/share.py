"""How a log is folded by several processes at once: each takes whole journeys, so no row but sums concerns two of them."""

from dataclasses import dataclass

from psycopg.sql import SQL, Composed, Literal

__all__ = ["Share"]

# A journey is known by the first letter of its referral's id, or by its place in the alphabet: that of the referral which the event
# names, or of the referred instructor, from whom the id is derived (see ledger.identifiers); else of a Stripe account.
_CONDITION = SQL(
    "coalesce("
    "mod(CASE WHEN data ? 'referral_id'"
    " THEN strpos('abcdefghijklmnopqrstuvwxyz234567', substr(data ->> 'referral_id', 5, 1))"
    " ELSE (get_byte(sha256(convert_to("
    "'ref:' || coalesce(data ->> 'instructor_id', data ->> 'stripe_account_id'), 'UTF8')), 0) >> 3) + 1"
    " END, {of}) = {number}, true)"
)


@dataclass(frozen=True, slots=True)
class Share:
    """One of `of` shares, from 0. What concerns no journey (terms, periods) belongs to each: it moves no sums."""

    number: int
    of: int

    @property
    def condition(self) -> Composed:
        """For PostgreSQL, which then hands a process its own events and no others."""
        return _CONDITION.format(of=Literal(self.of), number=Literal(self.number))
