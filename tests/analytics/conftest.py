"""The fixture `rig`: a store, a platform on a real socket, and analytics between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analytics.executors import Executor
from analytics.forecast import spare_capacity
from analytics.forecast.window_model import WindowModel
from analytics.forecast.window_trials import Teachers, learnt
from analytics.policy.policy import Policy
from sharing_platform.app import PlatformSettings
from tests.analytics.publishing.samples import NOW, SECOND
from tests.analytics.rig import Rig, SetClock
from tests.platform_databases import create_kept_app, reset_sqlite
from tests.servers import serving


def cache_of_what_is_learnt() -> Callable[..., Any]:
    known: dict[tuple[object, ...], Any] = {}

    def remembered(
        teachers: Teachers, origin: int, policy: Policy, need: int, executor: Executor, times_of_day: Any, *more: Any
    ) -> Any:
        grids = tuple((grid.values.tobytes(), grid.first_day, grid.zone, grid.own_from) for grid in teachers.grids)
        calendar = (teachers.values.tobytes(), teachers.kinds.tobytes(), teachers.weekdays.tobytes())
        key = (teachers.names, grids, calendar, origin, policy.model_dump_json(), need, times_of_day, *map(id, more))
        if key not in known:
            known[key] = (more, learnt(teachers, origin, policy, need, executor, times_of_day, *more))
        return known[key][1]

    return remembered


@pytest.fixture(scope="session", autouse=True)
def fitted_once() -> Iterator[None]:
    """A model is a function of what it is fitted to, and many tests have the same weeks behind them: in each process, it is fitted to them once."""
    fit = WindowModel.fit
    known: dict[tuple[object, ...], WindowModel | None] = {}

    def remembered(features: np.ndarray, free: np.ndarray, young: bool = False) -> WindowModel | None:
        key = (features.shape, hash(features.tobytes()), hash(free.tobytes()), young)
        if key not in known:
            known[key] = fit(features, free, young)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WindowModel, "fit", remembered)
        yield


_learnt = cache_of_what_is_learnt()


@pytest.fixture
def learnt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learnt of the same weeks is learnt once: tests with a rig are about what is done with it."""
    monkeypatch.setattr(spare_capacity, "learnt", _learnt)


@pytest.fixture
def rig(tmp_path: Path, learnt_once: None) -> Iterator[Rig]:
    clock = SetClock(NOW)
    tokens = {"hal-2": "secret", "genk": SECOND, "start-up": "secret-of-start-up"}
    app = create_kept_app(PlatformSettings(reset_sqlite(), tokens, "UTC"), clock.now)
    with serving(app) as url:
        built = Rig(tmp_path, url, clock)
        built.two_shifts("lathe-2")
        yield built
        built.close()
