"""The fixture `rig`: a store, a platform on a real socket, and analytics between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from analytics.forecast.window_model import WindowModel
from sharing_platform.app import PlatformSettings
from tests.analytics.publishing.samples import NOW, SECOND
from tests.analytics.rig import Rig, SetClock
from tests.platform_databases import create_kept_app, reset_sqlite
from tests.servers import serving


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


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    clock = SetClock(NOW)
    tokens = {"hal-2": "secret", "genk": SECOND, "start-up": "secret-of-start-up"}
    app = create_kept_app(PlatformSettings(reset_sqlite(), tokens, "UTC"), clock.now)
    with serving(app) as url:
        built = Rig(tmp_path, url, clock)
        built.two_shifts("lathe-2")
        yield built
        built.close()
