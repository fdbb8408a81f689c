"""The classes of lines, in the words of the pages."""

from collections.abc import Mapping

from ledger.events import Book, LineClass

__all__ = ["BOOKS", "CLASSES"]

BOOKS: Mapping[Book, str] = {"log": "The log against Stripe", "bank": "The bank statement against Stripe"}

CLASSES: Mapping[LineClass, str] = {
    LineClass.MATCHED: "On both sides, with the same amount",
    LineClass.TIMING: "On one side, and so new or so near an end of the range that the other side may have it beyond",
    LineClass.MISSING_AT_STRIPE: "Ours, and not at Stripe",
    LineClass.MISSING_AT_BANK: "At Stripe, and not on the bank statement",
    LineClass.UNKNOWN_TO_US: "At Stripe, and not on our log",
    LineClass.AMOUNT_DIFFERS: "The same thing with another amount",
    LineClass.RECIPIENT_DIFFERS: "The same thing, to another account or for another payout",
    LineClass.DUPLICATE: "The same thing a second time",
    LineClass.OTHER_AT_STRIPE: "What our books do not keep, like fees and top-ups",
}
