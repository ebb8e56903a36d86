"""Where each report is: waiting, acknowledged by the broker, or in the store. Pure decisions over ranges of sequence numbers.

waiting ─▶ acknowledged by the broker ─▶ told by ingest to be stored
   ▲                  │
   └── lost: what was sent later is stored, and this is not
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from telemetry.ranges import Range, Ranges, count, difference, intersection, ranges_of, union
from telemetry.stored_reports import StoredReports

OVERTAKEN_S = 10.0
"""A report is lost if one that the broker acknowledged so much later is stored and it is not: several workers store at different speeds."""
LONGEST_OVERTAKEN_S = 640.0
"""Each repetition doubles the time above, up to this one: a worker with a long queue is not sent the same thing again and again."""
WITHDRAWN_S = 60.0
"""What was stored and no longer is, is believed to be lost after this time: workers learn of each other's reports within 15 s."""
RECENT_S = 60.0
"""After a lost connection, what was acknowledged in the last so many seconds is sent again unless it is stored: a broker that was killed forgets it."""
_JOINED_S = 1.0
_MAX_GROUPS = 200


FIRST_UNDER_WAY, LEAST_UNDER_WAY, MOST_UNDER_WAY = 2_400, 1_600, 1_000_000
"""Reports of a backlog that may be acknowledged by the broker and not yet known to be stored: at first, at least and at most."""
MENDED = 100
"""Numbers of a gap between what is stored that is filled before the rest of a backlog: a longer one is the rest."""
TORN = 50
"""Ranges in what ingest tells from which on a backlog is sent more slowly."""
UNTOLD_S = 5.0
"""An ingest that tells nothing for so long after the first acknowledgement is of an older version: nothing waits for its word."""


