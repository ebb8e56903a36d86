"""What is particular to each kind of listing: people, equipment, know-how, training."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from sharing_platform.schemas import ApiModel, Day, LongText, Moment, OneLine, Term

Language = Literal["nl", "fr", "en", "de"]
Terms = Annotated[list[Term], Field(max_length=30)]
Languages = Annotated[list[Language], Field(max_length=4)]
Use = Literal["on_the_spot", "loan", "sale", "gift"]
Condition = Literal["works", "needs_repair", "for_parts"]
KnowHowForm = Literal["advice", "prototype", "series"]

TAKEN_OVER: frozenset[Use] = frozenset({"sale", "gift"})
"""Equipment that stays with whoever gets it: it has no hours."""


class _Details(ApiModel):
    """`place`: a town, by which a search measures distances."""

    certificates: Terms = Field(default_factory=list)
    place: Annotated[OneLine, Field(max_length=100)] = ""


class _OfOneProcess(_Details):
    process: Annotated[OneLine, Field(max_length=100)] = ""


class OperatorDetails(_Details):
    """People who are without work for a while, never with names: `processes` they master, the `controls` they know (Heidenhain, Siemens, Fanuc), how many
    they are, how far from `place` they go to work, and on which conditions their employer lends them."""

    processes: Annotated[list[Term], Field(max_length=10)] = Field(default_factory=list)
    controls: Terms = Field(default_factory=list)
    skills: Terms = Field(default_factory=list)
    people: Annotated[int, Field(ge=1, le=100)] = 1
    hours_per_week: Annotated[float | None, Field(gt=0, le=168)] = None
    reach_km: Annotated[int | None, Field(ge=1, le=1000)] = None
    conditions: LongText = ""


class EquipmentDetails(_OfOneProcess):
    """`use`: on the spot, on loan, for sale, or for nothing. `condition`: how well it works. `place`: where it is picked up; `pick_up_by`: until when, of what
    is sold or given."""

    use: Use
    condition: Condition | None = None
    make: Annotated[OneLine, StringConstraints(max_length=60)] = ""
    model: Annotated[OneLine, StringConstraints(max_length=60)] = ""
    year: Annotated[int | None, Field(ge=1900, le=2200)] = None
    pick_up_by: Day | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.pick_up_by is not None and self.use not in TAKEN_OVER:
            raise ValueError("`pick_up_by` belongs to what is sold or given")
        return self


class KnowHowDetails(_OfOneProcess):
    """`forms`: hours of advice, or what is made for somebody (a prototype, a series). `fields` of competence."""

    forms: Annotated[list[KnowHowForm], Field(max_length=3)] = Field(default_factory=list)
    fields: Terms = Field(default_factory=list)
    languages: Languages = Field(default_factory=list)


_InUtc = Annotated[Moment, AfterValidator(lambda moment: moment.astimezone(UTC))]


class TrainingSession(ApiModel):
    """One part of a training."""

    start: _InUtc
    end: _InUtc

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("`end` must lie after `start`")
        return self


class TrainingDetails(_OfOneProcess):
    """`sessions` with their times; `schedule`: what is to be said about them. `waiting_list`: whether people can wait for a place once it is full.
    `attendance_certificate`: whether who has attended gets a certificate."""

    languages: Languages = Field(default_factory=list)
    sessions: Annotated[list[TrainingSession], Field(max_length=50)] = Field(default_factory=list)
    schedule: LongText = ""
    waiting_list: bool = True
    attendance_certificate: bool = False


ListingDetails = OperatorDetails | EquipmentDetails | KnowHowDetails | TrainingDetails

DETAILS: dict[str, type[ListingDetails]] = {
    "operator": OperatorDetails,
    "equipment": EquipmentDetails,
    "know_how": KnowHowDetails,
    "training": TrainingDetails,
}
"""The model of each kind."""


def processes_in(details: ListingDetails) -> list[str]:
    """The processes that a listing names."""
    if isinstance(details, OperatorDetails):
        return details.processes
    return [details.process] if details.process else []


def texts_in(details: ListingDetails) -> list[str]:
    """What else of a listing its kind adds to the words by which it is found."""
    match details:
        case OperatorDetails():
            return [*details.skills, *details.controls]
        case EquipmentDetails():
            return [details.make, details.model]
        case KnowHowDetails():
            return details.fields
        case TrainingDetails():
            return []
