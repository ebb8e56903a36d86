"""Pages of certificates of attendance: issuing them, and checking one."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.agreements.downloads import download
from sharing_platform.certificates import service
from sharing_platform.certificates.certificate_pdf import certificate_pdf, facts_of
from sharing_platform.certificates.schemas import CertificatesIn
from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.listings.pages import find_shown
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import Form, FormData, validate_form

router = APIRouter(include_in_schema=False)


@router.get("/certificates")
def get_check(page: Page) -> Response:
    """The field for a number; with one, its page."""
    asked = page.request.query_params.get("number", "")
    if asked.strip():
        return page.redirect(f"/certificates/{service.plain_number(asked)}")
    return page.render("certificate.html", found=None, facts=[], given={})


@router.get("/certificates/{number}")
def get_certificate(number: str, page: Page) -> HTMLResponse:
    """Not for search engines: it says a name."""
    with read_session(page.context.sessions) as session:
        try:
            found = service.certificate(session, number)
        except NotFoundError:
            problems = {"number": "no_such_certificate"}
            return page.render(
                "certificate.html", 404, found=None, facts=[], given={"number": number[:40]}, problems=problems
            )
    answer = page.render("certificate.html", found=found, facts=facts_of(found, page.translator), given={})
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


@router.get("/certificates/{number}/document")
def get_document(number: str, page: Page) -> Response:
    """The same as a PDF, in the reader's language. Raises NotFoundError for one that does not hold any more."""
    with read_session(page.context.sessions) as session:
        found = service.certificate(session, number)
    if found.withdrawn:
        raise NotFoundError
    address = f"{page.context.url}/certificates/{found.number}"
    return download(
        certificate_pdf(found, page.translator, address, page.now), "application/pdf", f"{found.number}.pdf"
    )


@router.get("/listings/{listing_id}/certificates")
def get_certificates(listing_id: str, page: Page) -> HTMLResponse:
    require(page.actor, Right.LIST)
    return _issuing(page, listing_id, None, {}, {})


@router.post("/listings/{listing_id}/certificates")
def post_certificates(listing_id: str, page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.LIST)
    names = [line.strip() for line in form.get("names", "").splitlines() if line.strip()]
    wanted, problems = validate_form(CertificatesIn, {"booking_id": form.get("booking_id"), "names": names})
    if wanted is None:
        return _issuing(page, listing_id, None, form, problems or {"names": "field"})
    try:
        service.issue(page.context, actor, listing_id, wanted)
    except NotFoundError:
        raise
    except PlatformError as error:
        return _issuing(page, listing_id, error, form, {})
    return page.redirect(f"/listings/{listing_id}/certificates", "saved")


@router.post("/listings/{listing_id}/certificates/{number}/withdraw")
def post_withdraw(listing_id: str, number: str, page: Page) -> Response:
    service.withdraw(page.context, require(page.actor, Right.LIST), listing_id, number)
    return page.redirect(f"/listings/{listing_id}/certificates", "saved")


def _issuing(
    page: PageRequest, listing_id: str, error: PlatformError | None, form: Form, problems: dict[str, str]
) -> HTMLResponse:
    actor = require(page.actor, Right.LIST)
    listing = find_shown(page, listing_id)
    with read_session(page.context.sessions) as session:
        found = service.attendances(session, actor, listing_id)
    return page.render_with_forms("certificates.html", error, form, problems, listing=listing, bookings=found.bookings)
