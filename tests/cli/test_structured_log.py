"""The logs of a part: an exception is told with its traceback, and never with the values of variables."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "sk_live_" + "of_a_local_variable"

FAILS = """
import logging, sys
import structlog
from api.cli import structured_log
from api.settings import Settings

structured_log.configure(Settings(_env_file=None, ledger_log_format=sys.argv[1]), "worker")

def pay(stripe_api_key):
    display_name = "Ada " + "Lovelace"
    return {}[len(stripe_api_key)]

for logger in (structlog.get_logger("ledger.worker"), logging.getLogger("somebody.elses")):
    try:
        pay("sk_live_" + "of_a_local_variable")
    except KeyError:
        logger.exception("payout_defect")
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_where_and_not_what_the_variables_held(log_format: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", FAILS, log_format],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == ""
    assert done.stderr.count("payout_defect") == 2
    assert done.stderr.count("KeyError: 27") == 2
    assert done.stderr.count("in pay") == 2
    assert SECRET not in done.stderr
    assert "Lovelace" not in done.stderr
    if log_format == "json":
        assert [json.loads(line)["part"] for line in done.stderr.splitlines()] == ["worker"] * 2
