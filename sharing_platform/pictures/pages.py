"""What the pages of pictures have in common: how one is answered, and the page on which an organisation's people add, order, describe and remove them."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi.responses import HTMLResponse, Response

from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.organisations.dependencies import PageRequest
from sharing_platform.organisations.permissions import Actor
from sharing_platform.pages import Form, UploadForm, validate_form
from sharing_platform.pictures import service
from sharing_platform.pictures.models import Picture
from sharing_platform.pictures.schemas import PictureIn
from sharing_platform.pictures.service import MEDIA_TYPES, Album, content_of


def picture_response(picture: Picture, size: str) -> Response:
    """What an address shows never changes; who may see it can, so that only the visitor's own browser keeps it. Raises NotFoundError."""
    content = content_of(picture, size)
    return Response(content, media_type=MEDIA_TYPES[size], headers={"Cache-Control": "private, max-age=3600"})


@dataclass(frozen=True)
class AlbumPage:
    """The page at `path` + `/pictures`, where `path` is that of the thing. `hidden`: others do not see its pictures."""

    page: PageRequest
    actor: Actor
    album: Album
    path: str
    title: str
    hidden: bool = False

    def show(
        self, error: PlatformError | None = None, problems: dict[str, str] | None = None, form: Form | None = None
    ) -> HTMLResponse:
        """With what is wrong with a form on it."""
        values: dict[str, object] = {
            "title": self.title,
            "of": self.path,
            "hidden": self.hidden,
            "pictures": service.own_pictures(self.page.context, self.album).pictures,
            "most": service.MOST_PICTURES,
        }
        return self.page.render_with_forms("pictures_edit.html", error, form, problems, **values)

    def add(self, upload: UploadForm) -> Response:
        try:
            service.add_pictures(self.page.context, self.actor, self.album, upload.files, upload.fields)
        except NotFoundError:
            raise
        except PlatformError as error:
            return self.show(error, {}, upload.fields)
        return self._saved()

    def change(self, picture_id: str, form: Form) -> Response:
        """Show it first, remove it, or say what it shows."""
        context, what = self.page.context, form.get("what")
        if what == "first":
            service.put_first(context, self.actor, self.album, picture_id)
        elif what == "remove":
            service.remove_picture(context, self.actor, self.album, picture_id)
        else:
            wanted, problems = validate_form(PictureIn, {"alt": form.get("alt")})
            if wanted is None:
                return self.show(None, problems, form)
            service.describe_picture(context, self.actor, self.album, picture_id, wanted)
        return self._saved()

    def _saved(self) -> Response:
        return self.page.redirect(f"{self.path}/pictures", "saved")
