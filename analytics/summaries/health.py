"""How the publisher does, as a point. Pure but for the memory it reads."""

from __future__ import annotations

from datetime import datetime

from analytics.cycle import CycleResult
from analytics.policy.policy import Policy
from analytics.publishing.state import PublisherState
from stores import Point
from stores.points import health_time
from telemetry.measurements import PUBLISHER


def publisher_point(state: PublisherState, result: CycleResult | None, policy: Policy, now: datetime) -> Point:
    """`result`: the last round's, None before the first."""
    fields: dict[str, float | int | str] = {
        "pending": int(state.pending),
        "kill_switch": int(state.kill_switch),
        "alerts": sum(one.cleared is None for one in state.alerts()),
        "approvals": sum(one.status == "asked" for one in state.approvals()),
        "broken_bound": policy.max_broken_promises,
    }
    if result is not None:
        fields |= {
            "round_age_s": (now - result.at).total_seconds(),
            "slots": len(result.slots),
            "checked": result.promised.checked,
            "broken": result.promised.broken,
            "stopped": int(result.aimed_at is None),
        }
    return Point(PUBLISHER, {"factory": policy.factory}, health_time(now), fields)
