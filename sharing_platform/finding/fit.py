"""Whether something fits what somebody looks for, how well, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sharing_platform.finding.places import distance_km
from sharing_platform.finding.stems import phrase_stems, query_stems, text_stems
from sharing_platform.finding.vocabulary import BY_CODE
from sharing_platform.finding.wish import MachineDetails, Wish

Degrees = tuple[float, float]


@dataclass(frozen=True)
class Why:
    """A reason, to be put into words by `reason_<code>`."""

    code: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fit:
    """`score` from 0 to 1; `distance` in km, where both places are known."""

    score: float
    reasons: tuple[Why, ...] = ()
    distance: float | None = None


@dataclass(frozen=True)
class Facts:
    """What can be found of a machine or listing. `stems` of all its texts, `process_stems` of what it says of its processes, or of its
    title where it says nothing; `place` its name, `at` its degrees."""

    subject: str
    title: str
    process: str
    stems: frozenset[str]
    process_stems: frozenset[str]
    details: MachineDetails
    place: str = ""
    at: Degrees | None = None


@dataclass(frozen=True)
class Wanted:
    """A wish made ready to be compared with many: its words as stems, its place in degrees."""

    wish: Wish
    words: tuple[frozenset[str], ...]
    process: frozenset[str]
    materials: tuple[tuple[frozenset[str], ...], ...]
    certificates: tuple[tuple[frozenset[str], ...], ...]
    origin: Degrees | None

    @property
    def narrows_machines(self) -> bool:
        """Whether anything in it is about machines, and not about hours alone."""
        wish = self.wish
        near = self.origin is not None and wish.within_km is not None
        sizes = (wish.workpiece_mm, wish.axes, wish.tolerance_mm, wish.load_kg)
        return bool(self.words or self.process or self.materials or self.certificates or near or any(sizes))


def made_ready(wish: Wish, origin: Degrees | None) -> Wanted:
    """`origin`: the degrees of the wish's place."""
    process = BY_CODE.get(wish.process)
    names = " ".join(process.names.values()) if process else wish.process
    return Wanted(
        wish,
        tuple(query_stems(wish.words)),
        frozenset(stem for word in query_stems(names) for stem in word),
        tuple(phrase_stems(one) for one in wish.materials),
        tuple(phrase_stems(one) for one in wish.certificates),
        origin,
    )


def facts_of(
    subject: str,
    title: str,
    process: str,
    details: MachineDetails,
    texts: Iterable[str] = (),
    at: Degrees | None = None,
    place: str = "",
) -> Facts:
    """`at` and `place`: its organisation's, where it has none of its own."""
    known = [BY_CODE[one] for one in (process, *details.processes) if one in BY_CODE]
    names = [name for one in known for name in (*one.names.values(), *one.words)]
    processes = text_stems(process, *details.processes, *names) or text_stems(title)
    described = (
        details.make,
        details.model,
        details.description,
        *details.processes,
        *details.materials,
        *details.certificates,
    )
    axes = [f"{details.axes}-axis"] if details.axes else []
    stems = text_stems(title, process, *described, *names, *axes, *texts)
    own = (details.latitude, details.longitude)
    degrees = (own[0], own[1]) if own[0] is not None and own[1] is not None else at
    return Facts(subject, title, process, stems, processes, details, details.place or place, degrees)


def fit(wanted: Wanted, facts: Facts) -> Fit | None:
    """None where it does not fit. What a factory did not say of its machine is no reason to leave it out, except for words, process and place:
    it lowers the score."""
    reasons: list[Why] = []
    scores: list[float] = []
    checks = (_words, _process, _materials, _certificates, _envelope, _axes, _tolerance, _load, _distance)
    for check in checks:
        score, reason = check(wanted, facts)
        if score is None:
            continue
        if score == 0:
            return None
        scores.append(score)
        if reason is not None:
            reasons.append(reason)
    distance = distance_km(wanted.origin, facts.at) if wanted.origin and facts.at else None
    return Fit(sum(scores) / len(scores) if scores else 1.0, tuple(reasons), distance)


