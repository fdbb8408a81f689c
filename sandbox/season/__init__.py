"""Seasons: the lifecycle facts of a marketplace's referral season, as NDJSON of CloudEvents.

Made (``generator``), judged by an independent reading of the rules (``oracle``), played through the HTTP API
(``player``) and held against an expectation (``compare``). Nothing here may import the ledger: it is the outside world.
"""
