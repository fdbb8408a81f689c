"""Double entry, apart from tables: the mapping from events to entries, months, and closing them."""
