"""The fold of a payout's events: nothing that is recorded of a payout is overlooked."""

from ledger.events import EVENT_TYPES, AboutPayout, BonusEarned
from ledger.payouts.payout_fold import CHANGES


def test_every_event_about_a_payout_has_its_change() -> None:
    """But the bonus: it is what makes the payout."""
    assert set(CHANGES) == {kind for kind in EVENT_TYPES.values() if issubclass(kind, AboutPayout)} - {BonusEarned}
