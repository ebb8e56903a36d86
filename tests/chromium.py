"""Debian's Chromium, which asks nothing of the network. To start it takes a second of processor time: it stays open from one test to the next, in which each
has contexts of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.servers import require

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_kept: list[tuple[Browser, ExitStack]] = []


def opened() -> Browser:
    """The one that is open, or a new one where none is, or where it has crashed."""
    if _kept and not _kept[0][0].is_connected():
        close()
    if not _kept:
        path = require("chromium-headless-shell")
        with ExitStack() as opening:
            playwright = opening.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
            opening.callback(browser.close)
            _kept.append((browser, opening.pop_all()))
    return _kept[0][0]


def close() -> None:
    """Playwright holds the thread's event loop while it is open, so that a test which does without cannot have one."""
    while _kept:
        _kept.pop()[1].close()
