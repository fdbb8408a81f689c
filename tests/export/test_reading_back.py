"""Each export, read back by the program it is for, against the log, the trial balance and the totals."""

import csv
import json
import subprocess
import sys
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import rfc8785
from beancount import loader
from beancount.core import data
from pyarrow import parquet

from api.export.accounts import BEANCOUNT
from api.export.exports import EXPORTS
from api.export.span import Span
from ledger.events import payout_tag
from ledger.history import about
from ledger.payouts import payout_fold as payouts
from ledger.proof.canonical import canonical_event
from ledger.status import payout_status
from tests.export.conftest import HOSTILE_CODES, Exported
from tests.export.decoding import as_it_was, instructor_of

BEAN_CHECK = Path(sys.executable).parent / "bean-check"

FILES = [(what, written_as) for what, formats in EXPORTS.items() for written_as in formats]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """A file's rows as DuckDB reads them, without being told anything about it."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # A sample is not enough to see that a column is text: codes come late.
        reader = {
            ".csv": f"read_csv('{path}', sample_size = -1)",
            ".ndjson": f"read_json('{path}')",
            ".parquet": f"'{path}'",
        }
        found: list[dict[str, Any]] = connection.sql(f"FROM {reader[path.suffix]}").to_arrow_table().to_pylist()
    return found


def quarters(exported: Exported) -> list[int]:
    """The positions at which a quarter, a half and three quarters of the bonuses were earned."""
    rows = [json.loads(line) for line in exported.bytes("payouts", "ndjson").splitlines()]
    return [rows[len(rows) * part // 4]["earned_position"] for part in (1, 2, 3)]


def balances(exported: Exported) -> dict[str, int]:
    """What every account comes to, as the books say: those with a balance."""
    accounts = exported.services.journal.trial_balance().accounts
    return {str(each.account): each.balance_minor for each in accounts if each.balance_minor}


@pytest.mark.parametrize("written_as", ["csv", "ndjson", "parquet"])
def test_events_are_the_whole_log(exported: Exported, written_as: str) -> None:
    rows = rows_of(exported.write("events", written_as))
    stored = list(Span(0, exported.head).read(exported.services.log.recorder))
    assert [row["position"] for row in rows] == list(range(1, exported.head + 1))
    for row, recorded in zip(rows, stored, strict=True):
        event = recorded.event
        assert (str(row["event_id"]), row["type"], row["recorded_at"]) == (
            str(event.event_id),
            event.type,
            event.recorded_at,
        )
        assert as_it_was(row["actor"]) == event.actor
        if written_as != "ndjson":  # there DuckDB makes one structure of all data
            assert (json.loads(row["data"]), json.loads(row["tags"])) == (json.loads(event.data), event.tags)


def test_a_line_of_events_is_what_its_proof_hashes(exported: Exported) -> None:
    lines = exported.bytes("events", "ndjson").splitlines()
    assert lines == [canonical_event(recorded) for recorded in exported.services.log.recorder.read()]
    assert lines == [rfc8785.dumps(json.loads(line)) for line in lines]


@pytest.mark.parametrize("written_as", ["csv", "ndjson", "parquet"])
def test_payouts_add_up_to_the_totals(exported: Exported, written_as: str) -> None:
    rows = rows_of(exported.write("payouts", written_as))
    totals = exported.services.read_models.totals()
    assert Counter(row["tier"] for row in rows) == Counter(totals.bonuses)
    assert sum(row["amount_minor"] for row in rows) == totals.money_minor["earned_minor"]
    minor: Counter[str] = Counter()
    for row in rows:
        minor[row["status"]] += row["amount_minor"]
        minor["came back of what is paid"] += row["reversed_minor"] if row["status"] == "paid" else 0
    assert minor["came back of what is paid"] > 0
    assert minor["paid"] - minor["came back of what is paid"] == totals.money_minor["paid_minor"]
    assert minor["failed"] == totals.money_minor["failed_minor"]
    counted = Counter(row["status"] for row in rows)
    assert len(counted) >= 4
    assert counted.items() <= {**totals.statuses}.items()
    shown = exported.services.read_models.payouts(limit=len(rows) + 1).items
    assert [
        (view.payout_id, view.status, view.attempt, view.transfer_id, view.reversed_minor, view.earned_at, view.paid_at)
        for view in reversed(shown)
    ] == [
        (
            row["payout_id"],
            row["status"],
            row["attempts"],
            row["transfer_id"],
            row["reversed_minor"],
            row["earned_at"],
            row["paid_at"],
        )
        for row in rows
    ]


def test_payouts_are_as_they_stood_at_the_end_of_the_stretch(exported: Exported) -> None:
    for end in (*quarters(exported), exported.head):
        rows = [json.loads(line) for line in exported.bytes("payouts", "ndjson", None, str(end)).splitlines()]
        assert rows
        for row in rows:
            story = exported.services.log.read([about(payout_tag(row["payout_id"]))])[0]
            then = payouts.fold(event for event in story if event.position <= end)
            assert then is not None
            assert (row["status"], row["attempts"], row["earned_position"]) == (
                payout_status(then),
                then.attempt,
                then.earned_position,
            )


@pytest.mark.parametrize("written_as", ["csv", "ndjson", "parquet"])
def test_the_journal_adds_up_to_the_trial_balance(exported: Exported, written_as: str) -> None:
    rows = rows_of(exported.write("journal", written_as))
    by_account: Counter[str] = Counter()
    by_entry: Counter[int] = Counter()
    for row in rows:
        by_account[row["account"]] += row["amount_minor"]
        by_entry[row["position"]] += row["amount_minor"]
    assert {account: minor for account, minor in by_account.items() if minor} == balances(exported)
    assert len(by_entry) > 50
    assert set(by_entry.values()) == {0}


def test_parquet_keeps_types_and_absent_values(exported: Exported) -> None:
    table = parquet.read_table(exported.write("payouts", "parquet"))
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds["amount_minor"] == "int64"
    assert kinds["earned_at"] == "timestamp[us, tz=UTC]"
    assert kinds["payout_id"] == "string"
    assert 0 < table.column("transfer_id").null_count < table.num_rows


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BEAN_CHECK, "--no-cache", path], check=False, capture_output=True, text=True, timeout=60)


def test_beancount_finds_nothing_wrong_and_the_same_balances(exported: Exported) -> None:
    path = exported.write("journal", "beancount")
    done = checked(path)
    assert (done.returncode, done.stderr) == (0, "")
    entries, errors, _ = loader.load_string(path.read_text())
    assert errors == []
    by_account: defaultdict[str, Decimal] = defaultdict(Decimal)
    payees = set()
    for transaction in data.filter_txns(entries):
        for posting in transaction.postings:
            root, name, *instructor = posting.account.split(":")
            assert posting.units is not None
            assert (posting.units.currency, type(posting.units.number)) == ("USD", Decimal)
            by_account[f"{root}:{name}"] += posting.units.number or 0
            payees |= {instructor_of(each) for each in instructor}
    ours = {BEANCOUNT[account]: Decimal(minor) / 100 for account, minor in balances_by_account(exported).items()}
    assert {account: number for account, number in by_account.items() if number} == ours
    assert payees == {row["instructor_id"] for row in rows_of(exported.write("journal", "parquet"))} - {None}


def balances_by_account(exported: Exported) -> dict[Any, int]:
    found = balances(exported)
    return {each: found[each] for each in BEANCOUNT if each in found}


@pytest.mark.parametrize(("right", "wrong"), [(" 75.00 USD", " 75.01 USD"), ("open Liabilities", "close Liabilities")])
def test_beancount_would_have_said_so(exported: Exported, tmp_path: Path, right: str, wrong: str) -> None:
    books = exported.bytes("journal", "beancount").decode()
    assert right in books
    (tmp_path / "wrong.beancount").write_text(books.replace(right, wrong, 1))
    assert checked(tmp_path / "wrong.beancount").returncode != 0


def test_a_stretch_of_the_books_stands_alone(exported: Exported) -> None:
    middle = str(quarters(exported)[1])
    assert checked(exported.write("journal", "beancount", middle)).returncode == 0
    assert checked(exported.write("journal", "beancount", None, middle)).returncode == 0


def test_the_journal_to_import_balances_entry_by_entry(exported: Exported) -> None:
    path = exported.write("journal", "journal-csv")
    with duckdb.connect() as connection:
        connection.execute(
            'CREATE TABLE journal AS SELECT "Entry number" AS entry, "Account name" AS account,'
            " coalesce(Debit::decimal(18, 2), 0) AS debit, coalesce(Credit::decimal(18, 2), 0) AS credit"
            f" FROM read_csv('{path}', types = {{'Debit': 'VARCHAR', 'Credit': 'VARCHAR'}})"
        )
        unbalanced = connection.execute(
            "SELECT entry FROM journal GROUP BY entry HAVING sum(debit) <> sum(credit)"
        ).fetchall()
        by_account = connection.execute("SELECT account, sum(debit - credit) FROM journal GROUP BY account").fetchall()
    assert unbalanced == []
    named = {account.replace(" ", "_").lower(): int(amount * 100) for account, amount in by_account if amount}
    assert named == balances(exported)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {bool(row["Debit"]) + bool(row["Credit"]) for row in rows} == {1}
    assert {(row["Account code"], row["Account name"]) for row in rows} >= {
        ("1100", "Stripe balance"),
        ("6100", "Bonus expense"),
    }


def test_no_cell_of_any_csv_begins_a_formula(exported: Exported) -> None:
    for what, written_as in FILES:
        if written_as.endswith("csv"):
            with exported.write(what, written_as).open(newline="") as file:
                cells = [cell for row in csv.reader(file) for cell in row if not cell.removeprefix("-").isdecimal()]
            assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    events = exported.bytes("events", "ndjson").decode()
    assert all(json.dumps(code, ensure_ascii=False) in events for code in HOSTILE_CODES)
    assert "'=2+5" in exported.bytes("events", "csv").decode()


@pytest.mark.parametrize(("what", "written_as"), FILES)
def test_the_same_stretch_gives_the_same_bytes(exported: Exported, what: str, written_as: str) -> None:
    middle = str(quarters(exported)[1])
    assert exported.bytes(what, written_as, "3", middle) == exported.bytes(what, written_as, "3", middle)


@pytest.mark.parametrize(("what", "written_as"), [("events", "csv"), ("events", "ndjson"), ("journal", "journal-csv")])
def test_stretches_that_follow_each_other_make_the_whole(exported: Exported, what: str, written_as: str) -> None:
    whole = exported.bytes(what, written_as).splitlines()
    first, _, last = quarters(exported)
    ends = [(None, str(first)), (str(first + 1), str(last)), (str(last + 1), None)]
    parts = [exported.bytes(what, written_as, *each).splitlines() for each in ends]
    headed = written_as.endswith("csv")
    assert [line for part in parts for line in part[headed:]] == whole[headed:]
    assert all(len(part) > headed for part in parts)


def test_progress_comes_to_the_end(exported: Exported) -> None:
    for what, written_as in FILES:
        reached: list[int] = []
        list(exported.open(what, written_as).chunks(reached.append))
        assert reached == sorted(reached)
        assert reached[-1] == exported.head
