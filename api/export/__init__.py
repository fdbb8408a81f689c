"""What leaves the ledger as files: events, journal and payouts, in the formats of those who read them.

Every export is a function of a stretch of the log, read a page at a time and handed on as bytes: a million events take no more
memory than ten thousand, and the same stretch gives the same bytes. `exports` is where to begin. No personal data is in any.
"""
