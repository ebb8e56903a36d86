"""Requests and answers of the HTTP API about certificates of attendance."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from sharing_platform.schemas import ApiModel, OrganisationName


class CertificatesIn(ApiModel):
    """Who attended in the name of a booking: no more than it has places."""

    booking_id: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    names: Annotated[list[OrganisationName], Field(min_length=1, max_length=100)]


class CertificateOut(ApiModel):
    """A certificate, for whoever knows its number. `withdrawn`: it does not hold any more; its name is gone."""

    number: str
    name: str
    title: str
    start: datetime
    end: datetime
    hours: float | None = Field(description="Of all sessions together, where those are known.")
    given_by: list[str]
    issued: datetime
    withdrawn: bool


class AttendanceOut(ApiModel):
    """A booking of a training that is over, with the certificates of its people."""

    booking_id: str
    organisation: str
    places: int
    certificates: list[CertificateOut]


class AttendancesOut(ApiModel):
    """Of one training."""

    bookings: list[AttendanceOut]
