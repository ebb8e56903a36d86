"""All targets."""

from __future__ import annotations

from tests.fuzz import files, shop_floor, strangers
from tests.fuzz.target import TARGETS

__all__ = ["TARGETS", "files", "shop_floor", "strangers"]
