"""The store of a server, for commands that read or change it themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from telemetry import SystemClock, UnavailableError, UserError

if TYPE_CHECKING:
    from stores import StateStore
    from vrijloop.server_settings import ServerSettings


@contextmanager
def opened_store(settings: ServerSettings) -> Iterator[StateStore]:
    """Open the store. What it cannot do is a UserError, here and in the caller's block, as a command says it in one sentence."""
    from stores import StoreRefusedError, StoreUnavailableError
    from stores.configuration import open_store

    with closing(open_store(settings.store, settings.data_dir, SystemClock())) as store:
        try:
            yield store
        except StoreUnavailableError as error:
            raise UnavailableError(f"{error}.") from error
        except StoreRefusedError as error:
            raise UserError(f"{error}.") from error
