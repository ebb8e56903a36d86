"""Requests and answers of the HTTP API about what the parties of a booking write to each other."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from sharing_platform.agreements.proposal_schemas import ProposalOut
from sharing_platform.attachments.contents import Kind
from sharing_platform.bookings.lifecycle import Party, State
from sharing_platform.schemas import ApiModel, LongText, Quantity, Text


class EventOut(ApiModel):
    """A step of a booking. `person`: who made it, for people of their own organisation alone; null where it was no person."""

    at: datetime
    state: State
    party: Party
    person: str | None


class HistoryOut(ApiModel):
    """All steps, the oldest first."""

    events: list[EventOut]


class UploadIn(ApiModel):
    """The fields beside the files, each of which may be left out."""

    text: LongText = ""
    quantity: Quantity | None = Field(None, description="How many pieces it is about.")


class MessageIn(UploadIn):
    """A message to the other party."""

    text: Text


class AttachmentOut(ApiModel):
    """A file of a message. `kind`: what its content is; `available`: false once it was deleted. `taken_down`: the region has hidden it, and the other party sees neither its
    name nor its content."""

    id: str
    name: str
    kind: Kind
    size: int
    available: bool
    taken_down: bool


class MessageOut(ApiModel):
    """`party`: who wrote it. `organisation` is null for an anonymous factory, and for a guest whose address is not confirmed. `person`: who wrote it, for
    people of their own organisation alone. `taken_down`: the region has hidden it, and for the other party it is empty."""

    id: str
    at: datetime
    party: Party
    organisation: str | None
    person: str | None
    text: str
    quantity: int | None
    attachments: list[AttachmentOut]
    taken_down: bool


class MessagesOut(ApiModel):
    """The messages between the parties, the oldest first."""

    messages: list[MessageOut]


class EntryOut(ApiModel):
    """Something that happened between the parties."""

    kind: Literal["step", "message", "proposal"]
    at: datetime
    party: Party = Field(description="Who did it.")
    person: str | None = Field(
        description="Who of their people, for people of the same organisation alone; null where it was no person."
    )
    state: State | None = Field(None, description="Of a step: what it led to.")
    id: str | None = Field(None, description="Of a message.")
    text: str | None = Field(None, description="Of a message.")
    taken_down: bool = False
    quantity: int | None = Field(None, description="Of a message: how many pieces it is about.")
    proposal: ProposalOut | None = None
    attachments: list[AttachmentOut] = []  # noqa: RUF012 - pydantic copies it


class ThreadOut(ApiModel):
    """Steps, proposals and messages in one line of time, the oldest first."""

    entries: list[EntryOut]
