"""Double entry: which accounts there are, which entry each money event posts, and how a month is closed.

`posting` is the one mapping from events to entries, and pure; `periods` decides about months, `closing` carries it out.
Journal tables and their queries are read models and live in projections/.
"""
