"""Explained: what happened, because of what, why this amount, and which request to Stripe it led to; and totals to the cent."""

import re
from collections.abc import Callable

import psycopg
import pytest

import projections.story
from api.cli import story_screen
from ledger import identifiers
from ledger.event_log import Draft
from ledger.events import (
    BonusEarned,
    Happened,
    HoldReason,
    PayoutHeld,
    ProgramTermsSet,
    ReversalFailed,
    ReversalRequested,
    payout_tag,
)
from ledger.history import about
from ledger.identifiers import payout_id, referral_id
from ledger.set_terms import set_terms
from projections.replay import Replay
from projections.story import Stories
from projections.story_views import Story
from tests.projections.conftest import NOW, SmallLedger
from tests.projections.lively import came_back, declined, live, record, requested, settled, unknown

ACCOUNT = ("payout_account_updated", "anna", {"stripe_account_id": "acct_anna", "transfers_active": True})
NO_FUNDS = "balance_insufficient, HTTP 400. Insufficient funds in your Stripe balance."


@pytest.fixture
def explain(ledger: SmallLedger) -> Callable[[str], Story]:
    stories = Stories(ledger.log, ledger.read_models, Replay(ledger.log), lambda: NOW)

    def explained(name: str) -> Story:
        ledger.projector.catch_up()
        story = stories.explain(name)
        assert story is not None
        return story

    return explained


def bonus_for(ledger: SmallLedger, referrer: str, referred: str) -> BonusEarned:
    ledger.earn_bonus(referrer, referred)
    found = ledger.log.read([about(payout_tag(payout_id(referred)), BonusEarned)])[0][0].event
    assert isinstance(found, BonusEarned)
    return found


def told(story: Story) -> list[str]:
    """Each line in short: position, who, what; then what is said of it, and the request to Stripe with its answers."""
    lines = []
    for line in story.lines:
        lines.append(f"{line.position} {line.actor}: {line.sentence}")
        lines += [f"   why: {line.why_this_amount}"] if line.why_this_amount else []
        lines += [f"   because of {line.because}"] if line.because else []
        if (call := line.stripe_call) is not None:
            lines.append(f"   Stripe: {call.call} {call.amount_minor} {call.currency}, key {call.idempotency_key}")
            lines.append(f"   to {call.destination or call.transfer_id}, group {call.transfer_group}")
            lines += [f"   answer at {each.position}: {each.answer} {each.request_id or ''}" for each in call.answers]
    return [line.replace(payout_id("ben"), "pay_BEN").replace(referral_id("ben"), "ref_BEN").rstrip() for line in lines]


def test_the_story_of_a_payout_that_was_declined_and_then_paid(
    ledger: SmallLedger, explain: Callable[[str], Story]
) -> None:
    set_terms(ledger.log, ProgramTermsSet(founding_cap=3, founding_bonus_minor=9900, standard_bonus_minor=100, currency="usd"),
              actor="ada", now=NOW)  # fmt: skip
    ledger.tell(ACCOUNT)
    bonus = bonus_for(ledger, "anna", "ben")
    first, second = requested(bonus), requested(bonus, 2)
    for event in (first, declined(first), second, unknown(second), settled(second)):
        record(ledger.log, event)

    story = explain(bonus.payout_id)

    assert told(story) == [
        "2 tests: anna is paid to acct_anna, which can receive transfers.",
        "   because of event evt-0 from /tests",
        "3 tests: anna got the referral code CODE-anna.",
        "   because of event evt-0 from /tests",
        "4 tests: ben signed up with the code CODE-anna of anna.",
        "   because of event evt-1 from /tests",
        "5 tests: ben went live.",
        "   because of event evt-2 from /tests",
        "7 tests: ben completed a first lesson (les-ben).",
        "   because of event evt-3 from /tests",
        "8 tests: anna earned 99.00 USD for ben; it is owed as pay_BEN.",
        "   why: The 1st of 3 founding spots, by the terms of position 1: 99.00 USD founding, 1.00 USD standard.",
        "   because of first lesson completed (position 7)",
        "9 payout-process: Attempt 1 was about to begin: 99.00 USD to acct_anna.",
        "   why: The amount of the bonus, whatever the terms are by now.",
        "   because of bonus earned (position 8)",
        "   Stripe: create transfer 9900 usd, key payout:pay_BEN:a1",
        "   to acct_anna, group payout_pay_BEN",
        "   answer at 10: declined: balance_insufficient, HTTP 400 req_1",
        f"10 payout-process: Stripe declined attempt 1, and no money moved: {NO_FUNDS}",
        "   because of transfer requested (position 9)",
        "11 payout-process: Attempt 2 was about to begin: 99.00 USD to acct_anna.",
        "   why: The amount of the bonus, whatever the terms are by now.",
        "   because of transfer failed (position 10)",
        "   Stripe: create transfer 9900 usd, key payout:pay_BEN:a2",
        "   to acct_anna, group payout_pay_BEN",
        "   answer at 12: no answer: timeout",
        "   answer at 13: transfer tr_pay_BEN",
        "12 payout-process: What became of attempt 2 is not known: there was no answer (timeout). The money may have moved.",
        "   because of transfer requested (position 11)",
        "13 payout-process: 99.00 USD were paid to acct_anna: Stripe holds transfer tr_pay_BEN.",
        "   because of transfer outcome unknown (position 12)",
    ]
    assert story.headline == "99.00 USD owed to anna (founding), for referring ben."
    assert story.now is not None
    assert (story.now.status, story.now.reason) == ("paid", "paid")


