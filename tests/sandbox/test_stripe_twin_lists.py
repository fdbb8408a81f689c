"""What the twin shows of what happened: lists, reports, and the world that changes around them."""

import csv
import io
from collections.abc import Iterator

import pytest

from sandbox.stripe_twin import accounts, reports
from tests.sandbox.stripe_twin_platform import DAY, Platform, body, error, ids


@pytest.fixture
def platform() -> Iterator[Platform]:
    platform = Platform(balance_minor=100_000)
    yield platform
    platform.store.close()


def test_lists_are_newest_first_and_page_by_id_in_both_directions(platform: Platform) -> None:
    made = [body(platform.pay(f"k{number}", amount=1))["id"] for number in range(5)]
    newest_first = made[::-1]

    page = platform.get("/v1/transfers?limit=2")
    assert (ids(page), body(page)["has_more"]) == (newest_first[:2], True)
    page = platform.get(f"/v1/transfers?limit=3&starting_after={newest_first[1]}")
    assert (ids(page), body(page)["has_more"]) == (newest_first[2:], False)
    page = platform.get(f"/v1/transfers?limit=2&ending_before={newest_first[3]}")
    assert (ids(page), body(page)["has_more"]) == (newest_first[1:3], True)


def test_transfers_are_filtered_by_time_destination_and_group_only(platform: Platform) -> None:
    start = int(platform.clock())
    first = body(platform.pay("k1", transfer_group="payout_1"))["id"]
    platform.clock.advance(60)
    second = body(platform.pay("k2", destination="acct_ok2", transfer_group="payout_2"))["id"]

    assert ids(platform.get(f"/v1/transfers?created[gte]={start}&created[lt]={start + 60}")) == [first]
    assert ids(platform.get(f"/v1/transfers?created={start + 60}")) == [second]
    assert ids(platform.get("/v1/transfers?destination=acct_ok2")) == [second]
    assert ids(platform.get("/v1/transfers?transfer_group=payout_1")) == [first]
    assert ids(platform.get("/v1/transfers?transfer_group=payout_1&destination=acct_ok2")) == []
    for query in ("metadata[payout_id]=1", "created[since]=1"):
        assert error(platform.get(f"/v1/transfers?{query}"))[1] == "parameter_unknown"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "starting_after=tr_1", "starting_after=a&ending_before=b", "created[gt]=x"],
)
def test_wrong_paging_is_refused(platform: Platform, query: str) -> None:
    assert platform.get(f"/v1/transfers?{query}").status == 400


def test_events_are_kept_for_thirty_days_and_filtered_by_type(platform: Platform) -> None:
    platform.pay("k1")
    old = ids(platform.get("/v1/events?type=transfer.created"))[0]
    platform.clock.advance(30 * DAY + 1)
    platform.pay("k2")

    assert len(ids(platform.get("/v1/events?type=transfer.*"))) == 1
    assert len(ids(platform.get("/v1/events?types[]=transfer.created&types[]=payout.paid"))) == 1
    assert platform.get(f"/v1/events/{old}").status == 404


def test_balance_transactions_are_found_by_source_and_type(platform: Platform) -> None:
    transfer = body(platform.pay("k"))["id"]
    found = body(platform.get(f"/v1/balance_transactions?source={transfer}&type=transfer&currency=usd"))["data"]
    assert [(row["source"], row["amount"]) for row in found] == [(transfer, -7500)]


# The world around


def test_an_account_that_changes_says_so(platform: Platform) -> None:
    world = platform.twin.world
    assert platform.pay("k1", destination="acct_inactive1").status == 400
    accounts.change(world, "acct_inactive1", transfers="active")
    assert platform.pay("k2", destination="acct_inactive1").status == 200

    event = body(platform.get("/v1/events?type=capability.updated"))["data"][0]
    assert (event["account"], event["data"]["object"]["status"]) == ("acct_inactive1", "active")
    event = body(platform.get("/v1/events?type=account.updated"))["data"][0]
    assert event["data"]["object"]["capabilities"]["transfers"] == "active"
    assert accounts.change(world, "acct_created_here").transfers == "active"


def test_a_connected_account_pays_out_to_its_bank_by_itself_unless_the_money_is_gone() -> None:
    platform = Platform(bank_payout_after_seconds=2 * DAY)
    kept = body(platform.pay("k1", amount=5000))["id"]
    reversed_one = body(platform.pay("k2", destination="acct_ok2"))["id"]
    platform.post(f"/v1/transfers/{reversed_one}/reversals", "r")
    platform.clock.advance(2 * DAY)

    paid = body(platform.get("/v1/events?type=payout.paid"))["data"]
    assert [(event["account"], event["data"]["object"]["amount"]) for event in paid] == [("acct_ok1", 5000)]
    assert platform.balance("acct_ok1") == 0
    assert body(platform.get(f"/v1/transfers/{kept}"))["reversed"] is False
    platform.store.close()


def test_a_failed_bank_payout_leaves_the_money_where_it_was(platform: Platform) -> None:
    platform.pay("k")
    accounts.pay_out_to_bank(platform.twin.world, "acct_ok1", 7500, "usd", "account_closed")
    payout = body(platform.get("/v1/events?type=payout.failed"))["data"][0]["data"]["object"]
    assert (payout["status"], payout["failure_code"]) == ("failed", "account_closed")
    assert platform.balance("acct_ok1") == 7500


def test_the_activity_report_is_in_major_units_and_adds_up_to_the_balance(platform: Platform) -> None:
    transfer = body(platform.pay("k", description="bonus, with a comma"))["id"]
    platform.post(f"/v1/transfers/{transfer}/reversals", "r", amount=2550)

    rows = list(csv.DictReader(io.StringIO(reports.activity(platform.twin.world))))
    assert [(row["reporting_category"], row["net"]) for row in rows] == [
        ("topup", "1000.00"),
        ("transfer", "-75.00"),
        ("transfer_reversal", "25.50"),
    ]
    assert rows[1]["source_id"] == transfer
    assert rows[1]["connected_account_id"] == "acct_ok1"
    assert rows[1]["created_utc"] == "2026-03-01 09:00:00"
    assert sum(round(float(row["net"]) * 100) for row in rows) == platform.balance()
    now = int(platform.clock())
    assert len(reports.activity(platform.twin.world, now + 1).splitlines()) == 1
