"""Whatever a platform sends about a person: none of it is in the log, in a read model, on a log file or in an export."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.export.exports import EXPORTS
from sandbox.season.generator import generate
from tests.api.running import API, JWT_SECRET, MANY, Ledger, a_bonus, fact
from tests.api.traces import PERSON, places_with
from tests.cli.command import Command, scratch_folder

MARK = "qzxwvk"
NAMES = (
    f"Zoë {MARK}",
    f"{MARK} O'Hara; DROP TABLE ledger.event",
    f"=cmd|' /C {MARK}'!A0",
    f"مريم {MARK}",
    f"山田 {MARK} 太郎",
    f"<b>{MARK}</b> 👩‍🏫",
    f'{{"name": "{MARK}"}}',
)
WHERE_IT_MAY_BE = {f"{PERSON}.display_name"}

numbers = itertools.count()


def hostile(delivery: dict[str, Any], name: str) -> dict[str, Any]:
    """With a person's data wherever a platform might put it."""
    extras = {
        "display_name": name,
        "full_name": name,
        "email": f"{name}@example.com",
        "phone": {"home": name},
        "addresses": [{"street": name}],
    }
    return {**delivery, "displayname": name, "partitionkey": name, "data": {**delivery["data"], **extras}}


def refused(name: str) -> Iterator[dict[str, Any]]:
    """Deliveries about them that are not taken."""
    yield hostile(fact("went_live", f"{name}@example.com"), name)
    yield hostile(fact("lesson_completed", "ins_1", lesson_id=name), name)
    yield hostile(fact("signed_up", "ins_1", referral_code=f"{name} x"), name)
    yield hostile(fact("retired", "ins_1"), name)
    yield {"specversion": "1.0", "data": name}


@pytest.fixture
def season() -> list[dict[str, Any]]:
    names = itertools.cycle(NAMES)
    deliveries = [hostile(delivery, next(names)) for delivery in generate(60, seed=3)]
    return [*deliveries, *(each for name in NAMES for each in refused(name))]


def test_a_season_of_hostile_deliveries_leaves_names_in_the_side_table_alone(
    ledger: Ledger, season: list[dict[str, Any]]
) -> None:
    ledger.send(season)
    again = ledger.send(season).json()["results"]
    ledger.projector.catch_up()
    assert {"duplicate", "ignored", "rejected"} <= {result["outcome"] for result in again}
    assert places_with(ledger.owner_url, MARK) == WHERE_IT_MAY_BE
    for what, formats in EXPORTS.items():
        for written_as in formats:
            answer = ledger.get(f"/finance/exports/{what}", "auditor", format=written_as)
            assert answer.status_code == 200
            assert MARK.encode() not in answer.content
    for instructor_id in {delivery["subject"] for delivery in season if "subject" in delivery}:
        if "@" not in instructor_id:
            ledger.services.people.forget(instructor_id)
    assert places_with(ledger.owner_url, MARK) == set()


UNICODE = st.text(st.characters(min_codepoint=0xA1, exclude_categories=("Cs", "Cc", "Cn")), min_size=4, max_size=60)


@settings(max_examples=10, print_blob=True)
@given(name=UNICODE)
def test_nor_does_any_name_that_unicode_can_write(shared_ledger: Ledger, name: str) -> None:
    number = next(numbers)
    facts = a_bonus(f"anna{number}", f"ben{number}", f"ANNA{number}")
    answer = shared_ledger.send([hostile(delivery, name) for delivery in facts])
    assert {result["outcome"] for result in answer.json()["results"]} == {"recorded"}
    shared_ledger.projector.catch_up()
    assert places_with(shared_ledger.owner_url, name) == WHERE_IT_MAY_BE
    assert shared_ledger.services.people.names_of([f"ben{number}"]) == {f"ben{number}": name}


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch_folder() as made:
        yield made


def test_the_logs_of_a_server_name_nobody(
    database_url: str, folder: Path, season: list[dict[str, Any]], ledger_token: str
) -> None:
    command = Command(
        folder, {"DATABASE_URL": database_url, "LEDGER_JWT_SECRET": JWT_SECRET, "LEDGER_LOG_LEVEL": "debug"}
    )
    with command.started("serve", "--port", "0") as serving:
        serving.says('"event": "serving"')
        port = re.search(r'"port": (\d+)', serving.output)
        assert port is not None
        address = f"http://127.0.0.1:{port[1]}"
        headers = {"Authorization": f"Bearer {ledger_token}", "Content-Type": MANY}
        answers = [
            httpx.post(f"{address}{API}/lifecycle-events", headers=headers, content=body)
            for body in (orjson.dumps(season), b'{"display_name": "' + MARK.encode())
        ]
        answers.append(httpx.post(f"{address}{API}/people/{MARK}@x/forget", headers=headers, json={"reason": MARK}))
        assert [answer.status_code for answer in answers] == [200, 400, 415]
        serving.interrupt()
        assert "/api/v1/lifecycle-events" in serving.output
    again = command.run("ingest", "-", given=b"\n".join(orjson.dumps(delivery) for delivery in season))
    assert again.returncode == 1
    assert MARK not in again.stdout + again.stderr
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if MARK.encode() in path.read_bytes()] == []


@pytest.fixture
def ledger_token(shared_ledger: Ledger) -> str:
    return shared_ledger.token("platform")
