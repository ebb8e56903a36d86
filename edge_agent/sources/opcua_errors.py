"""Errors of OPC UA connections as sentences."""

from __future__ import annotations

import asyncio


def sentence(error: BaseException) -> str:
    """The error as text for a message."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
