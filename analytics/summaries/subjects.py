"""The tags of a machine's points."""

from __future__ import annotations

from analytics.kpis.utilisation import NO_GROUP
from analytics.policy.policy import Policy


def tags_of(machine: str, policy: Policy, **more: str) -> dict[str, str]:
    """With the group it belongs to now: where that changes, points are written anew or moved."""
    return {
        "factory": policy.factory,
        "group": policy.group_of(machine) or NO_GROUP,
        "machine": machine,
        **more,
    }


def lasting_tags_of(machine: str, policy: Policy) -> dict[str, str]:
    """Of points that stay when groups change."""
    return {"factory": policy.factory, "machine": machine}
