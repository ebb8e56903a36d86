"""Pages at 200 % zoom and in a system's own colours: nothing is cut off, the focus is seen, and states are told by more than colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.every_page import CUT_OFF, told
from tests.sharing_platform.test_browser import _page, _problems

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["told"]

FOCUS = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const box = one.getBoundingClientRect(), shown = getComputedStyle(one);
  const at = document.elementFromPoint(Math.min(innerWidth - 1, Math.max(0, box.x + box.width / 2)), Math.min(innerHeight - 1, Math.max(0, box.y + Math.min(box.height, innerHeight) / 2)));
  return {
    name: one.outerHTML.slice(0, 90),
    outlined: shown.outlineStyle !== 'none' && parseFloat(shown.outlineWidth) >= 2,
    seen: box.bottom > 0 && box.top < innerHeight && (!at || one.contains(at) || at.contains(one)),
  };
}"""
BORDERS = """names => names.map(name => {
  const one = document.createElement('article');
  one.className = `ec-event ${name}`;
  document.querySelector('.calendar').append(one);
  const shown = getComputedStyle(one);
  const border = `${shown.borderTopStyle} ${shown.borderTopWidth}`;
  one.remove();
  return border;
})"""


def test_at_twice_the_size_nothing_is_cut_off_and_the_focus_is_seen(
    told: dict[str, str], browser: Browser, platform: Platform
) -> None:
    """A window of 1,280 by 900 pixels, of which half is left, in the system's colours alone: the layout is that of any others."""
    seen = [
        ("", "/"), ("", "/machines/hal-2/mill-1"), ("", "/offers/o2"), ("", "/compare?hours=2&with=hal-2/mill-1&with=hal-2/lathe-2"),
        ("", "/make?q=frezen&processes=turning&hours-turning=2"), ("", "/report?page=/machines/hal-2/mill-1"), ("", "/styleguide"), ("o@hal.be", f"/bookings/{told['booking']}"), ("o@hal.be", "/desk"), ("o@hal.be", "/machines/hal-2/mill-1/hours"), ("o@hal.be", f"/wanted/{told['wanted']}"),
    ]  # fmt: skip
    opened = {
        email: _page(browser, platform, email, viewport={"width": 640, "height": 450}, forced_colors="active")
        for email in ("", "o@hal.be")
    }
    wrong = []
    for email, path in seen:
        page = opened[email]
        page.goto(path)
        wrong += [f"{path}: cut off: {one}" for one in page.evaluate(CUT_OFF)]
        if page.evaluate("document.documentElement.scrollWidth") > 640:
            wrong.append(f"{path}: wider than the window")
        for _ in range(16):
            page.keyboard.press("Tab")
            focus = page.evaluate(FOCUS)
            if focus is None:
                break
            if not focus["outlined"] or not focus["seen"]:
                wrong.append(f"{path}: the focus is not seen: {focus}")
    opened["o@hal.be"].goto("/desk")
    borders = opened["o@hal.be"].evaluate(BORDERS, ["free", "held", "accepted", "kept", "chosen"])
    assert len(set(borders)) == len(borders), borders
    wrong += [problem for page in opened.values() for problem in _problems(page)]
    for page in opened.values():
        page.context.close()
    assert not wrong, "\n".join(wrong)
