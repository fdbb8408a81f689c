"""`ledger payout …`: looking at payouts and acting on one, as the process that a person starts."""

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from ledger import identifiers
from ledger.event_log import Draft, EventLog
from ledger.events import Happened, payout_tag
from ledger.history import about
from ledger.payouts import payout_fold as payouts
from ledger.payouts.intents import transfer_intent
from ledger.store import PostgresRecorder
from tests.api.running import a_bonus
from tests.cli.command import Command

PAYOUT = identifiers.payout_id("ben")


@pytest.fixture
def owed(ledger: Command) -> Command:
    """A ledger with one payout, owed to anna for ben."""
    facts = b"\n".join(orjson.dumps(each) for each in a_bonus())
    assert ledger.run("ingest", "-", given=facts).returncode == 0
    return ledger


def read(ledger: Command, *arguments: str) -> dict[str, Any]:
    done = ledger.run("payout", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_payout_is_looked_at_held_and_released(owed: Command) -> None:
    listed = owed.run("payout", "list").stdout
    assert f"{PAYOUT}  pending_transfer  75.00 USD to anna" in listed
    assert "No PayoutAccountUpdated recorded for the referrer. Who acts: referrer." in listed
    held = owed.run("payout", "hold", PAYOUT, "--reason", "looks odd", "--actor", "ada")
    assert (held.returncode, held.stdout.startswith("Recorded, at position ")) == (0, True)
    assert "so already" in owed.run("payout", "hold", PAYOUT, "--reason", "looks odd", "--actor", "ada").stdout
    shown = owed.run("payout", "show", PAYOUT).stdout
    assert "looks odd" in shown
    assert "PayoutHeld by ada" in shown
    released = read(owed, "release", PAYOUT, "--reason", "it is fine", "--actor", "ada")
    assert released.keys() == {"payout_id", "outcome", "approval", "position"}
    after = read(owed, "show", PAYOUT)
    assert (after["hold"], after["timeline"][-1]["type"]) == (None, "PayoutReleased")
    assert [each["data"]["role"] for each in after["timeline"][1:]] == ["command_line"] * 2


def test_a_payout_is_cancelled_by_two_persons(owed: Command) -> None:
    asked = owed.run("payout", "cancel", PAYOUT, "--reason", "fraud", "--actor", "ada")
    assert f"ledger payout approve {PAYOUT} 1" in asked.stdout
    assert "request 1 to cancel (open) by ada" in owed.run("payout", "approvals").stdout
    alone = owed.run("payout", "approve", PAYOUT, "1", "--reason", "I looked", "--actor", "ada")
    assert (alone.returncode, alone.stdout) == (1, "")
    assert alone.stderr == "ledger: second_person_needed: whoever asks for it cannot approve it\n"
    assert read(owed, "approve", PAYOUT, "1", "--reason", "I looked", "--actor", "bob")["outcome"] == "recorded"
    assert read(owed, "approvals")["items"] == []
    (cancelled,) = read(owed, "list", "--status", "cancelled")["items"]
    assert cancelled["payout_id"] == PAYOUT
    late = owed.run("payout", "retry", PAYOUT, "--reason", "please", "--actor", "ada")
    assert (late.returncode, late.stderr.count("\n")) == (1, 1)
    assert late.stderr.startswith("ledger: already_cancelled: ")


def test_on_a_payout_in_flight_an_action_waits_for_the_outcome_and_says_so(owed: Command) -> None:
    recorder = PostgresRecorder(owed.settings["DATABASE_URL"])
    log = EventLog(recorder)
    events, head = log.read([about(payout_tag(PAYOUT))])
    payout = payouts.fold(events)
    assert payout is not None
    sent = Happened(transfer_intent(payout, 1, "acct_ok_anna"), datetime.now(UTC))
    log.append([Draft(sent, "payout-process", "test", None)], [about(payout_tag(PAYOUT))], after=head)
    recorder.close()
    for action in ("retry", "reverse"):
        refused = owed.run("payout", action, PAYOUT, "--reason", "please", "--actor", "ada")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith("ledger: outcome_pending: attempt 1 is in flight")
    assert read(owed, "cancel", PAYOUT, "--reason", "fraud", "--actor", "ada")["outcome"] == "awaits_approval"
    assert read(owed, "approve", PAYOUT, "1", "--reason", "I looked", "--actor", "bob")["outcome"] == "recorded"
    shown = owed.run("payout", "show", PAYOUT).stdout
    assert "request 1 to cancel (approved, to be carried out) by ada" in shown
    assert "transfer_in_progress" in shown


def test_a_request_is_withdrawn_and_nobody_named_is_the_user_of_the_machine(owed: Command) -> None:
    me = Command(owed.folder, {**owed.settings, "LOGNAME": "grace"})
    assert read(me, "cancel", PAYOUT, "--reason", "fraud")["outcome"] == "awaits_approval"
    (request,) = read(me, "approvals")["items"]
    assert (request["requested_by"], request["number"]) == ("grace", 1)
    assert read(me, "refuse", PAYOUT, "1", "--reason", "no fraud")["outcome"] == "recorded"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("show", "pay_unheard"), 1, "no such payout: pay_unheard"),
        (("hold", "pay_unheard", "--reason", "x", "--actor", "ada"), 1, "no such payout: pay_unheard"),
        (("hold", PAYOUT, "--reason", " ", "--actor", "ada"), 2, "--reason"),
        (("hold", PAYOUT, "--reason", "a\nb", "--actor", "ada"), 2, "printable characters"),
        (("hold", PAYOUT, "--reason", "x", "--actor", "ada l"), 2, "--actor"),
        (("list", "--status", "lost"), 2, "--status is one of"),
    ],
)
def test_what_cannot_be_done_is_one_line(ledger: Command, arguments: tuple[str, ...], status: int, said: str) -> None:
    done = ledger.run("payout", *arguments)
    assert done.returncode == status
    line = done.stderr.splitlines()[-1]
    assert line.startswith("ledger: ")
    assert said in line


def test_an_action_without_a_reason_is_wrong_usage(bare_ledger: Command) -> None:
    done = bare_ledger.run("payout", "hold", PAYOUT)
    assert done.returncode == 2
    assert "--reason" in done.stderr
    assert not bare_ledger.data_dir.exists()
