"""What Prometheus may know of analytics: promises, alerts, what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from analytics.cycle import CycleResult
from analytics.publishing.state import PublisherState


class AnalyticsCollector(Collector):
    """Read when it is asked for. `result`: the last round's, None before the first."""

    def __init__(self, state: PublisherState, result: Callable[[], CycleResult | None]) -> None:
        self._state = state
        self._result = result

    def collect(self) -> Iterator[GaugeMetricFamily]:
        alerts = sum(one.cleared is None for one in self._state.alerts())
        waiting = sum(one.status == "asked" for one in self._state.approvals())
        yield _gauge("alerts_open", "Bookings that may not be kept.", alerts)
        yield _gauge("approvals_waiting", "Slots that an operations manager must confirm.", waiting)
        yield _gauge("kill_switch", "1: nothing of this factory is offered.", int(self._state.kill_switch))
        yield _gauge(
            "delivery_pending", "1: the platform does not show yet what should be offered.", int(self._state.pending)
        )
        result = self._result()
        if result is None:
            return
        yield _gauge("round_timestamp_seconds", "When the last round was.", result.at.timestamp())
        yield _gauge("slots", "Slots that should be offered.", len(result.slots))
        yield _gauge("promises_checked", "Published slots whose time has passed unbooked.", result.promised.checked)
        yield _gauge("promises_broken", "Of these, found not free.", result.promised.broken)
        yield _gauge("publishing_stopped", "1: too many promises were broken of late.", int(result.aimed_at is None))


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"vrijloop_analytics_{name}", text, value=value)
