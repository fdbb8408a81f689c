"""Reconciliation: the comparison as properties, files as people break them, and runs against the real parts."""
