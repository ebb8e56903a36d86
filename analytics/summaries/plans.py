"""Points of what was forecast, offered and booked, of promises and their outcomes, and of approvals. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from analytics.cycle import CycleResult
from analytics.policy.approvals import Approval
from analytics.policy.policy import Policy
from analytics.policy.prices import price_per_hour
from analytics.publishing import publications as outcomes
from analytics.publishing.publications import SettledPromise
from analytics.summaries.subjects import lasting_tags_of, tags_of
from stores import Point
from stores.report_batch import to_epoch_milliseconds
from telemetry.measurements import APPROVAL, CAPACITY, HOUR, PROMISES, RELIABILITY

_HOUR = timedelta(hours=1)
PLANNED = ("forecast", "offered", "booked", "held", "offered_eur", "booked_eur")
_SUMMED = dict(
    zip(PLANNED, ("forecast_h", "offered_h", "booked_h", "held_h", "offered_eur", "booked_eur"), strict=True)
)


def plan_points(result: CycleResult, policy: Policy, machines: Sequence[str]) -> list[Point]:
    """The plans in `HOUR` points, for every machine, from the hour after the round to the end of the horizon,
    including zeros. The next round overwrites them; what was planned for an hour when it began stays."""
    first = result.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
    hours = [first + place * _HOUR for place in range(int(policy.horizon / _HOUR) + 1)]
    places = {hour: place for place, hour in enumerate(hours)}
    confirmed = [booking for booking in result.bookings if booking.agreed]
    spans: dict[str, dict[str, list[tuple[datetime, datetime, float]]]] = defaultdict(lambda: defaultdict(list))
    for slot in result.slots:
        spans["offered"][slot.machine].append((slot.start, slot.end, slot.probability))
    for kind, own in (("booked", confirmed), ("held", [booking for booking in result.bookings if booking.held])):
        for booking in own:
            spans[kind][booking.machine].append((booking.start, booking.end, 0.0))
    forecast_at = [places.get(hour) for hour in result.forecast.hours]
    points = []
    for machine in machines:
        rows = [
            dict.fromkeys(("offered", "booked", "held", "offered_eur", "booked_eur", "promised"), 0.0) for _ in hours
        ]
        for kind, per_machine in spans.items():
            for start, end, probability in per_machine.get(machine, ()):
                _spread(rows, places, first, kind, start, end, probability)
        _value(rows, hours, machine, policy)
        for place, share in zip(forecast_at, result.forecast.shares.get(machine, ()), strict=False):
            if place is not None and share == share:
                rows[place]["forecast"] = float(share)
        tags = lasting_tags_of(machine, policy)
        points += [Point(HOUR, tags, hour, {"forecast": 0.0} | row) for hour, row in zip(hours, rows, strict=True)]
    return points


def _spread(
    rows: Sequence[dict[str, float]], places: Mapping[datetime, int], first: datetime, kind: str,
    start: datetime, end: datetime, probability: float,
) -> None:  # fmt: skip
    hour = max(first, start.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
    while hour < end and hour in places:
        row = rows[places[hour]]
        row[kind] += (min(end, hour + _HOUR) - max(start, hour)) / _HOUR
        if kind == "offered":
            row["promised"] = max(row["promised"], probability)
        hour += _HOUR


def _value(rows: Sequence[dict[str, float]], hours: Sequence[datetime], machine: str, policy: Policy) -> None:
    rule = policy.for_machine(machine).price
    if rule is None:
        return
    for row, hour in zip(rows, hours, strict=True):
        if row["offered"] or row["booked"]:
            price = float(price_per_hour(rule, hour, hour + _HOUR, policy.zone))
            row["offered_eur"], row["booked_eur"] = row["offered"] * price, row["booked"] * price


def capacity_points(sums: Mapping[str, Mapping[str, float]], policy: Policy, midnight: datetime) -> list[Point]:
    """`CAPACITY` points of one local day, from the sums of the `PLANNED` fields of `HOUR` points."""
    return [
        Point(CAPACITY, tags_of(machine, policy), midnight, {_SUMMED[name]: own[name] for name in PLANNED})
        for machine, own in sums.items()
    ]


def promise_points(settled: Iterable[SettledPromise], policy: Policy, machines: Collection[str]) -> list[Point]:
    """`PROMISES` and `RELIABILITY` points of every local day on which one of these promises begins. `settled` must
    contain all promises of such a day. An hour of several broken windows counts once in `broken_h`. Of a machine that is none of
    `machines`, which was deleted, nothing is shown; how good the factory's promises were, it still tells."""
    zone = ZoneInfo(policy.zone)
    days: dict[tuple[str, datetime], dict[str, float]] = {}
    bins: dict[tuple[str, datetime], dict[str, float]] = {}
    broken_until: dict[str, datetime] = {}
    for promise in sorted(settled, key=attrgetter("start", "end")):
        midnight = promise.start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        own = days.setdefault(
            (promise.machine, midnight), dict.fromkeys((*outcomes.OUTCOMES, "promised", "broken_h"), 0.0)
        )
        own[promise.outcome] += 1
        if promise.outcome == outcomes.BROKEN:
            reached = max(promise.start, broken_until.get(promise.machine, promise.start))
            own["broken_h"] += max(promise.end - reached, timedelta(0)) / _HOUR
            broken_until[promise.machine] = max(reached, promise.end)
        if promise.outcome in (outcomes.KEPT, outcomes.BROKEN):
            own["promised"] += promise.probability
            name = f"{int(promise.probability * 20 + 1e-9) / 20:.2f}"
            counted = bins.setdefault((name, midnight), dict.fromkeys(("checked", "kept", "promised_sum"), 0.0))
            counted["checked"] += 1
            counted["kept"] += promise.outcome == outcomes.KEPT
            counted["promised_sum"] += promise.probability
    found = [
        Point(PROMISES, tags_of(machine, policy), at, own) for (machine, at), own in days.items() if machine in machines
    ]
    return found + [
        Point(RELIABILITY, {"factory": policy.factory, "promised": name}, at, own) for (name, at), own in bins.items()
    ]


def approval_points(
    approvals: Sequence[Approval], stand: Mapping[str, Sequence[datetime]], policy: Policy
) -> list[Point]:
    """`APPROVAL` points of every request. `stand`: the times at which machines have such points; those without a
    request get the status `gone`."""
    points = [
        Point(
            APPROVAL,
            tags_of(approval.machine, policy),
            approval.start,
            {
                "status": approval.status,
                "probability": approval.probability,
                "end_ms": to_epoch_milliseconds(approval.end),
                "answer_by_ms": to_epoch_milliseconds(approval.answer_by),
            },
        )
        for approval in approvals
    ]
    known = {(approval.machine, approval.start) for approval in approvals}
    points += [
        Point(APPROVAL, tags_of(machine, policy), at, {"status": "gone"})
        for machine, times in stand.items()
        for at in times
        if (machine, at) not in known
    ]
    return points
