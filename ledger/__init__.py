"""The core: events, the rules that decide them, the store they are kept in, and the processes that act on them.

Pure are `events`, `referrals`, `program` and `story`, and what decides in every other package. Who looks at a clock, makes ids,
waits or opens a file is listed by name in tests/test_house_rules.py, who speaks SQL or calls Stripe in the import contracts of
pyproject.toml; to all others the log is handed as `event_log.EventLog`. Nothing here knows of HTTP, pages or read models.
"""