def test_a_referral_its_payout_and_its_transfer_are_one_story(
    ledger: SmallLedger, explain: Callable[[str], Story]
) -> None:
    bonus = bonus_for(ledger, "anna", "ben")
    record(ledger.log, requested(bonus))
    record(ledger.log, settled(requested(bonus)))
    names = {"referral": bonus.referral_id, "payout": bonus.payout_id, "transfer": f"tr_{bonus.payout_id}"}
    stories = {kind: explain(name) for kind, name in names.items()}

    assert {kind: story.kind for kind, story in stories.items()} == {kind: kind for kind in names}
    assert len({story.lines for story in stories.values()}) == 1
    assert stories["referral"].headline == "anna referred ben, and earned 75.00 USD (founding)."
    assert stories["transfer"].headline == f"75.00 USD to acct_anna, for {bonus.payout_id} of anna."
    for kind, story in stories.items():
        assert set(story.see_also) == {*names.values(), "anna", "ben"} - {names[kind]}


def test_the_story_of_a_payment_that_was_taken_back(ledger: SmallLedger, explain: Callable[[str], Story]) -> None:
    bonus = bonus_for(ledger, "anna", "ben")

    def reversal(number: int, amount_minor: int) -> ReversalRequested:
        key = identifiers.reversal_key(bonus.payout_id, number)
        return ReversalRequested.of(
            bonus, number=number, idempotency_key=key, transfer_id=f"tr_{bonus.payout_id}",
            amount_minor=amount_minor, currency="usd", metadata={},
        )  # fmt: skip

    refused = ReversalFailed.of(
        bonus, number=1, stripe_code="insufficient_funds", http_status=400, message="No.", request_id="req_9"
    )
    start = ledger.log.recorder.head()
    for event in (
        requested(bonus), settled(requested(bonus)), came_back(bonus, 500, 500),
        reversal(1, 7000), refused, reversal(2, 7000), came_back(bonus, 7000, 7500),
    ):  # fmt: skip
        record(ledger.log, event)

    story = explain(bonus.payout_id)

    assert [
        line.split(": ", 1)[1] for line in told(story) if line.split()[0].isdigit() and int(line.split()[0]) > start
    ][2:] == [
        "5.00 USD of transfer tr_pay_BEN came back, 5.00 USD of it altogether.",
        "Reversal 1 was about to begin: 70.00 USD back from transfer tr_pay_BEN.",
        "Stripe declined reversal 1, and the money stayed where it was: insufficient_funds, HTTP 400. No.",
        "Reversal 2 was about to begin: 70.00 USD back from transfer tr_pay_BEN.",
        "70.00 USD of transfer tr_pay_BEN came back, 75.00 USD of it altogether.",
    ]
    calls = [line.stripe_call for line in story.lines if line.stripe_call is not None]
    assert [[(each.answer, each.request_id) for each in call.answers] for call in calls[1:]] == [
        [("declined: insufficient_funds, HTTP 400", "req_9")],
        [("70.00 USD came back", None)],
    ]
    assert story.now is not None
    assert story.now.status == "reversed"


def test_a_payout_that_waits_says_for_whom(ledger: SmallLedger, explain: Callable[[str], Story]) -> None:
    bonus = bonus_for(ledger, "anna", "ben")
    assert explain(bonus.payout_id).now is not None
    waits = explain(bonus.payout_id).now
    assert waits is not None
    assert (waits.status, waits.reason, waits.who) == ("pending_transfer", "no_payout_account", "referrer")

    record(ledger.log, PayoutHeld.of(bonus, reason=HoldReason.MANUAL, note="case 7"), actor="ada")
    held = explain(bonus.payout_id)
    assert told(held)[-2] == f"{ledger.log.recorder.head()} ada: The payout was held by a person: case 7"
    assert held.now is not None
    assert held.now.who == "operator"


