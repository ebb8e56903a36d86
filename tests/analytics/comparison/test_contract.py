"""`ComparisonPlatform` against the real platform: the bytes that were shown arrive, and what comes back is understood."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from analytics.comparison.contribution import FIGURES, contribution
from analytics.publishing.network_figures import ContributionRefusedError, Network, SpentMonth
from tests.analytics.rig import Rig


def test_contract_contribute_leave_and_return(rig: Rig) -> None:
    rig.clock.moment = datetime(2026, 6, 1, tzinfo=UTC)
    platform, body = rig.platform, contribution("2026-05", 3, dict.fromkeys(FIGURES, 0.5) | {"energy_while_idle": None})
    assert platform.comparison() == Network(takes_part=False)
    with pytest.raises(ContributionRefusedError):
        platform.put_contribution(body)
    platform.set_comparison(True)
    for _ in range(2):
        platform.put_contribution(body)
    network = platform.comparison()
    (one,) = network.contributions
    assert {"month": one.month, "process_class": one.process_class, "figures": one.figures} == json.loads(body)
    assert [one.process_class for one in network.classes] == [3]
    assert {figure.name: figure.quartiles for figure in network.classes[0].figures} == dict.fromkeys(FIGURES)
    with pytest.raises(ContributionRefusedError):
        platform.put_contribution(contribution("2026-05", 3, dict.fromkeys(FIGURES, 0.9)))
    platform.set_comparison(False)
    spent = (SpentMonth("2026-05", 3),)
    assert platform.comparison() == Network(takes_part=False, left=True, spent=spent), "what was told is told"
    platform.set_comparison(True)
    platform.put_contribution(body)
    assert platform.comparison().contributions == (one,)
