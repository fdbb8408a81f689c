"""Read models of the release before held Stripe's text on a refused payment: the upgrade itself, its SQL on such tables."""

from pathlib import Path

import migrations
from ledger.events import BankPayoutReported
from projections.rebuild import compare_with_replay
from tests.projections.conftest import SmallLedger


def reported(account: str, code: str | None) -> BankPayoutReported:
    return BankPayoutReported(
        stripe_account_id=account,
        bank_payout_id="po_1",
        status="paid" if code is None else "failed",
        amount_minor=7500,
        currency="usd",
        failure_code=code,
        failure_message=code and f"Stripe said {code}.",
        stripe_event_id=f"evt_{account}_{code}",
    )


def test_the_code_of_what_was_refused_before_the_upgrade_is_found_on_the_log(ledger: SmallLedger) -> None:
    said = [
        ("acct_1", "declined"),
        ("acct_1", "no_account"),
        ("acct_2", "declined"),
        ("acct_2", None),
        ("acct_3", None),
    ]
    ledger.record(*(reported(account, code) for account, code in said))
    ledger.projector.catch_up()
    sql = (Path(migrations.__file__).parent / "versions" / "0012_why_a_bank_refused.sql").read_text()
    with ledger.owner_pool.connection() as connection:
        connection.execute(
            "ALTER TABLE read_model.bank_account DROP COLUMN failure_code, ADD COLUMN failure_message text"
        )
        connection.execute("UPDATE read_model.bank_account SET failure_message = 'Stripe said' WHERE status = 'failed'")
        connection.execute(sql)
        rows = connection.execute("SELECT stripe_account_id, failure_code FROM read_model.bank_account ORDER BY 1")
        assert rows.fetchall() == [("acct_1", "no_account"), ("acct_2", None), ("acct_3", None)]
    assert compare_with_replay(ledger.owner_pool, ledger.log) == []
