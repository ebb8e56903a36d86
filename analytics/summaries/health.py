"""Health of the publisher, as a point for dashboards."""

from __future__ import annotations

from datetime import datetime

from analytics.cycle import CycleResult
from analytics.policy.policy import Policy
from analytics.publishing.state import PublisherState
from stores import Point
from stores.points import health_time
from telemetry.measurements import PUBLISHER


def publisher_point(state: PublisherState, result: CycleResult | None, policy: Policy, now: datetime) -> Point:
    """`result`: that of the last round, None before the first."""
    fields: dict[str, float | int | str] = {
        "pending": int(state.pending),
        "kill_switch": int(state.kill_switch),
        "alerts": sum(alert.cleared is None for alert in state.alerts()),
        "approvals": sum(approval.status == "asked" for approval in state.approvals()),
        "broken_bound": policy.max_broken_promises,
    }
    if result is not None:
        fields |= {
            "round_age_s": (now - result.at).total_seconds(),
            "slots": len(result.slots),
            "checked": result.promised.checked,
            "broken": result.promised.broken,
            "stopped": int(result.target_rate is None),
        }
    return Point(PUBLISHER, {"factory": policy.factory}, health_time(now), fields)
