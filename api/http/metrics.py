"""What `/metrics` shows, for Prometheus. Labels have few values: a route's template, never an address or an id."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

GAUGES: Mapping[str, str] = {
    "ledger_database_up": "1 if the database answered this scrape",
    "ledger_log_head": "Position of the newest event",
    "ledger_read_models_position": "Position that the read models reflect",
    "ledger_read_models_lag_events": "Events that the read models do not reflect yet",
    "ledger_read_models_lag_seconds": "Age of the oldest event that the read models do not reflect yet",
    "ledger_sealed_position": "Position up to which the log is sealed; 0: nothing seals it",
    "ledger_seal_lag_seconds": "Age of the oldest event that is not sealed yet",
    "ledger_payout_todo_position": "Position up to which the payout process has taken in the log",
    "ledger_payout_overdue_seconds": "How long the payout that is due for longest has been due",
}


class Metrics:
    """The metrics of one app. Gauges that nothing is known about are left out of a scrape."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "ledger_http_requests", "Requests answered", ("method", "route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "ledger_http_request_seconds",
            "Seconds from a request's headers to the end of its answer",
            ("route",),
            buckets=BUCKETS_SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge("ledger_http_requests_in_flight", "Requests being answered", registry=self._registry)
        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        labels = method if method in METHODS else "other", route, status
        found = self._found.get(labels)
        if found is None:  # looking them up by their labels takes longer than counting
            counter = self.requests.labels(labels[0], route, str(status))
            found = self._found[labels] = counter, self.seconds.labels(route)
        found[0].inc()
        found[1].observe(seconds)

    def exposition(self, gauges: Mapping[str, float]) -> bytes:
        """The text of a scrape. `gauges`: values by the names in GAUGES."""
        observed = CollectorRegistry()
        for name, value in gauges.items():
            Gauge(name, GAUGES[name], registry=observed).set(value)
        return generate_latest(self._registry) + generate_latest(observed)
