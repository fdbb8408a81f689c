"""How rough the twin's world is: fault rates, scripted faults and webhook habits together, by name or from a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from sandbox.stripe_twin.faults import Fault, FaultRule, Faults
from sandbox.stripe_twin.settings import WebhookHabits


@dataclass(frozen=True)
class Profile:
    """`rates` are shares of all calls; the script hits first."""

    rates: dict[Fault, float] = field(default_factory=dict)
    script: list[FaultRule] = field(default_factory=list)
    webhooks: WebhookHabits = field(default_factory=WebhookHabits)

    def faults(self) -> Faults:
        """A fresh set of faults: a script is used up as it is played."""
        return Faults(dict(self.rates), list(self.script))


PROFILES: Mapping[str, Profile] = {
    "none": Profile(),
    "rough": Profile(
        dict.fromkeys(Fault, 0.01),
        webhooks=WebhookHabits(max_delay_seconds=2.0, reorder_rate=0.1, reorder_seconds=10.0, duplicate_rate=0.1),
    ),
    "storm": Profile(
        dict.fromkeys(Fault, 0.03),
        webhooks=WebhookHabits(max_delay_seconds=10.0, reorder_rate=0.3, duplicate_rate=0.3, drop_rate=0.1),
    ),
}


def load(name_or_file: str) -> Profile:
    """A profile by name, or from a JSON file; raises `ValueError` for a wrong file, `OSError` for none."""
    if name_or_file in PROFILES:
        return PROFILES[name_or_file]
    return TypeAdapter(Profile).validate_json(Path(name_or_file).read_bytes())
