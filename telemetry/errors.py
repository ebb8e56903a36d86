"""Errors whose message tells the user what to do."""

from __future__ import annotations


class UserError(Exception):
    """An error that the user can correct. The message says what failed, where, and what to do.

    Commands print the message without a traceback and exit with `exit_code`.
    """

    exit_code = 2


class UnavailableError(UserError):
    """A required server, broker or device does not answer, or refuses the request."""

    exit_code = 3
