"""Every benchmark, in the order in which they run."""

from benchmarks.append import Append
from benchmarks.declaration import Benchmark
from benchmarks.journal import Journal
from benchmarks.reconcile import Reconcile

__all__ = ["BENCHMARKS"]

BENCHMARKS: tuple[type[Benchmark], ...] = (Append, Journal, Reconcile)
