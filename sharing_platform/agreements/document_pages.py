"""Documents to download: what was agreed in a booking, and what an organisation gave and took in a month. For people and programs alike."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import AfterValidator

from sharing_platform.agreements import statements
from sharing_platform.agreements.agreement_pdf import agreement_pdf, number_of
from sharing_platform.agreements.downloads import download
from sharing_platform.bookings.service import own_booking
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.i18n import Translator
from sharing_platform.organisations.dependencies import Reader
from sharing_platform.organisations.models import Organisation
from sharing_platform.pages import language_of
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1", tags=["bookings"])

_PDF, _CSV = "application/pdf", "text/csv; charset=utf-8"


def _in_our_time(month: str) -> str:
    if not 2000 <= int(month[:4]) <= 2200:
        raise ValueError("between the years 2000 and 2200")
    return month


Month = Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$"), AfterValidator(_in_our_time)]


@router.get(
    "/bookings/{booking_id}/agreement",
    response_class=Response,
    responses={200: {"content": {_PDF: {}}, "description": "The document"}, **problems(401, 403, 404)},
)
def get_agreement(
    booking_id: Uuid, session: ReadSession, actor: Reader, context: Context, request: Request
) -> Response:
    """What was agreed, as a PDF in the reader's language (`lang`, else `Accept-Language`): parties, machine, hours, price with VAT, conditions. 404 for what is not agreed."""
    booking, _ = own_booking(session, booking_id, actor)
    words = Translator(language_of(request), context.zone)
    return download(agreement_pdf(session, booking, words, context.now()), _PDF, f"{number_of(booking)}.pdf")


@router.get(
    "/organisation/statements/{month}.{form}",
    response_class=Response,
    responses={200: {"content": {_PDF: {}, "text/csv": {}}, "description": "The statement"}, **problems(401, 403, 422)},
)
def get_statement(
    month: Month, form: Literal["pdf", "csv"], session: ReadSession, actor: Reader, context: Context, request: Request
) -> Response:
    """What the organisation gave and took in a month (`2026-03`): bookings, hours and amounts, for its bookkeeping. The platform takes no payments."""
    words = Translator(language_of(request), context.zone)
    first = date.fromisoformat(f"{month}-01")
    rows = statements.rows_of(session, actor.organisation, first, context.zone)
    name = f"vrijloop-{month}.{form}"
    if form == "csv":
        return download(statements.as_csv(rows, words), _CSV, name)
    own = session.get_one(Organisation, actor.organisation)
    return download(statements.as_pdf(rows, own.name, first, words, context.now()), _PDF, name)
