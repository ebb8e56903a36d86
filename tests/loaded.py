"""What programs of Vrijloop load, for those that tests start (`forked.py`)."""

# ruff: noqa: F401 - loading is what this module is for

from __future__ import annotations

import edge_agent.runner
import sharing_platform.app
import vrijloop.ingest_worker
import vrijloop.platform_server

# The last, as what has been loaded by then is not looked through for garbage.
import vrijloop.demo.loaded  # isort: skip
