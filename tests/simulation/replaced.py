"""Attributes of the code under test, replaced for a while."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def replaced(values: Mapping[tuple[object, str], object]) -> Iterator[None]:
    """`(owner, name)` has this value inside, and its own again afterwards."""
    before = {(owner, name): vars(owner)[name] for owner, name in values}
    for (owner, name), value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for (owner, name), value in before.items():
            setattr(owner, name, value)
