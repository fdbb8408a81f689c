"""The event store, on real PostgreSQL: the library's own test cases, its rules, and what it must survive."""
