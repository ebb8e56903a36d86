"""The pages: server-rendered, useful without JavaScript, live with it. They do what the API does, by the same functions."""

from __future__ import annotations

from sharing_platform.pages import booking, desk, listing, live, offer, organisation, people, region, search, wanted
from sharing_platform.pages.shown import problem_page

ROUTERS = tuple(
    part.router for part in (search, offer, live, listing, wanted, people, desk, booking, organisation, region)
)

__all__ = ["ROUTERS", "problem_page"]
