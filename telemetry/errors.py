"""Errors that are sentences for the person who must act."""

from __future__ import annotations


class UserError(Exception):
    """Something the person at the keyboard can mend: the message says what failed, where, and what to do.

    Commands print the message without a traceback and exit with `exit_code`.
    """

    exit_code = 2


class UnavailableError(UserError):
    """A server, broker or device that is needed does not answer or refuses."""

    exit_code = 3
