"""What narrows a search of listings beside the criteria that hold for machines, too: properties that only one kind has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from sharing_platform.listings.details import (
    Condition,
    EquipmentDetails,
    KnowHowDetails,
    KnowHowForm,
    Language,
    ListingDetails,
    OperatorDetails,
    TrainingDetails,
    Use,
)
from sharing_platform.search.text import query_stems, text_stems


@dataclass(frozen=True)
class ListingFilter:
    """Each field leaves out the kinds that do not have it, and what nobody has said of one. `has_places`: trainings that are not full."""

    control: str = ""
    use: Use | None = None
    condition: Condition | None = None
    form: KnowHowForm | None = None
    language: Language | None = None
    has_places: bool = False

    def fits(self, details: ListingDetails) -> bool:
        """All but `has_places`, which depends on what is booked."""
        return all(
            (
                not self.control or (isinstance(details, OperatorDetails) and _knows(details, self.control)),
                self.use is None or (isinstance(details, EquipmentDetails) and details.use == self.use),
                self.condition is None
                or (isinstance(details, EquipmentDetails) and details.condition == self.condition),
                self.form is None or (isinstance(details, KnowHowDetails) and self.form in details.forms),
                self.language is None
                or (isinstance(details, KnowHowDetails | TrainingDetails) and self.language in details.languages),
            )
        )


def _knows(details: OperatorDetails, control: str) -> bool:
    stems = text_stems(*details.controls)
    return all(word & stems for word in query_stems(control))


async def filter_of(
    control: Annotated[str, Query(max_length=60, description="Of people: a control they know.")] = "",
    use: Annotated[Use | None, Query(description="Of equipment.")] = None,
    condition: Annotated[Condition | None, Query(description="Of equipment.")] = None,
    form: Annotated[KnowHowForm | None, Query(description="Of know-how.")] = None,
    language: Annotated[Language | None, Query(description="Of know-how and training.")] = None,
    has_places: Annotated[bool, Query(description="Of training: only what is not full.")] = False,
) -> ListingFilter:
    """From the query parameters."""
    return ListingFilter(control, use, condition, form, language, has_places)


ChosenListings = Annotated[ListingFilter, Depends(filter_of)]
