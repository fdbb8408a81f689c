"""A ledger pays in one mode of Stripe's: in the sandbox, in test mode, or with real money.

WrongStripeMode   this ledger's payouts are made in another one
"""

from api.settings import Settings
from ledger.payouts.todo import TodoList
from ledger.store.connection import ConnectionSettings, open_pool

__all__ = ["WrongStripeMode", "require_stripe_mode"]

PAYS = {"sandbox": "in the sandbox", "test": "in Stripe's test mode", "live": "with real money"}


class WrongStripeMode(Exception):
    """To pay in test mode what is owed for real would have the log say that people were paid, and nobody would have the money."""

    def __init__(self, fixed: str, ours: str) -> None:
        super().__init__(
            f"this ledger pays {PAYS[fixed]}, and STRIPE_API_KEY would pay {PAYS[ours]}: "
            "use a key of the same mode, or another database"
        )


def require_stripe_mode(settings: Settings, url: str) -> None:
    """The first to pay sets the mode. Raises WrongStripeMode, or psycopg's errors while the database cannot be reached."""
    with open_pool(url, ConnectionSettings("ledger worker"), max_size=1) as pool:
        fixed = TodoList(pool).pay_in_mode(settings.stripe_mode)
    if fixed != settings.stripe_mode:
        raise WrongStripeMode(fixed, settings.stripe_mode)