@dataclass(slots=True)
class BacklogPace:
    """How much of a backlog may be on its way.

    Several workers store parts of it at different speeds. Until all of them have, every other number may be a range of its own in a worker's ledger,
    which has room for 2,000, of which others fill 500 before it looks at theirs; beyond that it closes gaps, and what is lost in them is not sent again.
    """

    limit: int = FIRST_UNDER_WAY
    told_at: float | None = None
    _acknowledged_at: float | None = None
    _waits: bool = False
    _stored: int | None = 0
    """How much was stored when the limit was raised; None where what ingest told last does not say."""

    def acknowledge(self, now: float) -> None:
        """The broker has acknowledged something. Times are monotonic seconds."""
        if self._acknowledged_at is None:
            self._acknowledged_at = now

    def tell(self, told: StoredReports, now: float) -> None:
        """Ingest has told what is stored."""
        self.told_at = now
        stored = count(told.ranges)
        if len(told.ranges) >= TORN:
            self.limit, self._stored = max(LEAST_UNDER_WAY, self.limit // 2), None
        elif self._stored is None or not self._waits:  # only what was tried says whether more can be taken
            self._stored = max(self._stored or 0, stored)  # a worker may not know yet what another has told
        elif stored - self._stored >= self.limit:  # all that was tried: each worker tells, also of what was before
            self.limit, self._stored = min(MOST_UNDER_WAY, self.limit * 2), stored
        self._waits = False

    def room(self, on_the_way: int, now: float) -> int | None:
        """How many more reports of a backlog may be sent, with so many on their way; None: as many as there are."""
        untold = self.told_at is None and self._acknowledged_at is not None and now - self._acknowledged_at > UNTOLD_S
        if untold:
            return None
        room = max(0, self.limit - on_the_way)
        self._waits |= room == 0
        return room


@dataclass(slots=True)
class _Group:
    """Reports acknowledged at about the same time. `wait`: how much later another one must have been sent for these to be lost."""

    at: float
    ranges: list[Range]
    wait: float


@dataclass(slots=True)
class Delivery:
    """Times are monotonic seconds. What is neither in `stored` nor in `acknowledged` waits to be sent."""

    stored: list[Range] = field(default_factory=list)
    told_at: float | None = None
    """When ingest last told what is stored; None before the first time."""
    lost_again: bool = False
    """Whether something that ingest's last word shows to be lost had been lost before."""
    hiding: list[Range] = field(default_factory=list)
    """Short gaps, where ingest's last word has so many that it says nothing of what lies before: as long as they are open, that cannot be told, and
    a backlog that waits for it would wait for ever, if they were filled after it."""
    _groups: list[_Group] = field(default_factory=list)
    _repeated: list[_Group] = field(default_factory=list)

    @property
    def acknowledged(self) -> list[Range]:
        """What the broker has, and the store as far as known not."""
        return union(*(group.ranges for group in self._groups))

    @property
    def sent(self) -> list[Range]:
        """What need not be sent."""
        return union(self.stored, *(group.ranges for group in self._groups))

    @property
    def on_the_way(self) -> int:
        """How many reports the broker has, of which ingest never told that they are stored."""
        return sum(count(group.ranges) for group in self._groups if group.wait != WITHDRAWN_S)

    def acknowledge(self, seqs: Iterable[int], now: float) -> None:
        """The broker has acknowledged these."""
        fresh = difference(ranges_of(seqs), self.sent)
        repeated = [group for group in self._repeated if intersection(group.ranges, fresh)]
        for group in repeated:
            again = intersection(group.ranges, fresh)
            fresh = difference(fresh, again)
            group.ranges = difference(group.ranges, again)
            self._add(_Group(now, again, min(2 * group.wait, LONGEST_OVERTAKEN_S)))
        self._repeated = [group for group in self._repeated if group.ranges]
        if fresh:
            self._add(_Group(now, fresh, OVERTAKEN_S))

    def _add(self, new: _Group) -> None:
        for group in reversed(self._groups[-4:]):
            if group.wait == new.wait and new.at - group.at < _JOINED_S:
                group.ranges = union(group.ranges, new.ranges)
                return
        self._groups.append(new)
        if len(self._groups) > _MAX_GROUPS:  # after a long time without a word from ingest
            first, second = self._groups[:2]
            joined = _Group(second.at, union(first.ranges, second.ranges), max(first.wait, second.wait))
            self._groups[:2] = [joined]

    def tell(self, told: StoredReports, now: float) -> list[Range]:
        """Ingest has told what is stored. Returns what is lost and waits again."""
        self.told_at = now
        between = ((one[1] + 1, following[0] - 1) for one, following in itertools.pairwise(told.ranges))
        self.hiding = [gap for gap in between if told.since > 1 and gap[1] - gap[0] < MENDED]
        unspoken = [(1, told.since - 1)] if told.since > 1 else []
        stored = union(intersection(self.stored, unspoken), told.ranges)
        withdrawn = difference(self.stored, stored)
        self.stored = stored
        proof = max((group.at for group in self._groups if intersection(group.ranges, told.ranges)), default=None)
        lost: list[Range] = []
        self.lost_again = False
        for group in self._groups:
            group.ranges = difference(group.ranges, told.ranges)
            if proof is not None and group.at + group.wait <= proof:
                gone = difference(group.ranges, unspoken)
                group.ranges = difference(group.ranges, gone)
                lost = union(lost, gone)
                self.lost_again |= bool(gone) and group.wait > OVERTAKEN_S and group.wait != WITHDRAWN_S
                self._repeated.append(_Group(group.at, gone, group.wait))
        self._groups = [group for group in self._groups if group.ranges]
        for group in self._repeated:
            group.ranges = difference(group.ranges, told.ranges)
        self._repeated = [group for group in self._repeated if group.ranges]
        if withdrawn:
            self._groups.append(_Group(now, withdrawn, WITHDRAWN_S))
        return lost

    def reconnect(self, lost_at: float) -> list[Range]:
        """The connection is there again. Returns what may have been lost with the broker and waits again.

        Nothing, if ingest was silent before the loss: the reports then wait in the broker, and the next ones will show whether they still do.
        """
        if self.told_at is None or self.told_at < lost_at - RECENT_S:
            return []
        recent = [group for group in self._groups if group.at > lost_at - RECENT_S and group.wait != WITHDRAWN_S]
        self._groups = [group for group in self._groups if group not in recent]
        return union(*(group.ranges for group in recent))

    def to_json(self) -> tuple[str, str]:
        """`stored` and `acknowledged`, as written to the outbox file."""
        return json.dumps(self.stored, separators=(",", ":")), json.dumps(self.acknowledged, separators=(",", ":"))

    @classmethod
    def from_json(cls, stored: str, acknowledged: str) -> Delivery:
        """Of an earlier run, which acknowledged before everything of this one."""
        made = cls(_ranges(stored))
        groups = _ranges(acknowledged)
        if groups:
            made._groups.append(_Group(float("-inf"), groups, OVERTAKEN_S))
        return made


def _ranges(text: str) -> list[Range]:
    return [(int(first), int(last)) for first, last in json.loads(text)]


def highest(ranges: Ranges) -> int:
    """The highest number in them; 0 if there is none."""
    return ranges[-1][1] if ranges else 0
