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
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from vrijloop.demo.workplace import free_ports

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
VIEWS = {
    "page": ("/?lang=en", 1280, 1200),
    "page-phone": ("/?lang=nl", 390, 844),
    "platform": ("/?lang=en&view=week", 1280, 1000),
    "shared": ("/listings?lang=en", 1280, 900),
}
# Pages that need people and requests: the tests of the platform have them.
FROM_THE_TESTS = {"desk": "1100-o-desk.png", "region": "1100-r-region.png"}


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
            _shoot_control_room(browser, control, (data / "secrets" / "server-token").read_text())
            _shoot_terminal(browser, data)
        finally:
            demo.terminate()
            demo.wait(60)
        browser.close()
    _take_from_the_tests()


def _shoot(browser: Browser, url: str) -> None:
    for name, (path, width, height) in VIEWS.items():
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(url + path)
        page.wait_for_selector("li.offer, li.tile, ol.week")
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / f"{name}.png")
        print(FOLDER / f"{name}.png")


def _shoot_control_room(browser: Browser, url: str, token: str) -> None:
    for language in ("nl", "en"):
        page = browser.new_context(viewport={"width": 1280, "height": 1100}).new_page()
        page.goto(f"{url}?lang={language}")
        page.fill("#token", token)
        page.click("form.sign-in button")
        for picture in ("today", "forecast", "used"):
            while not page.evaluate(
                "id => !!window.Chart?.getChart(id)?.data.datasets.some(one => one.data.length)", picture
            ):
                page.wait_for_timeout(100)
        page.wait_for_timeout(500)
        page.screenshot(path=FOLDER / f"control-room-{language}.png")
        print(FOLDER / f"control-room-{language}.png")


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


def _take_from_the_tests() -> None:
    with tempfile.TemporaryDirectory() as drawn:
        test = "tests/sharing_platform/test_browser.py::test_every_page_is_fit_for_everybody[sqlite-1100]"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", test],
            cwd=ROOT,
            check=True,
            env=os.environ | {"VRIJLOOP_PICTURES": drawn},
        )
        for name, picture in FROM_THE_TESTS.items():
            shutil.copy(Path(drawn) / picture, FOLDER / f"{name}.png")
            print(FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
