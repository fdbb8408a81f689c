"""A directory of display names that lives as long as the test."""

from collections.abc import Mapping


class Names(dict[str, str]):
    def remember(self, names: Mapping[str, str]) -> None:
        self.update(names)
