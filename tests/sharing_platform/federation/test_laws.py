"""Laws of what goes between regions: whatever is lost, doubled, late or interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sharing_platform.federation.forwarding import (
    OPEN,
    OVER,
    Asked,
    Forwarded,
    cancel_refused,
    cancelled_here,
    exchange_ended,
    heard,
    overdue,
    to_tell,
)
from sharing_platform.federation.merging import Key, Reading, changed, digest_of, merge
from sharing_platform.federation.messages import Change, FeedPage
from tests.sharing_platform.conftest import NOON

EXAMPLES = settings(deadline=None)
_ENDS = (Asked.DECLINED, Asked.EXPIRED, Asked.WITHDRAWN)


@dataclass
class Home:
    """A home platform with one machine: it books each hour once, and knows each request by its id."""

    hours: dict[int, str] = field(default_factory=dict)
    steps: dict[str, list[Asked]] = field(default_factory=dict)
    cancellable: set[str] = field(default_factory=set)

    def ask(self, name: str, hour: int) -> None:
        if name in self.steps:
            return
        if hour in self.hours:
            self.steps[name] = [Asked.REFUSED]
        else:
            self.hours[hour], self.steps[name] = name, [Asked.HELD]
            self.cancellable.add(name)

    def cancel(self, name: str) -> None:
        if name not in self.steps:
            self.steps[name] = [Asked.CANCELLED]
        elif name in self.cancellable:
            self._end(name, Asked.CANCELLED)

    def answer(self, name: str, state: Asked) -> None:
        if self.steps.get(name, [None])[-1] is not Asked.HELD:
            return
        if state is Asked.ACCEPTED:
            self.steps[name].append(state)
        else:
            self._end(name, state)

    def cancel_agreed(self, name: str) -> None:
        if self.steps.get(name, [None])[-1] is Asked.ACCEPTED:
            self._end(name, Asked.CANCELLED)

    def too_late(self, name: str) -> None:
        """From now on the seeker may not cancel what is accepted."""
        if self.steps.get(name, [None])[-1] is Asked.ACCEPTED:
            self.cancellable.discard(name)

    def _end(self, name: str, state: Asked) -> None:
        self.steps[name].append(state)
        self.cancellable.discard(name)
        self.hours = {hour: of for hour, of in self.hours.items() if of != name}

    def news(self, name: str) -> tuple[Asked, int, bool]:
        return self.steps[name][-1], len(self.steps[name]), name in self.cancellable


NAMES = ("a", "b", "c")


@dataclass
class World:
    """Three requests for the same hour. Messages in both directions are delivered in any order, twice, or never."""

    home: Home = field(default_factory=Home)
    known: dict[str, Forwarded] = field(default_factory=lambda: dict.fromkeys(NAMES, Forwarded(Asked.ASKING)))
    told: dict[str, list[Asked]] = field(default_factory=lambda: {name: [] for name in NAMES})
    wire: list[tuple[str, str, Any]] = field(default_factory=list)

    def ask(self, name: str, _: int) -> None:
        if self.known[name].state is Asked.ASKING:
            self.wire.append(("ask", name, None))

    def cancel(self, name: str, _: int) -> None:
        after = cancelled_here(self.known[name], NOON, None)
        if after is not None:
            self._set(name, after)
            self.wire.append(("cancel", name, None))

    def deliver(self, _: str, place: int) -> None:
        if self.wire:
            self._deliver(self.wire.pop(place % len(self.wire)))

    def double(self, _: str, place: int) -> None:
        if self.wire:
            self._deliver(self.wire[place % len(self.wire)])

    def lose(self, _: str, place: int) -> None:
        if self.wire:
            self.wire.pop(place % len(self.wire))

    def accept(self, name: str, _: int) -> None:
        self.home.answer(name, Asked.ACCEPTED)

    def end(self, name: str, place: int) -> None:
        self.home.answer(name, _ENDS[place % len(_ENDS)])

    def provider_cancels(self, name: str, _: int) -> None:
        self.home.cancel_agreed(name)

    def too_late(self, name: str, _: int) -> None:
        self.home.too_late(name)

    def heal(self) -> None:
        """The network is whole again: what waits is sent, news is heard, and what is under way comes last of all."""
        late = list(self.wire)
        for name in NAMES:
            waits = {Asked.ASKING: "ask", Asked.CANCELLING: "cancel"}.get(self.known[name].state)
            if waits is not None:
                self._deliver((waits, name, None))
            if name in self.home.steps:
                self._deliver(("news", name, self.home.news(name)))
        for message in late:
            if message[0] in ("news", "cancelled"):
                self._deliver(message)

    def _deliver(self, message: tuple[str, str, Any]) -> None:
        kind, name, news = message
        if kind == "ask":
            self.home.ask(name, 0)
            self.wire.append(("news", name, self.home.news(name)))
        elif kind == "cancel":
            self.home.cancel(name)
            self.wire.append(("cancelled", name, self.home.news(name)))
        else:
            after = heard(self.known[name], *news)
            self._set(name, cancel_refused(after, *news[:2]) if kind == "cancelled" else after)

    def _set(self, name: str, after: Forwarded) -> None:
        after, outcome = to_tell(after)
        if self.known[name].state in OVER:
            assert after == self.known[name], "what is over stays so"
        self.known[name] = after
        self.told[name] += [outcome] if outcome is not None else []


ACTIONS = ("ask", "ask", "deliver", "deliver", "deliver", "double", "lose", "cancel", "accept", "end", "provider_cancels", "too_late")  # fmt: skip


@EXAMPLES
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(NAMES), st.integers(0, 5)), max_size=60))
def test_hours_are_booked_once_and_an_outcome_is_told_once(actions: list[tuple[str, str, int]]) -> None:
    world = World()
    for action, name, place in actions:
        getattr(world, action)(name, place)
        live = [one for one, steps in world.home.steps.items() if steps[-1] in (Asked.HELD, Asked.ACCEPTED)]
        assert len(live) <= 1, "an hour is had by one"
    world.heal()
    for name in NAMES:
        assert world.known[name].state is world.home.steps[name][-1], (name, world.known[name], world.home.steps[name])
        told = world.told[name]
        outcomes = [one for one in told if one is not Asked.CANCELLED]
        assert len(outcomes) <= 1, "one outcome is told"
        assert len(told) == len(set(told)), "and once"


@EXAMPLES
@given(st.sampled_from(Asked), st.sampled_from([None, *Asked]))
def test_ending_and_giving_up_touch_what_waits_alone(state: Asked, told: Asked | None) -> None:
    before = Forwarded(state, 3, told)
    for after in (exchange_ended(before), overdue(before, NOON, NOON + timedelta(days=1, seconds=1))):
        assert (after == before) == (state not in OPEN)
    assert overdue(before, NOON, NOON + timedelta(days=1)) == before


def notice(number: int) -> dict[str, Any]:
    return {"title": f"Notice {number}", "organisation_name": "Hal 2", "wish": {"process": "turning"}}


IDS = tuple("abcde")
Shared = dict[Key, dict[str, Any]]


@dataclass
class Feed:
    """As the tables keep it: each change with the next number. `epoch`: another database has another one."""

    epoch: str = "0a"
    rows: dict[Key, tuple[int, dict[str, Any] | None]] = field(default_factory=dict)
    number: int = 0

    def write(self, shared: Shared) -> None:
        known = {key: digest_of(content) for key, (_, content) in self.rows.items() if content is not None}
        different, gone = changed(known, {key: digest_of(content) for key, content in shared.items()})
        for key, content in [*((key, shared[key]) for key in different), *((key, None) for key in gone)]:
            self.number += 1
            self.rows[key] = (self.number, content)

    def page(self, mark: str | None, limit: int) -> FeedPage:
        epoch, _, number = (mark or "").partition("-")
        known = mark is not None and epoch == self.epoch and int(number) <= self.number
        since = int(number) if known else 0
        rows = sorted((row, key) for key, row in self.rows.items() if row[0] > since)
        shown = rows[:limit]
        more = len(rows) > limit
        return FeedPage(
            zone="Europe/Brussels", changes=[Change(kind=kind, id=id_, content=row[1]) for row, (kind, id_) in shown],
            mark=f"{self.epoch}-{shown[-1][0][0] if more else self.number}", more=more, reset=mark is not None and not known,
        )  # fmt: skip


@dataclass
class Reader:
    """Reads a feed, page by page, as the exchange does. `kept`: titles of what it knows."""

    limit: int
    feed: Feed = field(default_factory=Feed)
    shared: Shared = field(default_factory=dict)
    kept: dict[Key, str] = field(default_factory=dict)
    mark: str | None = None
    reading: Reading = field(default_factory=lambda: Reading(None))

    def share(self, names: dict[str, int]) -> None:
        self.shared = {("notice", name): notice(number) for name, number in names.items()}
        self.feed.write(self.shared)

    def page(self) -> bool:
        page = self.feed.page(self.reading.mark, self.limit)
        merged = merge(self.reading, page)
        self.kept |= {key: item.title for key, item in merged.put.items()}
        gone = merged.gone if merged.gone_but is None else merged.gone | (self.kept.keys() - merged.gone_but)
        self.kept = {key: title for key, title in self.kept.items() if key not in gone}
        self.reading = merged.reading
        if merged.complete or merged.reading.seen is None:
            self.mark = merged.reading.mark
        return page.more

    def all(self) -> None:
        while self.page():
            pass
        assert self.kept == {key: content["title"] for key, content in self.shared.items()}

    def anew(self) -> None:
        """Once an hour."""
        self.reading = Reading(None)

    def interrupted(self) -> None:
        """It goes on from the mark that it has kept."""
        self.reading = Reading(self.mark)

    def restore(self) -> None:
        """Another database stands there."""
        self.feed = Feed(epoch=f"{int(self.feed.epoch, 16) + 1:02x}")
        self.feed.write(self.shared)

    def forget(self) -> None:
        """That something is gone, once everybody has heard it."""
        if self.mark == f"{self.feed.epoch}-{self.feed.number}":
            self.feed.rows = {key: row for key, row in self.feed.rows.items() if row[1] is not None}


STEPS = ("page", "page", "all", "all", "anew", "interrupted", "forget", "restore")


@EXAMPLES
@given(
    st.lists(st.one_of(st.dictionaries(st.sampled_from(IDS), st.integers(0, 3)), st.sampled_from(STEPS)), max_size=30),
    st.integers(1, 3),
)
def test_who_has_read_a_feed_to_its_end_knows_what_is_shared(steps: list[dict[str, int] | str], limit: int) -> None:
    """Whatever changes meanwhile, wherever reading is interrupted, whether the feed forgets what is gone or is another one from now on."""
    reader = Reader(limit)
    for step in steps:
        if isinstance(step, dict):
            reader.share(step)
        else:
            getattr(reader, step)()
    reader.all()


def test_what_is_not_understood_is_left_out_alone() -> None:
    good = {"title": "Assen", "organisation_name": "Hal 2", "wish": {}}
    changes = [
        Change(kind="notice", id="1", content=good | {"more": "than we know"}),
        Change(kind="notice", id="2", content={"title": "x"}),
        Change(kind="robot", id="3", content={"title": "Robot"}),
        Change(kind="notice", id="4", content=good | {"title": "regel\nregel"}),
    ]
    page = FeedPage(zone="Europe/Brussels", changes=changes, mark="0a-4", more=False, reset=False)
    merged = merge(Reading(None), page)
    assert (set(merged.put), merged.unreadable) == ({("notice", "1")}, 3)
    again = merge(Reading("0a-1"), page.model_copy(update={"reset": True}))
    assert again.gone_but == frozenset({("notice", "1")})


def test_a_request_is_cancelled_until_it_is_too_late() -> None:
    agreed = Forwarded(Asked.ACCEPTED, 2, Asked.ACCEPTED)
    assert cancelled_here(agreed, NOON, NOON) is None
    cancelling = cancelled_here(agreed, NOON, NOON + timedelta(seconds=1))
    assert cancelling == replace(agreed, state=Asked.CANCELLING)
    # The factory was faster: it is too late over there.
    assert cancel_refused(cancelling, Asked.ACCEPTED, 2) == agreed