def test_why_this_amount_follows_the_terms_that_were_in_force(
    ledger: SmallLedger, explain: Callable[[str], Story]
) -> None:
    def terms(cap: int, standard_minor: int) -> None:
        set_terms(
            ledger.log,
            ProgramTermsSet(
                founding_cap=cap, founding_bonus_minor=7500, standard_bonus_minor=standard_minor, currency="usd"
            ),
            actor="ada",
            now=NOW,
        )

    def why(referred: str) -> str | None:
        story = explain(referral_id(referred))
        return next(line.why_this_amount for line in story.lines if line.type == "BonusEarned")

    bonus_for(ledger, "anna", "before")
    terms(2, 5000)
    bonus_for(ledger, "anna", "second")
    bonus_for(ledger, "anna", "third")
    terms(0, 6000)
    bonus_for(ledger, "anna", "fourth")

    assert why("before") == (
        "The 1st of 100 founding spots, by the program's initial terms: 75.00 USD founding, 50.00 USD standard."
    )
    assert (
        why("second")
        == "The 2nd of 2 founding spots, by the terms of position 7: 75.00 USD founding, 50.00 USD standard."
    )
    assert (
        why("third")
        == "All 2 founding spots were taken, by the terms of position 7: 75.00 USD founding, 50.00 USD standard."
    )
    assert re.fullmatch(
        r"There were no founding spots, by the terms of position \d+: .* 60.00 USD standard.", why("fourth") or ""
    )


def test_the_story_of_an_instructor_sums_up_what_they_earned(
    ledger: SmallLedger, explain: Callable[[str], Story]
) -> None:
    ledger.tell(ACCOUNT)
    paid, open_ = bonus_for(ledger, "anna", "ben"), bonus_for(ledger, "anna", "carl")
    record(ledger.log, requested(paid))
    record(ledger.log, settled(requested(paid)))

    story = explain("anna")

    assert story.headline == "anna referred 2, earned 150.00 USD and was paid 75.00 USD."
    assert [line.type for line in story.lines] == [
        "PayoutAccountUpdated", "ReferralCodeIssued", "ReferralAttributed", "BonusEarned",
        "ReferralAttributed", "BonusEarned", "TransferSettled",
    ]  # fmt: skip
    assert [line.because for line in story.lines if line.type == "BonusEarned"] == [
        "first lesson completed (position 6)",
        "first lesson completed (position 11)",
    ]
    (earned,) = story.sums
    assert (earned.figure, earned.unexplained) == (15000, 0)
    assert [(part.status, part.count, part.first_payouts) for part in earned.parts] == [
        ("paid", 1, [paid.payout_id]),
        ("pending_transfer", 1, [open_.payout_id]),
    ]


def test_a_long_story_of_an_instructor_shows_its_end(
    ledger: SmallLedger, explain: Callable[[str], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projections.story, "MOST_LINES", 6)
    for number in range(4):
        ledger.earn_bonus("anna", f"friend-{number}")
    story = explain("anna")
    assert (len(story.lines), story.left_out) == (6, 3)
    assert story.lines[-1].position == ledger.log.recorder.head()


def test_an_event_is_told_with_what_led_to_it_and_what_came_of_it(
    ledger: SmallLedger, explain: Callable[[str], Story]
) -> None:
    bonus = bonus_for(ledger, "anna", "ben")
    (earned,) = ledger.log.read([about(payout_tag(bonus.payout_id), BonusEarned)])[0]
    request = requested(bonus)
    record(ledger.log, request)
    record(ledger.log, settled(request))

    by_position, by_id = explain(str(earned.position)), explain(str(earned.event_id))

    assert [line.type for line in by_id.lines] == ["FirstLessonCompleted", "BonusEarned", "TransferRequested"]
    assert [line.because_position for line in by_id.lines] == [None, earned.position - 1, earned.position]
    assert [answer.answer for answer in by_id.lines[-1].stripe_call.answers] == [f"transfer tr_{bonus.payout_id}"]  # type: ignore[union-attr]
    assert by_position == by_id
    assert bonus.referral_id in by_id.see_also


def test_an_instructor_whose_id_is_a_number_or_the_name_of_a_total_is_told_of(
    ledger: SmallLedger, explain: Callable[[str], Story]
) -> None:
    bonus_for(ledger, "3", "paid_minor")
    assert (explain("3").kind, explain("paid_minor").kind) == ("instructor", "instructor")
    assert (explain("position:3").kind, explain("position:3").id) == ("event", "3")
    assert (explain("total:paid_minor").kind, explain("total:paid").id) == ("total", "paid_minor")
    assert explain("2").kind == "event"


def test_a_cause_is_found_wherever_the_log_has_it(ledger: SmallLedger, explain: Callable[[str], Story]) -> None:
    set_terms(ledger.log, ProgramTermsSet(founding_cap=1, founding_bonus_minor=1, standard_bonus_minor=1, currency="usd"),
              actor="ada", now=NOW)  # fmt: skip
    (terms,) = ledger.log.read()[0]
    bonus = bonus_for(ledger, "anna", "ben")
    far = Draft(Happened(requested(bonus), NOW), "payout-process", str(terms.event_id), None)
    position = ledger.log.append([far], [about("nothing-has-this-tag")], after=0).last_position

    story = explain(str(position))

    assert [line.type for line in story.lines] == ["ProgramTermsSet", "TransferRequested"]
    assert story.lines[0].because == "a command of ada"
    assert story.lines[1].because == "program terms set (position 1)"


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "0",
        "999999",
        "ref_",
        "pay_nothing",
        "tr_x",
        "0" * 18,
        "٣",
        "a" * 200,
        "'; --",
        "position:",
        "position:99999",
        "position:anna",
        "total:",
        "total:anna",
        "statuses.founding",
        "bonuses.",
    ],
)
def test_what_nobody_knows_has_no_story(ledger: SmallLedger, name: str) -> None:
    ledger.earn_bonus("anna", "ben")
    assert Stories(ledger.log, ledger.read_models, Replay(ledger.log), lambda: NOW).explain(name) is None


