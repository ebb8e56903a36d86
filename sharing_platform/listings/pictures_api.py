"""Routes of the HTTP API: pictures of one's own equipment."""

from __future__ import annotations

from fastapi import APIRouter

from sharing_platform.dependencies import Context
from sharing_platform.listings.pictures import album_of
from sharing_platform.organisations.dependencies import Lister, UploadFormData
from sharing_platform.parameters import Uuid
from sharing_platform.pictures import service
from sharing_platform.pictures.schemas import UPLOAD_BODY, PictureIn, PictureOrder, PicturesOut
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1/listings/{listing_id}/pictures", tags=["listings"])


@router.get("", responses=problems(401, 403, 404))
def get_pictures(listing_id: Uuid, actor: Lister, context: Context) -> PicturesOut:
    """All pictures of one's own equipment, also those that others do not see."""
    return service.own_pictures(context, album_of(actor, listing_id))


@router.post(
    "", status_code=201, responses=problems(401, 403, 404, 409, 413, 422), openapi_extra={"requestBody": UPLOAD_BODY}
)
def post_pictures(listing_id: Uuid, actor: Lister, context: Context, form: UploadFormData) -> PicturesOut:
    """Add pictures (JPEG, PNG, WebP), as a form: up to five `files` of at most ten megabytes each, and what they show (`alt`). They are made anew, without metadata. A listing has eight at most."""
    return service.add_pictures(context, actor, album_of(actor, listing_id), form.files, form.fields)


@router.put("", responses=problems(401, 403, 404, 409, 422))
def put_order(listing_id: Uuid, wanted: PictureOrder, actor: Lister, context: Context) -> PicturesOut:
    """Put them in another order: lists show the first. 409 where these are not all of them, each once."""
    return service.order_pictures(context, actor, album_of(actor, listing_id), wanted.pictures)


@router.put("/{picture_id}", responses=problems(401, 403, 404, 422))
def put_picture(listing_id: Uuid, picture_id: Uuid, wanted: PictureIn, actor: Lister, context: Context) -> PicturesOut:
    """Say what a picture shows."""
    return service.describe_picture(context, actor, album_of(actor, listing_id), picture_id, wanted)


@router.delete("/{picture_id}", responses=problems(401, 403, 404))
def delete_picture(listing_id: Uuid, picture_id: Uuid, actor: Lister, context: Context) -> PicturesOut:
    """Remove a picture."""
    return service.remove_picture(context, actor, album_of(actor, listing_id), picture_id)
