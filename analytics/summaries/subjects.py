"""Tags of the points of a machine."""

from __future__ import annotations

from analytics.kpis.utilisation import NO_GROUP
from analytics.policy.policy import Policy


def tags_of(machine: str, policy: Policy, **more: str) -> dict[str, str]:
    """Tags with the machine's current group. When that changes, the points are written anew or moved."""
    return {
        "factory": policy.factory,
        "group": policy.group_of(machine) or NO_GROUP,
        "machine": machine,
        **more,
    }


def lasting_tags_of(machine: str, policy: Policy) -> dict[str, str]:
    """Tags of points that are kept when groups change."""
    return {"factory": policy.factory, "machine": machine}
