"""Every benchmark, in the order in which they run."""

from benchmarks.append import Append
from benchmarks.declaration import Benchmark
from benchmarks.ingest import Ingest
from benchmarks.journal import Journal
from benchmarks.lag import Lag
from benchmarks.pay import Pay
from benchmarks.read import Read
from benchmarks.reconcile import Reconcile

__all__ = ["BENCHMARKS"]

BENCHMARKS: tuple[type[Benchmark], ...] = (Append, Journal, Reconcile, Pay, Lag, Ingest, Read)
