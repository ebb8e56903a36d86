"""Takes the pictures of the documentation from a running demo: `make docs-pictures`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from vrijloop.demo.workplace import free_ports

FOLDER = Path(__file__).parent / "pictures"
VIEWS = {
    "page": ("/?lang=en", 1100, 1000),
    "page-phone": ("/?lang=nl", 390, 844),
    "platform": ("/?lang=en&view=week", 1100, 1000),
}


def main() -> None:
    browser_path = shutil.which("chromium")
    if browser_path is None:
        sys.exit("chromium is not installed: `apt install chromium`.")
    FOLDER.mkdir(exist_ok=True)
    port = free_ports(1)[0]
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "vrijloop", "demo", "--data-dir", data, "--port", str(port)]
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            for line in demo.stdout or ():
                print(line, end="")
                if "Live now" in line:
                    break
            time.sleep(2)
            _shoot(browser_path, f"http://127.0.0.1:{port}")
        finally:
            demo.terminate()
            demo.wait(60)


def _shoot(browser_path: str, url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        for name, (path, width, height) in VIEWS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(url + path)
            page.wait_for_selector("li.offer, ol.week")
            page.wait_for_timeout(500)
            page.screenshot(path=FOLDER / f"{name}.png")
            print(FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
