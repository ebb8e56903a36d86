"""What a seeker can choose of an offer: a start, how long, and what goes with that. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sharing_platform.machines.models import Offer
from sharing_platform.machines.prices import price_of_hours
from sharing_platform.machines.windows import Window, longest

_STEP = timedelta(minutes=30)


@dataclass(frozen=True)
class Choice:
    """The starts that can be chosen, the lengths that go with the chosen start, and what is said of the chosen hours. `price`: of all of
    them, None where it is to be agreed."""

    starts: tuple[datetime, ...]
    lengths: tuple[timedelta, ...]
    start: datetime
    end: datetime
    probability: float
    price: Decimal | None


def choice_of(
    offer: Offer,
    now: datetime,
    start: datetime | None = None,
    length: timedelta | None = None,
    earliest: datetime | None = None,
) -> Choice | None:
    """The choice nearest to what is asked for. Without a start, the first from `earliest` on at which the machine is free for `length`; without
    that, the longest window. None where nothing can be booked any more."""
    windows = offer.free_windows(now)
    starts = _starts(offer, windows)
    if not starts:
        return None
    if start is None:
        fits = [moment for moment in starts if length is None or _lengths(offer, windows, moment)[-1] >= length]
        later = [moment for moment in fits if earliest is not None and moment >= earliest]
        start = next(iter(later or (fits if length is not None else [])), longest(windows).start)
    chosen = min(starts, key=lambda moment: abs(moment - start))
    lengths = _lengths(offer, windows, chosen)
    hours = max((known for known in lengths if length is None or known <= length), default=lengths[0])
    end = chosen + hours
    probability = max(window.probability for window in windows if window.start <= chosen and end <= window.end)
    return Choice(starts, lengths, chosen, end, probability, price_of(offer, chosen, end))


@dataclass(frozen=True)
class FurtherChoice:
    """Another offer of the same machine, whether its hours are wanted as well, and which of them."""

    offer: Offer
    wanted: bool
    choice: Choice


@dataclass(frozen=True)
class Together:
    """All that is chosen. `price`: None where any of it is to be agreed."""

    length: timedelta
    price: Decimal | None


def together(first: Choice, further: Sequence[FurtherChoice]) -> Together | None:
    """What the chosen hours make together; None where only the first are chosen."""
    chosen = [first, *(one.choice for one in further if one.wanted)]
    if len(chosen) == 1:
        return None
    prices = [choice.price for choice in chosen]
    agreed = None if None in prices else sum((price for price in prices if price is not None), Decimal(0))
    return Together(sum((choice.end - choice.start for choice in chosen), timedelta(0)), agreed)


def price_of(offer: Offer, start: datetime, end: datetime) -> Decimal | None:
    """Of these hours of an offer, at least its minimum; None where it is to be agreed."""
    if offer.price_per_hour is None:
        return None
    price = price_of_hours(offer.price_per_hour, offer.timed_prices, start, end)
    return max(price, offer.price_minimum or Decimal(0))


def _starts(offer: Offer, windows: Sequence[Window]) -> tuple[datetime, ...]:
    """Where windows begin, and the half hours in them that leave time enough."""
    found = {window.start for window in windows}
    if offer.minimum_hours is not None:
        shortest = timedelta(hours=offer.minimum_hours)
        for window in windows:
            moment = window.start + (_STEP - (window.start - datetime.min.replace(tzinfo=window.start.tzinfo)) % _STEP)
            while moment + shortest <= window.end:
                found.add(moment)
                moment += _STEP
    return tuple(sorted(found))


def _lengths(offer: Offer, windows: Sequence[Window], start: datetime) -> tuple[timedelta, ...]:
    """Ascending: each half hour from the shortest part on, and until the end of each window."""
    containing = [window for window in windows if window.start <= start < window.end]
    if offer.minimum_hours is None:
        return tuple(sorted({window.length for window in containing if window.start == start}))
    most = max(window.end for window in containing) - start
    if offer.maximum_hours is not None:
        most = min(most, timedelta(hours=offer.maximum_hours))
    shortest = timedelta(hours=offer.minimum_hours)
    if most < shortest:
        return (most,)  # what is left of an offer that has begun
    count = int((most - shortest) / _STEP)
    return tuple(sorted({*(shortest + number * _STEP for number in range(count + 1)), most}))
