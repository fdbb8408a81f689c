"""Every benchmark, in the order in which they run."""

from benchmarks.append import Append
from benchmarks.append_latency import AppendLatency
from benchmarks.declaration import Benchmark
from benchmarks.follow import Follow
from benchmarks.growth import Growth
from benchmarks.ingest import Ingest
from benchmarks.journal import Journal
from benchmarks.lag import Lag
from benchmarks.pay import Pay
from benchmarks.peers import Peers
from benchmarks.proof import SealLog, VerifyLog
from benchmarks.read import Read
from benchmarks.reconcile import Reconcile
from benchmarks.replay import Replay

__all__ = ["BENCHMARKS"]

BENCHMARKS: tuple[type[Benchmark], ...] = (
    Append,
    AppendLatency,
    Follow,
    Growth,
    Journal,
    Reconcile,
    SealLog,
    VerifyLog,
    Replay,
    Pay,
    Lag,
    Ingest,
    Read,
    Peers,
)
