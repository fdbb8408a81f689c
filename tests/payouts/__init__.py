"""Tests of the payout process: its decisions as tables and properties, then all of it on real PostgreSQL and the real twin."""
