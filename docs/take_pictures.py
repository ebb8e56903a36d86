"""Takes the pictures of the documentation from running programs: `make docs-pictures`."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.journeys import JOURNEYS, WIDTHS, sign_in, wait_for_charts
from tests.sharing_platform.federation.sample import add_neighbour
from tests.vrijloop.demo_platform import demo_platform
from vrijloop.demo.workplace import free_ports

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
GALLERY = FOLDER / "gallery"
VIEWS = {
    "page": ("/?lang=en", 1280, 1200),
    "page-phone": ("/?lang=nl", 390, 844),
    "platform": ("/?lang=en&view=week", 1280, 1000),
    "shared": ("/listings?lang=en", 1280, 900),
    "learning": ("/learning?lang=en", 1280, 1100),
}
OWN_VIEWS = {
    "desk": ("Eva Peeters", "/desk", 1280, 1000),
    "region": ("Lies Jans", "/region/administration", 1280, 1000),
    "comparison": ("Eva Peeters", "/comparison?lang=en", 1280, 1000),
    "self-assessment": ("Eva Peeters", "/self-assessment?lang=en", 1280, 900),
}
"""What people see who are signed in."""
GALLERY_INTRODUCTION = [
    "Taken by `make docs-pictures` on the way of eight people through the running demo (`make demo`, then the page `/demo`); tests walk the same ways",
    "(`tests/journeys.py`).",
]


def main() -> None:
    browser_path = shutil.which("chromium")
    if browser_path is None:
        sys.exit("chromium is not installed: `apt install chromium`.")
    FOLDER.mkdir(exist_ok=True)
    port = free_ports(1)[0]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        data = Path(name)
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        command = [sys.executable, "-m", "vrijloop", "demo", "--data-dir", name, "--port", str(port)]
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"})
        control = ""
        try:
            for line in demo.stdout or ():
                print(line, end="")
                found = re.search(r"http://\S+/control", line)
                control = found.group() if found else control
                if "Live now" in line:
                    break
            time.sleep(2)
            _shoot(browser, f"http://127.0.0.1:{port}")
            _shoot_own(browser, f"http://127.0.0.1:{port}")
            _walk(browser, f"http://127.0.0.1:{port}")
            _shoot_control_room(browser, control, (data / "secrets" / "server-token").read_text())
            _shoot_terminal(browser, data)
        finally:
            demo.terminate()
            demo.wait(60)
        _shoot_neighbours(browser)
        browser.close()


def _shoot(browser: Browser, url: str) -> None:
    for name, (path, width, height) in VIEWS.items():
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(url + path)
        page.wait_for_selector("li.offer, li.tile, ol.week")
        page.wait_for_timeout(500)
        _keep(page, name)


def _shoot_own(browser: Browser, url: str) -> None:
    for name, (person, path, width, height) in OWN_VIEWS.items():
        page = browser.new_page(viewport={"width": width, "height": height}, base_url=url, locale="nl-BE")
        sign_in(page, person)
        page.goto(path)
        page.wait_for_timeout(1000)
        _keep(page, name)


def _shoot_control_room(browser: Browser, url: str, token: str) -> None:
    for language in ("nl", "en"):
        page = browser.new_context(viewport={"width": 1280, "height": 1100}).new_page()
        page.goto(f"{url}?lang={language}")
        page.fill("#token", token)
        page.click("form.sign-in button")
        wait_for_charts(page, "today", "forecast", "used")
        page.wait_for_timeout(500)
        _keep(page, f"control-room-{language}")


def _shoot_neighbours(browser: Browser) -> None:
    """Hours in a neighbouring region, which the demo has not: the demo's region on a platform of the tests, and what such a region would have told."""
    with tempfile.TemporaryDirectory() as name, demo_platform(Path(name)) as platform:
        add_neighbour(platform)
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, base_url=platform.url, locale="nl-BE")
        sign_in(page, "An Claes")
        page.goto("/search?q=hermle&neighbours=yes")
        page.locator("#neighbours a").click()
        page.wait_for_selector("form.form textarea")
        _keep(page, "neighbours")
        page.close()


def _keep(page: Page, name: str) -> None:
    """In as few bytes as look the same: pages have few colours."""
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
    with Image.open(file) as taken:
        taken.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    print(file)


def _shoot_terminal(browser: Browser, data: Path) -> None:
    """What `agent check` says of the demo's machines."""
    config = next(data.glob("agent*.toml"))
    command = [sys.executable, "-m", "vrijloop", "agent", "check", "--config", str(config)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "110"}, timeout=120, check=True
    )
    said = f"$ vrijloop agent check --config agent.toml\n{done.stdout}"
    page = browser.new_page(viewport={"width": 1000, "height": 200})
    style = "margin:0;padding:1rem;background:#1b2420;color:#e8efe9;font:15px/1.35 'DejaVu Sans Mono',monospace;display:inline-block"
    page.set_content(f'<pre style="{style}">{html.escape(said)}</pre>')
    page.locator("pre").screenshot(path=FOLDER / "technician.png")
    print(FOLDER / "technician.png")


def _walk(browser: Browser, url: str) -> None:
    """Eight people's journeys, at two widths: the pictures of the gallery, and the page that shows them."""
    shutil.rmtree(GALLERY, ignore_errors=True)
    GALLERY.mkdir()
    lines = ["# Eight people, on a phone and on a wide screen", "", *GALLERY_INTRODUCTION, ""]
    for who, journey in JOURNEYS.items():
        taken: list[str] = []
        for width in WIDTHS:
            page = browser.new_page(
                viewport={"width": width, "height": 844 if width < 600 else 900}, base_url=url, locale="nl-BE"
            )
            journey(page, partial(_take, taken, f"{who}-{width}"))
            page.close()
        lines += [f"## {who.replace('-', ' ').capitalize()}", "", (journey.__doc__ or "").strip(), ""]
        lines += [f"![{Path(one).stem.replace('-', ' ')}](pictures/gallery/{one})" for one in taken] + [""]
    (FOLDER.parent / "gallery.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _take(taken: list[str], prefix: str, page: Page, name: str) -> None:
    page.wait_for_timeout(400)
    file = f"{prefix}-{name}.jpg"
    page.screenshot(path=GALLERY / file, type="jpeg", quality=60)
    taken.append(file)
    print(GALLERY / file)


if __name__ == "__main__":
    main()