def hours_fit(
    wish: Wish, machine: Fit, start: datetime, end: datetime, probability: float, price: Decimal | None
) -> Fit:
    """A machine's fit, and that of one of its free times. A time that is as long as was asked for fits better than one ten times as
    long, which somebody else may need."""
    hours = (end - start).total_seconds() / 3600
    scores = [machine.score, probability]
    reasons = [*machine.reasons]
    if wish.hours is not None:
        scores.append(min(1.0, 0.5 + 0.5 * wish.hours / hours))
        reasons.append(Why("hours", {"hours": round(hours, 1)}))
    if wish.max_price_per_hour is not None:
        bound = wish.max_price_per_hour
        scores.append(0.5 if price is None else float(1 - price / (2 * bound)) if bound else 1.0)
        if price is not None:
            reasons.append(Why("price", {"price": str(price)}))
    reasons.append(Why("sure", {"probability": probability}))
    return Fit(sum(scores) / len(scores), tuple(reasons), machine.distance)


_Checked = tuple[float | None, Why | None]
"""A score, 0 where it does not fit, None where nothing was asked or the answer is no matter of degree; and why it fits."""
_UNASKED: _Checked = (None, None)
_DOES_NOT: _Checked = (0.0, None)
_NOT_SAID: _Checked = (0.4, None)


def _words(wanted: Wanted, facts: Facts) -> _Checked:
    if any(not (word & facts.stems) for word in wanted.words):
        return _DOES_NOT
    return (1.0, Why("words", {"words": wanted.wish.words})) if wanted.words else _UNASKED


def _process(wanted: Wanted, facts: Facts) -> _Checked:
    asked = wanted.wish.process
    if not asked:
        return _UNASKED
    if asked.casefold() != facts.process.casefold() and not wanted.process & facts.process_stems:
        return _DOES_NOT
    return 1.0, Why("process", {"process": asked})


def _materials(wanted: Wanted, facts: Facts) -> _Checked:
    return _among(wanted.materials, facts.details.materials, "material", wanted.wish.materials)


def _certificates(wanted: Wanted, facts: Facts) -> _Checked:
    return _among(wanted.certificates, facts.details.certificates, "certificate", wanted.wish.certificates)


def _among(
    needed: tuple[tuple[frozenset[str], ...], ...], given: Sequence[str], code: str, asked: Sequence[str]
) -> _Checked:
    if not needed:
        return _UNASKED
    if not given:
        return _NOT_SAID
    stems = text_stems(*given)
    if any(not word & stems for one in needed for word in one):
        return _DOES_NOT
    return 1.0, Why(code, {"what": ", ".join(asked)})


def _envelope(wanted: Wanted, facts: Facts) -> _Checked:
    """Sorted from smallest to largest: a workpiece can be turned."""
    needed, given = wanted.wish.workpiece_mm, facts.details.envelope_mm
    if needed is None:
        return _UNASKED
    if given is None:
        return _NOT_SAID
    fits = all(a <= b for a, b in zip(sorted(needed), sorted(given), strict=True))
    return (1.0, Why("envelope", {"size": _size(given)})) if fits else _DOES_NOT


def _size(sides: Sequence[float]) -> str:
    return " × ".join(f"{side:g}" for side in sides)


def _axes(wanted: Wanted, facts: Facts) -> _Checked:
    return _at_least(wanted.wish.axes, facts.details.axes, "axes")


def _load(wanted: Wanted, facts: Facts) -> _Checked:
    return _at_least(wanted.wish.load_kg, facts.details.table_load_kg, "load")


def _at_least(needed: float | None, given: float | None, code: str) -> _Checked:
    if needed is None:
        return _UNASKED
    if given is None:
        return _NOT_SAID
    return (1.0, Why(code, {"value": given})) if given >= needed else _DOES_NOT


def _tolerance(wanted: Wanted, facts: Facts) -> _Checked:
    needed, given = wanted.wish.tolerance_mm, facts.details.tolerance_mm
    if needed is None:
        return _UNASKED
    if given is None:
        return _NOT_SAID
    return (1.0, Why("tolerance", {"value": given})) if given <= needed else _DOES_NOT


def _distance(wanted: Wanted, facts: Facts) -> _Checked:
    within = wanted.wish.within_km
    if wanted.origin is None:
        return _UNASKED
    if facts.at is None:
        return _UNASKED if within is None else _DOES_NOT
    distance = distance_km(wanted.origin, facts.at)
    if within is not None and distance > within:
        return _DOES_NOT
    return 1 / (1 + distance / 30), Why("distance", {"km": round(distance)})
