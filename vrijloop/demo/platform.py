"""The demo's sharing platform in a process of its own: the platform as it is, the script of its region, and a page that signs one in as one of the demo's people.

    python -m vrijloop.demo.platform FOLDER --database URL --tokens-file FILE --port PORT --mail FOLDER

Script and page are no part of the platform: they are added here, for the platform on 127.0.0.1 that the demo started.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from threading import Thread

from fastapi import FastAPI

from sharing_platform.scheduler import ScheduledJobs
from telemetry import SystemClock, UserError
from telemetry.logs import log_to_stderr
from vrijloop.demo.progress import Progress, begin, note, progress_in
from vrijloop.demo.region import EVERY, Region, begin_of_script
from vrijloop.demo.script_clock import ScriptClock
from vrijloop.demo.services import POLL_S
from vrijloop.demo.sign_in_page import add_demo
from vrijloop.demo.verbs import Stage
from vrijloop.platform_server import PlatformOptions, run_platform

_log = logging.getLogger(__name__)


def main(arguments: list[str]) -> None:
    """Serve until SIGINT or SIGTERM. Raises UserError."""
    parser = argparse.ArgumentParser(prog="vrijloop.demo.platform")
    parser.add_argument("folder", type=Path, help="The demo's folder.")
    parser.add_argument("--database", required=True)
    parser.add_argument("--tokens-file", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mail", required=True)
    parser.add_argument("--private-webhooks", action="store_true")
    given = parser.parse_args(arguments)
    options = PlatformOptions(
        given.database,
        given.tokens_file,
        port=given.port,
        mail=given.mail,
        private_webhooks=given.private_webhooks,
    )
    clock, now = ScriptClock(), SystemClock().now()
    playing = begin(given.folder)
    if playing:
        clock.put(begin_of_script(now))

    def extend(app: FastAPI) -> None:
        add_demo(app, given.folder)
        if playing:
            jobs = ScheduledJobs(app.state.context, app.state.machine_index, EVERY)
            stage = Stage(options, Path(given.mail), clock, jobs.tick)
            Thread(target=_play, args=(stage, now, given.folder), name="script", daemon=True).start()

    run_platform(options, clock, extend)


def _play(stage: Stage, now: datetime, folder: Path) -> None:
    """A platform whose script cannot be played ends."""
    try:
        with ExitStack() as opened:
            region = Region(stage, now, opened)
            region.play_fortnight()
            stage.clock.let_go()
            note(folder, Progress.WAITS)
            while progress_in(folder) is not Progress.ON_OFFER:
                time.sleep(POLL_S)
            region.play_present()
            note(folder, Progress.PLAYED)
    except Exception:  # noqa: BLE001 - whatever it is, the demo must not wait for a script that has ended
        _log.exception("The script of the demo's region could not be played.")
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    log_to_stderr()
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
