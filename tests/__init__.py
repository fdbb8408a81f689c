"""The tests, in folders that mirror the packages. They run on real parts: real PostgreSQL, the twin, real HTTP."""

import stripe
from hypothesis import HealthCheck, settings

stripe.enable_telemetry = False  # it would keep an id in the user's home

# A busy machine is slow, not wrong. All else is as the default is here: on CI always the same examples.
settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
