"""What stands in for the outside world: embedded PostgreSQL, the Stripe twin, the season player.

Nothing here is needed in production, and nothing here imports ``ledger``, ``projections`` or ``api``;
only the composition root in ``api`` names this package.
"""
