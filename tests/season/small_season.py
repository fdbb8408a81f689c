"""The small season: 143 deliveries whose ids tell their story, and the result every correct ledger reaches."""

import json
from pathlib import Path
from typing import Any

SMALL_SEASON = Path(__file__).with_name("small-season.ndjson")
SMALL_EXPECTED: dict[str, Any] = json.loads(SMALL_SEASON.with_suffix(".expected.json").read_text())


def small_season() -> list[dict[str, Any]]:
    """Its deliveries, decoded."""
    return [json.loads(line) for line in SMALL_SEASON.read_text().splitlines()]
