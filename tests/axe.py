"""What axe finds wrong with a page in the browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCRIPT = Path(__file__).parent / "peers" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What is in order is not listed: writing that down takes axe as long as the rest.
RUN = """([within, tags]) => axe.run(within ?? document, {runOnly: tags, resultTypes: ['violations'], preload: false}).then(found =>
    found.violations.map(one => `${one.id}: ${one.nodes[0].html.slice(0, 150)} ${one.nodes[0].failureSummary.slice(0, 200)}`))"""


def bring_to(page: Page) -> None:
    """Into every page that is opened from now on: to send it to each of many takes as long as running it."""
    if SCRIPT.exists():
        page.add_init_script(path=SCRIPT)


def violations(page: Page, within: str | None = None) -> list[str]:
    """WCAG 2.2 AA and good practice, in the whole page or within an element."""
    if not SCRIPT.exists():
        message = "axe-core is not installed: scripts/peers installs it."
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    if not page.evaluate("'axe' in window"):
        page.evaluate(SCRIPT.read_text(encoding="utf-8"))
    return list(page.evaluate(RUN, [within, TAGS]))
