"""What the sharing platform says of the comparison of factories: what it has of this factory, and the quartiles of all."""

from __future__ import annotations

from typing import Annotated, Protocol

import msgspec

_Points = Annotated[int, msgspec.Meta(ge=-1000, le=1100)]
_Quartile = Annotated[int, msgspec.Meta(ge=0, le=100)]
_Month = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
_Class = Annotated[int, msgspec.Meta(ge=1, le=6)]
_Name = Annotated[str, msgspec.Meta(max_length=40)]


class ContributionRefusedError(Exception):
    """The platform takes no contributions of this factory: its people have left the comparison there."""


class Contributed(msgspec.Struct, frozen=True):
    """A contribution that the platform has of this factory. Figures in percentage points, with their noise."""

    month: _Month
    process_class: _Class
    figures: dict[_Name, _Points | None]


class SpentMonth(msgspec.Struct, frozen=True):
    """A month of which the platform has had figures of this factory, which it need not have any more."""

    month: _Month
    process_class: _Class


class Quartiles(msgspec.Struct, frozen=True):
    """Of all factories, in percentage points. `within`: so far they lie from the true ones at most, nine times in ten."""

    lower: _Quartile
    median: _Quartile
    upper: _Quartile
    within: _Quartile


class NetworkFigure(msgspec.Struct, frozen=True):
    """`own`: as it was sent, with noise. `quartiles`: None where too few factories are compared."""

    name: _Name
    own: _Points | None = None
    quartiles: Quartiles | None = None


class NetworkClass(msgspec.Struct, frozen=True):
    """A process class in which this factory is compared."""

    process_class: _Class
    figures: tuple[NetworkFigure, ...] = ()


class Network(msgspec.Struct, frozen=True):
    """The answer. `left`: the factory took part and has left. Platforms of later versions may say more, and those of earlier ones do not say what is spent."""

    takes_part: bool
    left: bool = False
    contributions: tuple[Contributed, ...] = ()
    spent: tuple[SpentMonth, ...] = ()
    classes: tuple[NetworkClass, ...] = ()


class ComparisonPlatform(Protocol):
    """Operations of a sharing platform. All raise PlatformUnavailableError and may be repeated."""

    def comparison(self) -> Network: ...

    def put_contribution(self, body: bytes) -> None:
        """Send the body as it is. Raises ContributionRefusedError."""
        ...

    def set_comparison(self, takes_part: bool) -> None:
        """Take part, or leave: the platform then forgets all contributions."""
        ...
