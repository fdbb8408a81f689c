"""What the twin answers, asked in process, where its time is ours."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stripe_twin import Answer, Limits, Request, Settings, Twin, accounts, books, reports
from tests.sandbox.stripe_twin_platform import DAY, KEY, Platform, body, error, ids

METADATA: Any = {"metadata[payout_id]": "p1"}
TWO_ENTRIES: Any = {"metadata[a]": "1", "metadata[b]": "2"}


@pytest.fixture
def platform() -> Iterator[Platform]:
    platform = Platform(balance_minor=100_000)
    yield platform
    platform.store.close()


# Transfers


def test_a_transfer_debits_the_platform_credits_the_destination_and_leaves_its_traces(platform: Platform) -> None:
    transfer = body(platform.pay("k", transfer_group="payout_p1", **METADATA))

    assert (transfer["object"], transfer["amount"], transfer["reversed"]) == ("transfer", 7500, False)
    assert "status" not in transfer
    assert (platform.balance(), platform.balance("acct_ok1")) == (92_500, 7500)
    transaction = body(platform.get(f"/v1/balance_transactions/{transfer['balance_transaction']}"))
    assert (transaction["net"], transaction["type"], transaction["source"]) == (-7500, "transfer", transfer["id"])
    event = body(platform.get("/v1/events?type=transfer.created"))["data"][0]
    assert event["data"]["object"] == transfer
    assert event["request"]["idempotency_key"] == "k"
    assert [shown["net"] for shown in reports.transfers_by_payout(platform.twin.world)["p1"]] == [7500]


@pytest.mark.parametrize(
    ("destination", "amount", "refusal"),
    [
        ("acct_inactive1", 7500, (400, "insufficient_capabilities_for_transfer", "destination")),
        ("acct_closed1", 7500, (400, "account_closed", "destination")),
        ("acct_nobody", 7500, (400, "resource_missing", "destination")),
        ("acct_ok1", 100_001, (400, "balance_insufficient", None)),
    ],
)
def test_a_declined_transfer_moves_nothing(
    platform: Platform, destination: str, amount: int, refusal: tuple[int, str, str | None]
) -> None:
    assert error(platform.pay("k", destination=destination, amount=amount)) == refusal
    assert platform.balance() == 100_000
    assert platform.transfers() == []


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [
        ({"status": "paid"}, (400, "parameter_unknown", "status")),
        ({"amount": "seventy"}, (400, "parameter_invalid_integer", "amount")),
        ({"amount": "75.00"}, (400, "parameter_invalid_integer", "amount")),
        ({"amount": "0"}, (400, "parameter_invalid_integer", "amount")),
        ({"amount": ""}, (400, "parameter_invalid_empty", "amount")),
        ({"currency": "doubloons"}, (400, None, "currency")),
        ({"metadata[a][b]": "1"}, (400, None, "metadata")),
        ({"metadata": "text"}, (400, None, "metadata")),
        ({"source_type": "gold"}, (400, None, "source_type")),
        ({"expand[]": "amount"}, (400, None, "expand")),
        ({"source_transaction": "ch_1"}, (400, "resource_missing", "source_transaction")),
        ({"amount[": "1"}, (400, None, "amount[")),
    ],
)
def test_wrong_parameters_are_named(
    platform: Platform, parameters: dict[str, str], refusal: tuple[int, str | None, str]
) -> None:
    given = {"amount": "7500", "currency": "usd", "destination": "acct_ok1", **parameters}
    assert error(platform.post("/v1/transfers", None, **given)) == refusal


def test_a_missing_parameter_is_named(platform: Platform) -> None:
    answer = platform.post("/v1/transfers", None, amount=1, currency="usd")
    assert error(answer) == (400, "parameter_missing", "destination")


def test_metadata_and_description_can_be_changed_and_unset(platform: Platform) -> None:
    transfer = body(platform.pay("k", description="bonus", **TWO_ENTRIES))
    path = f"/v1/transfers/{transfer['id']}"

    changed = body(platform.post(path, "u1", description="", **{"metadata[a]": "", "metadata[c]": "3"}))
    assert (changed["metadata"], changed["description"]) == ({"b": "2", "c": "3"}, None)
    event = body(platform.get("/v1/events?type=transfer.updated"))["data"][0]
    assert event["data"]["previous_attributes"]["metadata"] == {"a": "1", "b": "2"}

    assert body(platform.post(path, "u2", metadata=""))["metadata"] == {}


def test_expanding_puts_objects_in_place_of_ids(platform: Platform) -> None:
    platform.pay("k")
    query = "/v1/transfers?expand[]=data.destination&expand[]=data.balance_transaction.source"
    transfer = body(platform.get(query))["data"][0]
    assert transfer["destination"]["capabilities"]["transfers"] == "active"
    assert transfer["balance_transaction"]["source"]["id"] == transfer["id"]


# Reversals


def test_reversals_are_partial_and_repeatable_and_never_more_than_was_moved(platform: Platform) -> None:
    path = f"/v1/transfers/{body(platform.pay('k'))['id']}"

    first = body(platform.post(f"{path}/reversals", "r1", amount=2500))
    halfway = body(platform.get(path))
    assert (halfway["amount_reversed"], halfway["reversed"]) == (2500, False)
    assert [reversal["id"] for reversal in halfway["reversals"]["data"]] == [first["id"]]

    assert error(platform.post(f"{path}/reversals", "r2", amount=5001)) == (400, "amount_too_large", "amount")
    platform.post(f"{path}/reversals", "r3")
    done = body(platform.get(path))
    assert (done["amount_reversed"], done["reversed"]) == (7500, True)
    assert error(platform.post(f"{path}/reversals", "r4"))[0] == 400

    assert (platform.balance(), platform.balance("acct_ok1")) == (100_000, 0)
    assert len(ids(platform.get("/v1/events?type=transfer.reversed"))) == 2
    assert len(ids(platform.get(f"{path}/reversals"))) == 2
    categories = [row["reporting_category"] for row in body(platform.get("/v1/balance_transactions"))["data"]]
    assert categories == ["transfer_reversal", "transfer_reversal", "transfer", "topup"]


def test_a_reversal_needs_the_money_to_be_there_still(platform: Platform) -> None:
    transfer = body(platform.pay("k"))["id"]
    accounts.pay_out_to_bank(platform.twin.world, "acct_ok1", 5000, "usd")
    assert error(platform.post(f"/v1/transfers/{transfer}/reversals", "r")) == (400, "balance_insufficient", None)


# Idempotency


def test_a_replay_is_the_same_to_the_byte_and_marked(platform: Platform) -> None:
    first, second = platform.pay("k"), platform.pay("k")

    assert (second.status, second.body) == (first.status, first.body)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request"] == first.headers["Request-Id"] != second.headers["Request-Id"]
    assert len(platform.transfers()) == 1


def test_a_decline_is_replayed_even_when_its_cause_is_gone(platform: Platform) -> None:
    declined = platform.pay("k", amount=150_000)
    books.top_up(platform.twin.world, 100_000, "usd")

    assert platform.pay("k", amount=150_000).body == declined.body
    assert platform.pay("another", amount=150_000).status == 200


def test_refused_parameters_leave_the_key_free(platform: Platform) -> None:
    assert platform.pay("k", amount=0).status == 400
    assert platform.pay("k", amount=7500).status == 200


def test_a_key_in_progress_is_a_conflict_until_its_request_has_ended(platform: Platform) -> None:
    request = platform.request("/v1/transfers", "k", amount=1, currency="usd", destination="acct_ok1")
    call = platform.twin.receive(request)

    conflict = platform.pay("k", amount=1)
    assert error(conflict) == (409, "idempotency_key_in_use", None)
    assert conflict.headers["Stripe-Should-Retry"] == "true"

    platform.twin.execute(call)
    assert platform.pay("k", amount=1).headers["Idempotent-Replayed"] == "true"


def test_a_key_means_one_request_only(platform: Platform) -> None:
    platform.pay("k")
    for misuse in (platform.pay("k", amount=5000), platform.post("/v1/transfers/tr_1/reversals", "k")):
        assert (misuse.status, body(misuse)["error"]["type"]) == (400, "idempotency_error")
    assert len(platform.transfers()) == 1


def test_a_key_lives_at_least_a_day_and_at_most_two(platform: Platform) -> None:
    platform.pay("k")
    platform.clock.advance(DAY - 1)
    assert platform.pay("k").headers["Idempotent-Replayed"] == "true"

    platform.clock.advance(DAY + 1)
    assert "Idempotent-Replayed" not in platform.pay("k").headers
    assert len(platform.transfers()) == 2, "the same request after two days is a new one: it pays again"


def test_keys_are_pruned_at_ages_that_nobody_can_rely_on(platform: Platform) -> None:
    for number in range(40):
        platform.pay(f"k{number}", amount=1)
    platform.clock.advance(1.5 * DAY)
    replayed = sum("Idempotent-Replayed" in platform.pay(f"k{number}", amount=1).headers for number in range(40))
    assert 0 < replayed < 40


def test_saved_answers_and_ids_outlive_a_restart(platform: Platform) -> None:
    first = platform.pay("k")
    platform.twin = Twin(platform.store, Settings(KEY, balance_minor=100_000), clock=platform.clock, seed=7)

    assert platform.pay("k").body == first.body
    assert body(platform.pay("k2"))["id"] != body(first)["id"]
    assert platform.balance() == 100_000 - 2 * 7500, "the opening balance is credited once"


# Access


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer sk_test_wrong", "Basic !!!", "Basic c2tfdGVzdA=="])
def test_nobody_is_served_without_the_key(platform: Platform, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    outcome = platform.twin.handle(Request("GET", "/v1/balance", "", headers))
    assert isinstance(outcome, Answer)
    assert outcome.status == 401
    assert KEY.encode() not in outcome.body


def test_what_is_not_there_is_404_and_a_strange_account_403(platform: Platform) -> None:
    assert platform.get("/v1/charges").status == 404
    assert error(platform.get("/v1/transfers/tr_1")) == (404, "resource_missing", "id")
    assert error(platform.get("/v1/accounts/acct_strange")) == (403, "account_invalid", None)


def test_the_asked_version_is_echoed_and_a_wrong_one_refused(platform: Platform) -> None:
    assert platform.get("/v1/balance").headers["Stripe-Version"] == "2026-10-28.endive"
    asked = platform.get("/v1/balance", **{"stripe-version": "2025-03-31.basil"})
    assert asked.headers["Stripe-Version"] == "2025-03-31.basil"
    assert platform.get("/v1/balance", **{"stripe-version": "latest"}).status == 400


def test_a_connected_account_has_a_balance_of_its_own(platform: Platform) -> None:
    platform.pay("k")
    on_behalf = {"stripe-account": "acct_ok1"}
    assert body(platform.get("/v1/balance", **on_behalf))["available"][0]["amount"] == 7500
    assert body(platform.get("/v1/balance_transactions", **on_behalf))["data"][0]["type"] == "payment"
    assert platform.get("/v1/transfers", **on_behalf).status == 400


def test_limits_refuse_with_their_reason_and_recover() -> None:
    platform = Platform(limits=Limits(endpoint_rate=2, endpoint_concurrency=3))
    answers = [platform.pay(f"k{number}") for number in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert platform.get("/v1/balance").status == 200

    platform.clock.advance(10)
    assert platform.pay("k2").headers.get("Idempotent-Replayed") is None, "a 429 saves nothing"
    for number in range(3):
        platform.clock.advance(1)
        platform.twin.receive(
            platform.request("/v1/transfers", f"w{number}", amount=1, currency="usd", destination="acct_ok1")
        )
    platform.clock.advance(1)
    assert platform.pay("one_more").headers["Stripe-Rate-Limited-Reason"] == "endpoint-concurrency"
    platform.store.close()
