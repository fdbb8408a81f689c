"""Facts into the log: reading them, deciding them together, racing for them."""
