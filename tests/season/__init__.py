"""Seasons: the oracle against the rules, the generator against its promises, the player against a difficult API."""
