"""What is particular to each kind of post."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from sharing_platform.listings.details import Languages, TrainingSession
from sharing_platform.schemas import ApiModel, LongText, OneLine, Term, Text

Transformation = Literal[
    "advanced_manufacturing",
    "digital_factory",
    "end_to_end_engineering",
    "human_centred_organisation",
    "production_network",
    "eco_production",
    "production_intelligence",
]
"""The seven transformations of Factory of the Future (Agoria, Sirris)."""
TRANSFORMATIONS: tuple[Transformation, ...] = get_args(Transformation)
MeetingForm = Literal["visit", "group"]
MEETING_FORMS: tuple[MeetingForm, ...] = get_args(MeetingForm)

_Amount = Annotated[float, Field(ge=-1_000_000_000, le=1_000_000_000)]


class _Details(ApiModel):
    """`process`: what it is about, a code or a name; `transformation`: of Factory of the Future."""

    process: Annotated[OneLine, Field(max_length=100)] = ""
    transformation: Transformation | None = None


class Figure(ApiModel):
    """A result in figures: before and after, in the same unit (`min`, `%`, `kWh per piece`)."""

    label: Term
    before: _Amount
    after: _Amount
    unit: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=20)] = ""

    @property
    def change(self) -> float | None:
        """As a share of what it was before; None where that was nothing."""
        return (self.after - self.before) / abs(self.before) if self.before else None


class StoryDetails(_Details):
    """What the problem was, how it was approached, and what came of it, also in figures."""

    problem: Text
    approach: Text
    result: LongText = ""
    figures: Annotated[list[Figure], Field(max_length=10)] = Field(default_factory=list)


class MeetingDetails(_Details):
    """`form`: a visit to a plant, or a group that meets once or several times. `place`: the town; `address`: where people are expected, for all to read."""

    form: MeetingForm
    place: Annotated[OneLine, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
    address: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    sessions: Annotated[list[TrainingSession], Field(min_length=1, max_length=30)]
    seats: Annotated[int, Field(ge=1, le=500)]
    languages: Languages = Field(default_factory=list)


class InterestDetails(_Details):
    """A training that is wanted: `month` in which it would suit (`2027-03`), and near which town."""

    month: Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")] | None = None
    place: Annotated[OneLine, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    languages: Languages = Field(default_factory=list)

    @property
    def month_day(self) -> date | None:
        """The first day of the month."""
        return date.fromisoformat(f"{self.month}-01") if self.month is not None else None


class QuestionDetails(_Details):
    """What a question is about."""


PostDetails = StoryDetails | MeetingDetails | InterestDetails | QuestionDetails

DETAILS: dict[str, type[PostDetails]] = {
    "story": StoryDetails,
    "meeting": MeetingDetails,
    "interest": InterestDetails,
    "question": QuestionDetails,
}
"""The model of each kind."""


def texts_in(details: PostDetails) -> list[str]:
    """What of a post its kind adds to the words by which it is found."""
    match details:
        case StoryDetails():
            return [details.problem, details.approach, details.result, *(one.label for one in details.figures)]
        case MeetingDetails():
            return [details.address]
        case InterestDetails() | QuestionDetails():
            return []