def test_every_total_is_explained_to_the_cent(ledger: SmallLedger, explain: Callable[[str], Story]) -> None:
    set_terms(ledger.log, ProgramTermsSet(founding_cap=4, founding_bonus_minor=7500, standard_bonus_minor=5000, currency="usd"),
              actor="ada", now=NOW)  # fmt: skip
    live(ledger.log, ledger.ingestion, seed=3, instructors=40)
    ledger.projector.catch_up()
    totals, founding = ledger.read_models.totals(), ledger.read_models.founding()

    bonuses = {str(tier): count for tier, count in totals.bonuses.items()}
    given_up_and_taken_back = dict.fromkeys(("cancelled_minor", "reversed_minor"), None)
    for name, figure in (totals.money_minor | bonuses | given_up_and_taken_back).items():
        story = explain(name)
        (found,) = story.sums
        assert story.position == totals.position
        assert (found.figure, found.unexplained) == (found.made_up if figure is None else figure, 0), name
        assert found.figure > 0 or name == "failed_minor"
        for part in found.parts:
            assert part.sum_minor == part.count * part.each_minor
            assert 0 < part.first_position <= part.last_position <= totals.position
            assert 0 < len(part.first_payouts) == min(3, part.count)
    assert totals.money_minor["paid_minor"] > 0
    assert explain("earned").sums == explain("earned_minor").sums == explain("money_minor.earned_minor").sums
    assert explain("bonuses.founding").sums == explain("founding").sums
    assert founding.spots_filled == 4
    assert explain("founding").headline == "4 of 4 founding spots are filled, for 300.00 USD."


def test_a_total_that_its_payouts_do_not_come_to_says_so(ledger: SmallLedger, explain: Callable[[str], Story]) -> None:
    ledger.earn_bonus("anna", "ben")
    ledger.projector.catch_up()
    with psycopg.connect(ledger.url) as connection:
        connection.execute("UPDATE read_model.program SET earned_minor = earned_minor + 1")
    (found,) = explain("earned_minor").sums
    assert (found.figure, found.made_up, found.unexplained) == (7501, 7500, 1)


def test_on_the_screen_no_line_is_wider_than_80_columns(
    ledger: SmallLedger, explain: Callable[[str], Story], capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.tell(ACCOUNT)
    bonus = bonus_for(ledger, "anna", "ben")
    record(ledger.log, requested(bonus))
    record(ledger.log, declined(requested(bonus)))
    for name in (bonus.payout_id, "anna", "earned_minor", "founding", "3"):
        story_screen.show(explain(name))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert not re.search(r"[ \t]$", shown, re.MULTILINE)
    for said in (
        "          key payout:" + bonus.payout_id + ":a1\n",
        "          answer at 9: declined: balance_insufficient, HTTP 400 (req_1)\n",
        "  1 x 75.00 USD = 75.00 USD  failed, founding\n",
        "Now: failed (insufficient_funds)\n",
        "  Explained to the last cent.\n",
    ):
        assert said in shown
