"""How InfluxDB cuts time into shards, files of their own. Pure."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from stores.report_batch import to_epoch_milliseconds

SHARD = timedelta(weeks=12)
"""Time span of one shard. The cost of a query grows with the shards, series and fields it reads: with InfluxDB's default of seven days a year
would cost fifty times as much as a week."""
_MOST = 50
"""A longer time than ten years is not cut: hardly a shard of it has points, and each statement costs something of its own."""
_SHARD_MS = round(SHARD / timedelta(milliseconds=1))
_FIRST_MS = to_epoch_milliseconds(datetime.min.replace(tzinfo=UTC))
"""The beginning of the year 1, from which shards are counted."""


def shard_duration(keep: timedelta | None) -> timedelta:
    """`SHARD`, but no longer than the retention period."""
    return min(SHARD, keep) if keep is not None else SHARD


def within_shards(first: int, last: int) -> list[str]:
    """Conditions for the times from `first` to before `last`, in milliseconds, one for each shard.

    What a statement reads from several shards the server merges, and copies each row for that, which is a sixth of the row's cost. Where a bucket
    has shards of another length, only this gain is lost.
    """
    following = range(first - (first - _FIRST_MS) % _SHARD_MS + _SHARD_MS, last, _SHARD_MS)
    cuts = [first, *following, last] if len(following) < _MOST else [first, last]
    return [f"time >= {begin}ms AND time < {end}ms" for begin, end in itertools.pairwise(cuts)]
