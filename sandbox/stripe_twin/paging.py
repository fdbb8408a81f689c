"""Lists as Stripe pages them: newest first, by the id of an object on the page before or after."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.parameters import Field, integer, moments, string, strings
from sandbox.stripe_twin.refusals import invalid, missing
from sandbox.stripe_twin.storage import Row
from sandbox.stripe_twin.world import World

PAGING = {
    "limit": Field(integer(1, 100)),
    "starting_after": Field(string()),
    "ending_before": Field(string()),
    "expand": Field(strings),
}
CREATED = {"created": Field(moments)}

_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_USUAL_LIMIT = 10


def page(
    world: World,
    table: str,
    parameters: Json,
    conditions: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
) -> tuple[list[Row], bool]:
    """One page of a table's rows, newest first, and whether there are more beyond it."""
    where = ["visible_at <= :now", *conditions]
    bound: dict[str, Any] = {"now": world.now(), **(values or {})}
    for operator, moment in parameters.get("created", {}).items():
        where.append(f"created {_OPERATORS[operator]} :created_{operator}")
        bound[f"created_{operator}"] = moment
    after, before = parameters.get("starting_after"), parameters.get("ending_before")
    if after and before:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.")
    if after or before:
        param = "starting_after" if after else "ending_before"
        row = world.store.page(table, ["id = :id"], {"id": after or before}, ascending=True, limit=1)
        if not row:
            raise missing(table.replace("_", " "), str(after or before), param=param, status=400)
        where.append(f"sequence {'<' if after else '>'} :cursor")
        bound["cursor"] = row[0]["sequence"]
    limit = parameters.get("limit", _USUAL_LIMIT)
    rows = world.store.page(table, where, bound, ascending=bool(before), limit=limit + 1)
    found = rows[:limit]
    return (found[::-1] if before else found), len(rows) > limit
