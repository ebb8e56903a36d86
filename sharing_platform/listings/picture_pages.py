"""Pictures of equipment: as pages show them, and the page on which its owner's people add, order and remove them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.listings.pictures import album_of, own_listing, picture_with
from sharing_platform.organisations.dependencies import Page, PageRequest, UploadFormData
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import FormData
from sharing_platform.pictures.pages import AlbumPage, picture_response

router = APIRouter(include_in_schema=False)


@router.get("/listings/{listing_id}/pictures/{picture_id}/{size}")
def get_picture(listing_id: str, picture_id: str, size: str, page: Page) -> Response:
    with read_session(page.context.sessions) as session:
        return picture_response(picture_with(session, listing_id, picture_id, page.organisation), size)


@router.get("/listings/{listing_id}/pictures")
def get_pictures(listing_id: str, page: Page) -> HTMLResponse:
    return _album(page, listing_id).show()


@router.post("/listings/{listing_id}/pictures")
def post_pictures(listing_id: str, page: Page, upload: UploadFormData) -> Response:
    return _album(page, listing_id).add(upload)


@router.post("/listings/{listing_id}/pictures/{picture_id}")
def post_picture(listing_id: str, picture_id: str, page: Page, form: FormData) -> Response:
    return _album(page, listing_id).change(picture_id, form)


def _album(page: PageRequest, listing_id: str) -> AlbumPage:
    """Raises NotFoundError for another's, NotAllowedError for a member who may not."""
    actor = require(page.actor, Right.LIST)
    with read_session(page.context.sessions) as session:
        title = own_listing(session, actor, listing_id).title
    return AlbumPage(page, actor, album_of(actor, listing_id), f"/listings/{listing_id}", title)
