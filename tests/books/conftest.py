"""The small ledger of the read models' tests, for closing its months."""

from tests.projections.conftest import ledger

__all__ = ["ledger"]
