"""What a run leaves to be judged: what was done, and how things stood in the end."""

from collections import Counter
from dataclasses import dataclass, field

from api.census import Census
from api.cli.season_result import Expectation, Result
from api.invariants import Check, Transfers
from ledger.events import Recorded
from tests.crash.load import Receipts
from tests.crash.plan import Victim

__all__ = ["Evidence"]


@dataclass
class Evidence:
    """`unrest` says why they never came to rest, if they did not."""

    receipts: Receipts
    expectation: Expectation
    """What the oracle says of the season."""
    kills: Counter[Victim] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    takeovers: int = 0
    """Payouts that were claimed after somebody's lease on them had run out."""
    log: list[Recorded] = field(default_factory=list)
    census: Census = field(default_factory=Census)
    """What the log comes to."""
    transfers: Transfers = field(default_factory=dict)
    result: Result | None = None
    checks: list[Check] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    """What a part said at level error: our own mistakes, and none of the crashes."""
    unrest: str | None = None
    database_starts: int = 0
    load_seconds: float = 0.0
    rest_seconds: float = 0.0
