"""The tests, in folders that mirror the packages. They run on real parts: real PostgreSQL, the twin, real HTTP."""

import stripe

stripe.enable_telemetry = False  # it would keep an id in the user's home
