"""The demo's sharing platform in a process of its own: the platform as it is, the script of its region, and a page that signs one in as one of the demo's people.

    python -m vrijloop.demo platform FOLDER --database URL --tokens-file FILE --port PORT --mail FOLDER

Script and page are no part of the platform: they are added here, for the platform on 127.0.0.1 that the demo started.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import uvicorn
from fastapi import FastAPI

from sharing_platform.app import no_webhooks
from sharing_platform.notifications.delivery import Channels, DeliveryWorker
from sharing_platform.notifications.mail import FolderMailer
from sharing_platform.organisations.credentials import hash_passwords_fast
from sharing_platform.scheduler import ScheduledJobs
from telemetry import SystemClock
from telemetry.logs import log_to_stderr
from vrijloop.demo.progress import Progress, begin, note, progress_in
from vrijloop.demo.region import EVERY, Region, begin_of_script
from vrijloop.demo.script_clock import ScriptClock
from vrijloop.demo.services import POLL_S
from vrijloop.demo.sign_in_page import add_demo
from vrijloop.demo.verbs import Stage
from vrijloop.http_server import listen_on
from vrijloop.platform_server import PlatformOptions, run_platform

_log = logging.getLogger(__name__)


def main(arguments: list[str]) -> None:
    """Serve until SIGINT or SIGTERM. Raises UserError."""
    log_to_stderr()
    parser = argparse.ArgumentParser(prog="vrijloop.demo platform")
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

    with ExitStack() as opened:

        def extend(app: FastAPI) -> None:
            add_demo(app, given.folder)
            if playing:
                region = Region(_stage(app, options, clock), now, opened)
                # The people of the script have random passwords, which nobody keeps.
                with _served(app) as url, hash_passwords_fast():
                    region.play_fortnight(url)
                clock.let_go()
                note(given.folder, Progress.WAITS)
                Thread(target=_play_present, args=(region, options, given.folder), name="script", daemon=True).start()

        run_platform(options, clock, extend)


def _stage(app: FastAPI, options: PlatformOptions, clock: ScriptClock) -> Stage:
    """What the platform does by itself, it does when the script lets it."""
    context, mail = app.state.context, Path(options.mail or "")
    jobs = ScheduledJobs(context, app.state.machine_index, EVERY)
    channels = Channels(FolderMailer(mail), options.mail_from, no_webhooks, private_webhooks=True, url=context.url)
    worker = DeliveryWorker(context.sessions, context.now, channels)

    def catch_up() -> None:
        jobs.tick()
        worker.deliver_due()

    return Stage(options, mail, clock, catch_up)


@contextmanager
def _served(app: FastAPI) -> Iterator[str]:
    """At an address of its own, without the threads that do by themselves what is due. Nobody else finds a platform whose clock is not the real one."""
    with listen_on("127.0.0.1", 0) as listener:
        config = uvicorn.Config(app, lifespan="off", log_level="warning")
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="fortnight")
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _play_present(region: Region, options: PlatformOptions, folder: Path) -> None:
    """A platform whose script cannot be played ends."""
    try:
        while progress_in(folder) is not Progress.ON_OFFER:
            time.sleep(POLL_S)
        region.play_present(options.public_url)
        note(folder, Progress.PLAYED)
    except Exception:  # noqa: BLE001 - whatever it is, the demo must not wait for a script that has ended
        _log.exception("The script of the demo's region could not be played.")
        os.kill(os.getpid(), signal.SIGTERM)
