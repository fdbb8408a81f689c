"""Where exactly a live row and its replay part: the first value that differs, for whoever has to find out why."""

import json
from collections.abc import Mapping
from typing import Any

from projections.rebuild import Difference
from projections.views import View

__all__ = ["DifferingValue", "differing_value"]

MISSING = "(no such row)"


class DifferingValue(View):
    """`key` names the row, `column` the value: dotted where it lies inside a document. `more` values of the row differ too.

    `column` None: one side has no such row at all.
    """

    table: str
    key: str
    column: str | None
    live: str
    replayed: str
    more: int = 0


def differing_value(difference: Difference) -> DifferingValue:
    live = _document(difference.live)
    replayed = _document(difference.rebuilt)
    row = live or replayed
    key = ", ".join(f"{column} {row[column]}" for column in difference.key)
    if not live or not replayed:
        said = (MISSING if not side else json.dumps(side) for side in (live, replayed))
        return DifferingValue(table=difference.table, key=key, column=None, live=next(said), replayed=next(said))
    found = _parting(live, replayed)
    column, (here, there) = next(iter(found.items()))
    return DifferingValue(
        table=difference.table,
        key=key,
        column=column,
        live=json.dumps(here),
        replayed=json.dumps(there),
        more=len(found) - 1,
    )


def _document(text: str | None) -> dict[str, Any]:
    return json.loads(text) if text is not None else {}


def _parting(live: Mapping[str, Any], replayed: Mapping[str, Any], path: str = "") -> dict[str, tuple[Any, Any]]:
    """Every value that differs, by its path: the row's own columns first, then what lies inside documents."""
    flat: dict[str, tuple[Any, Any]] = {}
    deep: dict[str, tuple[Any, Any]] = {}
    for name in sorted({*live, *replayed}):
        here, there = live.get(name), replayed.get(name)
        if here == there:
            continue
        if isinstance(here, dict) and isinstance(there, dict):
            deep |= _parting(here, there, f"{path}{name}.")
        else:
            flat[f"{path}{name}"] = (here, there)
    return flat | deep
