"""Prometheus metrics of analytics: promises, alerts, approvals and delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from analytics.cycle import CycleResult
from analytics.publishing.state import PublisherState


class AnalyticsCollector(Collector):
    """Collects the values when Prometheus asks. `result`: returns that of the last round, None before the first."""

    def __init__(self, state: PublisherState, result: Callable[[], CycleResult | None]) -> None:
        self._state = state
        self._result = result

    def collect(self) -> Iterator[GaugeMetricFamily]:
        alerts = sum(alert.cleared is None for alert in self._state.alerts())
        waiting = sum(approval.status == "asked" for approval in self._state.approvals())
        yield _gauge("alerts_open", "Bookings that may not be kept.", alerts)
        yield _gauge("approvals_waiting", "Slots waiting for the approval of an operations manager.", waiting)
        yield _gauge("kill_switch", "1: nothing of this factory is offered.", int(self._state.kill_switch))
        yield _gauge(
            "delivery_pending", "1: the platform does not yet show what should be offered.", int(self._state.pending)
        )
        result = self._result()
        if result is None:
            return
        yield _gauge("round_timestamp_seconds", "Time of the last round.", result.at.timestamp())
        yield _gauge("slots", "Slots that should be offered.", len(result.slots))
        yield _gauge(
            "promises_checked",
            "Windows of 2, 4 and 8 hours that could be booked and have ended without a booking.",
            result.promised.checked,
        )
        yield _gauge("promises_broken", "Of these, windows that were not free.", result.promised.broken)
        yield _gauge(
            "publishing_stopped",
            "1: publishing has stopped because too many promises were broken lately.",
            int(result.target_rate is None),
        )


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"vrijloop_analytics_{name}", text, value=value)
