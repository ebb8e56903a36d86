"""What every start of the program `vrijloop` has in common."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Callable

from telemetry.errors import UserError

ROOMS = {"telemetry", "stores", "edge_agent", "ingest", "analytics", "sharing_platform", "dashboards", "simulators"}


def run_program(command: Callable[[], object]) -> None:
    """Run a command. Errors that the user can correct are printed as one sentence, without a traceback."""
    # While it imports, a program makes half a million objects that stay. At Python's own threshold, a fifth of the start goes into looking for
    # garbage among them.
    gc.set_threshold(50_000, 20, 20)
    atexit.register(_before_the_end)
    try:
        command()
    except UserError as error:
        print(f"vrijloop: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ROOMS:
            raise
        print(
            f"vrijloop: this command needs {error.name}, which is not installed here. Install `vrijloop[all]`.",
            file=sys.stderr,
        )
        sys.exit(2)


def _before_the_end() -> None:
    """Python ends with looking for garbage among all that the program has loaded, which takes as long as a quarter of loading it."""
    if "_duckdb" in sys.modules:
        gc.unfreeze()  # else DuckDB lists all its objects below the last line of the log, or the sentence that somebody must read
    else:
        gc.freeze()
