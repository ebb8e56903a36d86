"""Decides whether something matches search criteria, how well, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

from sharing_platform.errors import InvalidError
from sharing_platform.geography import distance_km, place_named
from sharing_platform.search.axes import axes_named
from sharing_platform.search.criteria import Wish
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.text import phrase_stems, query_stems, text_stems
from sharing_platform.search.vocabulary import BY_CODE

Degrees = tuple[float, float]


@dataclass(frozen=True)
class MatchReason:
    """A reason for a match; its sentence is the translation `reason_<code>`."""

    code: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ranking:
    """`mean`: of the scores of the criteria, 0 to 1; `distance` in km, where both places are known. `unknown`: whether something was asked that nobody
    has said of it."""

    mean: float
    reasons: tuple[MatchReason, ...] = ()
    distance: float | None = None
    unknown: bool = False

    @property
    def score(self) -> float:
        """0 to 1. What is known to fit lies above one half, and what only may fit below, however good the rest is."""
        return self.mean / 2 if self.unknown else 0.5 + self.mean / 2


@dataclass(frozen=True)
class SearchDocument:
    """What can be found of a machine or listing. `stems`: of all its texts; `process_stems`: of its processes, or of its title if it
    names none; `axes`: as described, else as its title or model says; `place`: the name of its place, `at`: latitude and longitude. `coarse`: those are of the
    surroundings alone."""

    title: str
    process: str
    stems: frozenset[str]
    process_stems: frozenset[str]
    details: MachineDetails
    place: str = ""
    at: Degrees | None = None
    coarse: bool = False
    axes: int | None = None


@dataclass(frozen=True)
class PreparedCriteria:
    """Criteria prepared for comparison with many documents: words as stems, the place as coordinates."""

    wish: Wish
    words: tuple[frozenset[str], ...]
    process: frozenset[str]
    materials: tuple[tuple[frozenset[str], ...], ...]
    certificates: tuple[tuple[frozenset[str], ...], ...]
    origin: Degrees | None

    @property
    def narrows_machines(self) -> bool:
        """Whether any criterion concerns the machine, not only its hours."""
        wish = self.wish
        near = self.origin is not None and wish.within_km is not None
        sizes = (wish.workpiece_mm, wish.axes, wish.tolerance_mm, wish.load_kg)
        return bool(self.words or self.process or self.materials or self.certificates or near or any(sizes))

    @cached_property
    def checks(self) -> Sequence[_Check]:
        return _checks(self)


def prepare(wish: Wish, origin: Degrees | None) -> PreparedCriteria:
    """`origin`: latitude and longitude of the place in the criteria."""
    process = BY_CODE.get(wish.process)
    names = " ".join(process.names.values()) if process else wish.process
    return PreparedCriteria(
        wish,
        query_stems(wish.words),
        frozenset(stem for word in query_stems(names) for stem in word),
        tuple(phrase_stems(material) for material in wish.materials),
        tuple(phrase_stems(certificate) for certificate in wish.certificates),
        origin,
    )


def prepare_criteria(wish: Wish) -> PreparedCriteria:
    """With the coordinates of its place. Raises InvalidError where the place is not known, or a distance is given without a place."""
    origin = None
    if wish.latitude is not None and wish.longitude is not None:
        origin = (wish.latitude, wish.longitude)
    elif wish.near:
        place = place_named(wish.near)
        if place is None:
            raise InvalidError("no_such_place", "near")
        origin = (place.latitude, place.longitude)
    if wish.within_km is not None and origin is None:
        raise InvalidError("near_what", "near")
    return prepare(wish, origin)


def document_of(
    title: str,
    process: str,
    details: MachineDetails,
    texts: Iterable[str] = (),
    at: Degrees | None = None,
    place: str = "",
    coarse: bool = False,
) -> SearchDocument:
    """`at` and `place`: those of its organisation, used if it has none of its own."""
    known = [BY_CODE[code] for code in (process, *details.processes) if code in BY_CODE]
    names = [name for known_process in known for name in (*known_process.names.values(), *known_process.words)]
    processes = text_stems(process, *details.processes, *names) or text_stems(title)
    described = (
        details.make,
        details.model,
        details.description,
        *details.processes,
        *details.materials,
        *details.certificates,
        *details.included,
    )
    axes = details.axes or axes_named(title)[0] or axes_named(details.model)[0]
    stems = text_stems(title, process, *described, *names, *([f"{axes}-axis"] if axes else []), *texts)
    own = (details.latitude, details.longitude)
    degrees = (own[0], own[1]) if own[0] is not None and own[1] is not None else at
    return SearchDocument(title, process, stems, processes, details, details.place or place, degrees, coarse, axes)


def rank(wanted: PreparedCriteria, document: SearchDocument) -> Ranking | None:
    """None if the document does not match. A property that a factory has not described does not exclude its machine, except words, process and
    place; it lowers the score."""
    reasons: list[MatchReason] = []
    scores: list[float] = []
    unknown = False
    for check in wanted.checks:
        score, reason = check(document)
        if score == 0:
            return None
        scores.append(score)
        if reason is not None:
            reasons.append(reason)
            unknown |= reason.code == NOT_SAID
    distance = _said_km(distance_km(wanted.origin, document.at), document) if wanted.origin and document.at else None
    return Ranking(sum(scores) / len(scores) if scores else 1.0, tuple(reasons), distance, unknown)


def rank_hours(
    wish: Wish, machine: Ranking, start: datetime, end: datetime, probability: float, price: Decimal | None
) -> Ranking:
    """Combine the ranking of a machine with that of one of its free times. A time as long as requested ranks higher than one ten times as
    long, which somebody else may need."""
    hours = (end - start).total_seconds() / 3600
    scores = [machine.mean, probability]
    reasons = [*machine.reasons]
    if wish.hours is not None:
        scores.append(min(1.0, 0.5 + 0.5 * wish.hours / hours))
        reasons.append(MatchReason("hours", {"hours": round(hours, 2)}))
    if wish.max_price_per_hour is not None:
        bound = wish.max_price_per_hour
        scores.append(0.5 if price is None else float(1 - price / (2 * bound)) if bound else 1.0)
        reasons.append(_not_said("price") if price is None else MatchReason("price", {"price": str(price)}))
    reasons.append(MatchReason("sure", {"probability": probability}))
    unknown = machine.unknown or (wish.max_price_per_hour is not None and price is None)
    return Ranking(sum(scores) / len(scores), tuple(reasons), machine.distance, unknown)


_Checked = tuple[float, MatchReason | None]
"""A score and the reason for it. 0: does not match."""
_DOES_NOT: _Checked = (0.0, None)
_Check = Callable[[SearchDocument], _Checked]
NOT_SAID = "not_said"
"""The reason that what is asked is not known: `criterion` names it."""


def _checks(wanted: PreparedCriteria) -> list[_Check]:
    """Of what is asked alone: a thousand machines are compared with it, and most of it never is."""
    wish = wanted.wish
    found: list[_Check] = []
    if wanted.words:
        found.append(partial(_words, wanted))
    if wish.process:
        found.append(partial(_process, wanted))
    if wanted.materials:
        found.append(lambda one: _among(wanted.materials, one.details.materials, "material", wish.materials))
    if wanted.certificates:
        found.append(
            lambda one: _among(wanted.certificates, one.details.certificates, "certificate", wish.certificates)
        )
    if (workpiece := wish.workpiece_mm) is not None:
        found.append(partial(_envelope, workpiece))
    if (axes := wish.axes) is not None:
        found.append(lambda one: _at_least(axes, one.axes, "axes"))
    if (tolerance := wish.tolerance_mm) is not None:
        found.append(partial(_tolerance, tolerance))
    if (load := wish.load_kg) is not None:
        found.append(lambda one: _at_least(load, one.details.table_load_kg, "load"))
    if (origin := wanted.origin) is not None:
        found.append(partial(_distance, origin, wish.within_km))
    return found


def _not_said(criterion: str) -> MatchReason:
    return MatchReason(NOT_SAID, {"criterion": criterion})


def _unknown(criterion: str) -> _Checked:
    return 0.4, _not_said(criterion)


def _words(wanted: PreparedCriteria, document: SearchDocument) -> _Checked:
    if any(not (word & document.stems) for word in wanted.words):
        return _DOES_NOT
    return 1.0, MatchReason("words", {"words": wanted.wish.words})


def _process(wanted: PreparedCriteria, document: SearchDocument) -> _Checked:
    asked = wanted.wish.process
    if asked.casefold() != document.process.casefold() and not wanted.process & document.process_stems:
        return _DOES_NOT
    return 1.0, MatchReason("process", {"process": asked})


def _among(
    needed: tuple[tuple[frozenset[str], ...], ...], given: Sequence[str], code: str, asked: Sequence[str]
) -> _Checked:
    if not given:
        return _unknown(code)
    stems = text_stems(*given)
    if any(not word & stems for group in needed for word in group):
        return _DOES_NOT
    return 1.0, MatchReason(code, {"what": ", ".join(asked)})


def _envelope(needed: Sequence[float], document: SearchDocument) -> _Checked:
    """Compares sorted sides, because a workpiece can be turned."""
    given = document.details.envelope_mm
    if given is None:
        return _unknown("envelope")
    fits = all(a <= b for a, b in zip(sorted(needed), sorted(given), strict=True))
    return (1.0, MatchReason("envelope", {"size": _size(given)})) if fits else _DOES_NOT


def _size(sides: Sequence[float]) -> str:
    return " × ".join(f"{side:g}" for side in sides)


def _at_least(needed: float, given: float | None, code: str) -> _Checked:
    if given is None:
        return _unknown(code)
    return (1.0, MatchReason(code, {"value": given})) if given >= needed else _DOES_NOT


def _tolerance(needed: float, document: SearchDocument) -> _Checked:
    given = document.details.tolerance_mm
    if given is None:
        return _unknown("tolerance")
    return (1.0, MatchReason("tolerance", {"value": given})) if given <= needed else _DOES_NOT


def _distance(origin: Degrees, within: float | None, document: SearchDocument) -> _Checked:
    if document.at is None:
        return _unknown("distance") if within is None else _DOES_NOT
    distance = distance_km(origin, document.at)
    if within is not None and distance > within:
        return _DOES_NOT
    return 1 / (1 + distance / 30), MatchReason("distance", {"km": round(_said_km(distance, document))})


def _said_km(distance: float, document: SearchDocument) -> float:
    """A distance as it is shown: in tens of kilometres where no more is known."""
    return max(10.0, round(distance, -1)) if document.coarse else distance
