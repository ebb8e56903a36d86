"""The fixture `rig`: a store, a platform on a real socket, and analytics between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sharing_platform.app import PlatformSettings, create_app
from tests.analytics.publishing.samples import NOW, SECOND
from tests.analytics.rig import Rig, SetClock
from tests.servers import serving


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    clock = SetClock(NOW)
    tokens = {"hal-2": "secret", "genk": SECOND, "start-up": "secret-of-start-up"}
    app = create_app(PlatformSettings(f"sqlite:///{tmp_path}/platform.sqlite", tokens, "UTC"), clock.now)
    with serving(app) as url:
        built = Rig(tmp_path, url, clock)
        built.two_shifts("lathe-2")
        yield built
        built.close()
