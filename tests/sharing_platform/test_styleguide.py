"""The styleguide: every part of every page stands on it, and looks as it was approved, in light and dark, at three widths."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from jinja2 import nodes
from jinja2.runtime import Macro
from PIL import Image, ImageChops
from playwright.sync_api import expect

from sharing_platform.pages import TEMPLATES
from tests import axe
from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.test_design import STATIC, open_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = Path(__file__).parent / "pictures"
KEEP = os.environ.get("VRIJLOOP_KEEP_PICTURES")
"""Set to keep the pictures anew, after they were looked at."""
_BLOCK = 16
_DIFFERENT = 24
"""How far the mean colour of a block of the picture may be from that of the kept one (0 to 255): letters differ a little between browsers."""

NOT_SHOWN = {
    "open_graph": "stands in the head of a page",
    "about": "is read by programs that show links",
    "own": "is part of the menu of whoever is signed in",
    "_for_you.html": "is made of rows and notices",
    **dict.fromkeys(
        ("_figures.html", "flows", "legend", "place", "share_bar", "shaded", "weeks"),
        "draws the region's figures, which `test_figures.py` looks at",
    ),
}
"""Macros and partial templates that the styleguide leaves out, each with the reason."""
UNSEEN = {
    "said-of": "the calendars' scripts draw it",
    "chosen": "the calendars' scripts draw it",
    "htmx-request": "an element has it while it waits for an answer",
    "of-1": "another number of machines side by side",
    "of-2": "another number of machines side by side",
    "of-4": "another number of machines side by side",
    **dict.fromkeys(
        (
            "balance",
            "dictionary",
            "end",
            "few",
            "flows",
            "lack",
            "lacks",
            "layers",
            "lost",
            "maps",
            "missed",
            "s0",
            "s1",
            "s2",
            "s3",
            "s4",
            "s5",
            "shaded",
            "town",
            "share",
            "stack",
            "supply",
            "totals",
            "trend",
            "within",
        ),
        "draws the region's figures, which `test_figures.py` looks at",
    ),
}
"""Classes of the style sheets that no element of the styleguide has, each with the reason; those that begin with `ec` are the calendar's own."""


def _open(browser: Browser, platform: Platform, width: int, **more: Any) -> Page:
    page = open_page(browser, platform, width, **more)
    page.goto("/styleguide")
    expect(page.locator(".ec-event.chosen")).to_be_visible()
    page.evaluate("document.fonts.ready")
    page.evaluate("Promise.all([...document.images].map(one => { one.loading = 'eager'; return one.decode(); }))")
    return page


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (768, "light"), (1280, "light"), (1280, "dark")])
def test_every_part_looks_as_it_was_approved(browser: Browser, platform: Platform, width: int, scheme: str) -> None:
    page = _open(browser, platform, width, color_scheme=scheme)
    drawn = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    page.context.close()
    drawn = drawn.resize((drawn.width // 2, drawn.height // 2))
    kept = PICTURES / f"styleguide-{width}{'-dark' if scheme == 'dark' else ''}.jpg"
    if KEEP:
        drawn.save(kept, quality=45, optimize=True)
    approved = Image.open(kept).convert("RGB")
    assert drawn.size == approved.size, "VRIJLOOP_KEEP_PICTURES=1 keeps the picture anew, once it has been looked at"
    blocks = (drawn.width // _BLOCK, drawn.height // _BLOCK)
    pair = (one.resize(blocks, Image.Resampling.BOX) for one in (drawn, approved))
    different = np.argwhere(np.asarray(ImageChops.difference(*pair)).max(axis=2) > _DIFFERENT)
    assert not len(different), f"{kept.name} differs, from block {different[0]} (row, column; {2 * _BLOCK} px each) on"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_part_can_be_read_in_light_and_dark(browser: Browser, platform: Platform, scheme: str) -> None:
    page = _open(browser, platform, 1280, color_scheme=scheme)
    found = axe.violations(page)
    page.context.close()
    assert found == []


@pytest.fixture
def drawn(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> tuple[str, set[str]]:
    """The styleguide, and the names of the macros and templates that it was made with."""
    used: set[str] = set()
    call, get = Macro.__call__, TEMPLATES.env.get_template

    def calling(macro: Macro, *given: Any, **named: Any) -> Any:
        used.add(macro.name)
        return call(macro, *given, **named)

    def getting(name: str, *given: Any, **named: Any) -> Any:
        used.add(name)
        return get(name, *given, **named)

    monkeypatch.setattr(Macro, "__call__", calling)
    monkeypatch.setattr(TEMPLATES.env, "get_template", getting)
    answer = platform.anyone.get("/styleguide")
    assert answer.status_code == 200
    return answer.text, used


def test_every_macro_and_every_shared_template_is_shown(drawn: tuple[str, set[str]]) -> None:
    _, used = drawn
    assert TEMPLATES.env.loader is not None
    known = set()
    for name in TEMPLATES.env.list_templates(extensions=["html"]):
        source, _, _ = TEMPLATES.env.loader.get_source(TEMPLATES.env, name)
        parsed = TEMPLATES.env.parse(source)
        known |= {one.template.value for one in parsed.find_all(nodes.Include) if isinstance(one.template, nodes.Const)}
        if name.startswith("_"):
            known |= {name, *(macro.name for macro in parsed.find_all(nodes.Macro))}
    assert known - used - NOT_SHOWN.keys() == set(), "show it on the styleguide, or say here why not"
    assert NOT_SHOWN.keys() <= known - used, "these are shown, or gone"


def test_every_class_of_the_style_sheets_is_seen(drawn: tuple[str, set[str]]) -> None:
    page, _ = drawn
    seen = {name for names in re.findall(r'class="([^"]*)"', page) for name in names.split()}
    known = set()
    for sheet in (STATIC / "css").glob("*.css"):
        text = re.sub(r'/\*.*?\*/|url\([^)]*\)|"[^"]*"', "", sheet.read_text(), flags=re.DOTALL)
        for selector in re.findall(r"([^{}]*)\{", text):
            known |= {name for name in re.findall(r"\.([a-zA-Z][\w-]*)", selector) if not re.match(r"ec\b", name)}
    assert known - seen - UNSEEN.keys() == set(), "show it on the styleguide, or say here why not"
    assert UNSEEN.keys() <= known - seen, "these are seen, or gone"
