"""What finance and auditors read: totals, payouts with their timeline, and the log itself."""

from typing import Any

from ledger.event_log import Draft
from ledger.events import BonusEarned, Happened, TransferRequested, TransferSettled, payout_tag
from ledger.history import about
from tests.api.running import Ledger, a_bonus, fact


def pay(ledger: Ledger, payout_id: str) -> None:
    """What the payout process records of a payment that went well."""
    events, head = ledger.services.log.read([about(payout_tag(payout_id))])
    bonus = events[0].event
    assert isinstance(bonus, BonusEarned)
    story: dict[str, Any] = {"payout_id": payout_id, "referral_id": bonus.referral_id, "referrer_id": bonus.referrer_id}
    money: dict[str, Any] = {
        "amount_minor": bonus.amount_minor,
        "currency": bonus.currency,
        "destination": "acct_ok_anna",
    }
    requested = TransferRequested(**story, **money, attempt=1, idempotency_key="k", transfer_group="g", metadata={})
    settled = TransferSettled(**story, **money, attempt=1, transfer_id="tr_1")
    drafts = [
        Draft(Happened(event, events[0].recorded_at), "payout-process", "test", None) for event in (requested, settled)
    ]
    ledger.services.log.append(drafts, [about(payout_tag(payout_id))], after=head)


def test_totals_are_those_of_the_contract(ledger: Ledger) -> None:
    ledger.know(*a_bonus(), fact("signed_up", "carl", referral_code="ANNA"))
    answer = ledger.get("/finance/totals", "finance")
    assert answer.json() == {
        "statuses": {"pending_live": 1, "pending_transfer": 1},
        "bonuses": {"founding": 1, "standard": 0},
        "money_minor": {"earned_minor": 7500, "paid_minor": 0, "pending_minor": 7500, "failed_minor": 0},
        "currency": "usd",
        "position": ledger.head,
    }
    assert answer.headers["Ledger-Position"] == str(ledger.head)


def test_payouts_carry_the_codes_that_operators_work_by(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    (payout,) = ledger.get("/payouts", "finance").json()["items"]
    assert (payout["status"], payout["reason"], payout["who"]) == ("pending_transfer", "no_payout_account", "referrer")
    assert (payout["referrer_id"], payout["referred_id"], payout["amount_minor"]) == ("anna", "ben", 7500)


def test_payouts_are_filtered_and_paged(ledger: Ledger) -> None:
    ledger.know(*a_bonus("anna", "ben", "ANNA"), *a_bonus("carla", "dan", "CARLA"))
    more = [*a_bonus("anna", "emil", "ANNA")[1:], *a_bonus("anna", "fritz", "ANNA")[1:]]
    ledger.know(*more)
    annas = ledger.get("/payouts", "finance", referrer_id="anna").json()
    assert ([item["referred_id"] for item in annas["items"]], annas["next_cursor"]) == (["fritz", "emil", "ben"], None)
    first = ledger.get("/payouts", "finance", limit=2).json()
    rest = ledger.get("/payouts", "finance", limit=2, cursor=first["next_cursor"]).json()
    assert [item["referred_id"] for item in first["items"] + rest["items"]] == ["fritz", "emil", "dan", "ben"]
    assert rest["next_cursor"] is None
    assert ledger.get("/payouts", "finance", status="paid").json()["items"] == []
    elsewhere = ledger.get("/payouts", "finance", limit=2, status="paid", cursor=first["next_cursor"])
    assert elsewhere.json()["code"] == "bad_cursor"


def test_a_payout_has_its_timeline(ledger: Ledger) -> None:
    ledger.know(
        *a_bonus(), fact("payout_account_updated", "anna", stripe_account_id="acct_ok_anna", transfers_active=True)
    )
    (payout,) = ledger.get("/payouts", "finance").json()["items"]
    pay(ledger, payout["payout_id"])
    path = f"/payouts/{payout['payout_id']}"
    before = ledger.get(path, "finance").json()
    assert (before["status"], [event["type"] for event in before["timeline"]]) == ("pending_transfer", ["BonusEarned"])
    ledger.projector.catch_up()
    answer = ledger.get(path, "finance")
    after = answer.json()
    assert (after["status"], after["transfer_id"], after["reason"]) == ("paid", "tr_1", "paid")
    assert [event["type"] for event in after["timeline"]] == ["BonusEarned", "TransferRequested", "TransferSettled"]
    assert after["timeline"][-1]["actor"] == "payout-process"
    assert answer.headers["Ledger-Position"] == str(ledger.head)


def test_an_unknown_payout_is_not_found_as_of_a_position(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    answer = ledger.get("/payouts/pay_abc", "finance")
    assert (answer.status_code, answer.headers["Ledger-Position"]) == (404, str(ledger.head))


def test_the_log_is_read_from_its_first_event_to_its_last(ledger: Ledger) -> None:
    ledger.send(a_bonus())
    positions, cursor = [], None
    while True:
        page = ledger.get("/audit/events", "auditor", limit=4, **({"cursor": cursor} if cursor else {})).json()
        positions += [event["position"] for event in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert positions == list(range(1, ledger.head + 1))


def test_an_event_has_its_whole_envelope(ledger: Ledger) -> None:
    issued = fact("referral_code_issued", "anna", code="ANNA")
    ledger.send([issued])
    (event,) = ledger.get("/audit/events", "auditor").json()["items"]
    assert event["type"] == "ReferralCodeIssued"
    assert event["data"] == {"instructor_id": "anna", "code": "ANNA"}
    assert event["tags"] == ["instructor:anna", "code:ANNA"]
    assert event["occurred_at"] == issued["time"]
    assert (event["causation_id"], event["schema_version"]) == (f"/tests#{issued['id']}", 1)
    assert {"event_id", "recorded_at", "correlation_id", "actor", "position"} < set(event)


def test_the_log_is_filtered_by_type_tag_payout_and_position(ledger: Ledger) -> None:
    ledger.know(*a_bonus())
    (payout,) = ledger.get("/payouts", "finance").json()["items"]

    def types(**filters: Any) -> list[str]:
        return [event["type"] for event in ledger.get("/audit/events", "finance", **filters).json()["items"]]

    assert types(type="BonusEarned") == ["BonusEarned"]
    assert types(type=["BonusEarned", "InstructorWentLive"]) == ["InstructorWentLive", "BonusEarned"]
    assert types(tag="code:ANNA") == ["ReferralCodeIssued"]
    assert types(tag=["instructor:ben", "referrer:anna"]) == ["ReferralAttributed", "BonusEarned"]
    assert types(payout_id=payout["payout_id"]) == ["BonusEarned"]
    assert types(instructor_id="anna") == ["ReferralCodeIssued"]
    assert types(after=ledger.head - 1) == ["BonusEarned"]
    assert types(type="NoSuchType") == []


def test_auditors_read_what_was_just_recorded(ledger: Ledger) -> None:
    position = ledger.send(a_bonus()).json()["position"]
    answer = ledger.get("/audit/events", "auditor", min_position=position)
    assert answer.headers["Ledger-Position"] == str(position)
