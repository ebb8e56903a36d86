"""How much an organisation, a person and a machine may take up. The operator can set each of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1, le=100_000)]
MOST_FILES = 5
"""That are sent at a time, with a message or as pictures."""


class Bounds(BaseModel):
    """`pending`: requests that wait for an answer, and hold their hours meanwhile; each part of a request counts. `newcomers`: organisations that the region has
    not approved yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pending_of_newcomer: Count = 3
    pending_of_organisation: Count = 40
    pending_of_account: Count = 20
    pending_at_machine_of_organisation: Count = 10
    pending_at_machine_of_newcomers: Count = 5
    """Of all newcomers together."""
    requests_per_hour_of_organisation: Count = 60
    requests_per_hour_of_account: Count = 30
    messages_per_hour_of_organisation: Count = 100
    messages_of_booking: Count = 500
    attachments_mb_of_organisation: Count = 500
    """Of the files that it has attached and that are still kept."""
    live_pages: Count = 500
    """Open pages that are told of changes, of each process of the platform."""
    live_pages_of_address: Count = 50
    live_pages_of_account: Count = 10
