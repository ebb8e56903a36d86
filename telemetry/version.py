"""The installed version of Vrijloop."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("vrijloop")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "unknown"
