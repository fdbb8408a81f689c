"""`expand[]`: ids in an answer replaced by the objects they name."""

from collections.abc import Callable, Iterable, Mapping

from sandbox.stripe_twin import accounts, books, reversals, transfers
from sandbox.stripe_twin.messages import Json
from sandbox.stripe_twin.refusals import Refusal, invalid
from sandbox.stripe_twin.world import World

_DEEPEST = 4

_RETRIEVE: dict[str, Callable[[World, str], Json]] = {
    "tr_": transfers.retrieve,
    "trr_": reversals.stored,
    "txn_": books.retrieve_transaction,
    "acct_": accounts.retrieve,
}

EXPANDABLE: Mapping[str, Json] = {
    "transfer": {"destination": {}, "balance_transaction": {"source": {}}},
    "transfer_reversal": {"balance_transaction": {}, "transfer": {"destination": {}, "balance_transaction": {}}},
    "balance_transaction": {"source": {"destination": {}}},
}


def check(paths: Iterable[str], allowed: Json, *, in_list: bool) -> None:
    """Refuse, before anything is executed, what cannot be expanded in this answer."""
    for path in paths:
        parts = path.split(".")
        level: Json | None = {"data": allowed} if in_list else allowed
        if len(parts) > _DEEPEST:
            raise invalid(f"You cannot expand more than {_DEEPEST} levels of a property ({path}).", param="expand")
        for part in parts:
            level = level.get(part) if level is not None else None
        if level is None:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")


def expand(world: World, answer: Json, paths: Iterable[str]) -> Json:
    """The answer with every named property expanded, in place."""
    for path in paths:
        _expand(world, answer, path.split("."))
    return answer


def _expand(world: World, value: Json, parts: list[str]) -> None:
    name, *rest = parts
    inner = value.get(name)
    if isinstance(inner, str):
        value[name] = inner = _object(world, inner)
    for item in inner if isinstance(inner, list) else [inner]:
        if isinstance(item, dict) and rest:
            _expand(world, item, rest)


def _object(world: World, identifier: str) -> Json | str:
    for prefix, retrieve in _RETRIEVE.items():
        if identifier.startswith(prefix):
            try:
                return retrieve(world, identifier)
            except Refusal:
                return identifier
    return identifier
