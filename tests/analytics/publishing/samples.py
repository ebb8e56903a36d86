"""Values that several tests of publishing use."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from analytics.policy.policy import Policy
from analytics.policy.slot import Slot
from analytics.publishing.platform_client import Terms
from tests.analytics.rig import POLICY
from tests.analytics.tables import utc

NOW = utc(2, 12, month=3)
SECOND = "secret-of-genk-itself"
GUEST = {"organisation": "Start-up", "name": "An", "email": "a@b.be"}
SLOT = Slot("lathe-2", NOW + timedelta(hours=6), NOW + timedelta(hours=10), 0.93, 40, 1)
TERMS = Terms("own_allowed", Decimal("45.50"), Decimal(90), "members", ())


def policy(**wishes: object) -> Policy:
    return POLICY.model_copy(update=wishes)
