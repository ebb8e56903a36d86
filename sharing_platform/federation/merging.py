"""Merges what a neighbour's feed says with what is known of it. Pure.

Whatever is lost, doubled or interrupted: once a feed has been read up to its end, what we know is what is shared there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sharing_platform.federation.messages import FeedPage, HomeRequest, Shared, read_item

Key = tuple[str, str]
"""Kind and id."""
_K = TypeVar("_K")


@dataclass(frozen=True)
class Reading:
    """How far a feed is read. `mark` None: from its beginning. `seen`: what it has named since then, where it is read from its beginning; else None."""

    mark: str | None
    seen: frozenset[Key] | None = None


@dataclass(frozen=True)
class Merged:
    """What a page changes. `gone_but`: everything else is gone, too; None where that is not known yet."""

    reading: Reading
    put: Mapping[Key, Shared] = field(default_factory=dict)
    gone: frozenset[Key] = frozenset()
    requests: tuple[HomeRequest, ...] = ()
    gone_but: frozenset[Key] | None = None
    complete: bool = False
    unreadable: int = 0


def merge(reading: Reading, page: FeedPage) -> Merged:
    """`reading`: with which the page was asked for. Of several changes of a thing, the latest counts."""
    from_start = page.reset or reading.mark is None
    seen = frozenset() if from_start else reading.seen
    put: dict[Key, Shared] = {}
    gone: set[Key] = set()
    requests: dict[str, HomeRequest] = {}
    unreadable = 0
    for change in page.changes:
        key = change.kind, change.id
        item = read_item(change)
        unreadable += item is None and change.content is not None
        if isinstance(item, HomeRequest):
            requests[item.id] = item
        elif item is None:
            put.pop(key, None)
            gone.add(key)
        else:
            put[key] = item
            gone.discard(key)
    if seen is not None:
        seen = (seen | put.keys()) - gone
    done = not page.more
    return Merged(
        Reading(page.mark, None if done else seen),
        put,
        frozenset(gone),
        tuple(requests.values()),
        seen if done else None,
        done,
        unreadable,
    )


def digest_of(content: Mapping[str, Any]) -> str:
    """Of two contents that say the same, the same."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def changed(known: Mapping[_K, str], present: Mapping[_K, str]) -> tuple[list[_K], list[_K]]:
    """What is new or different, and what is gone, of all that is shared, by the digests of what the feed says and of what it should say."""
    different = [key for key, digest in present.items() if known.get(key) != digest]
    return different, [key for key in known if key not in present]
