"""The settings of an organisation: particulars, members, tokens, webhooks, calendar feeds."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select

from sharing_platform.audit_sentences import write_sentences
from sharing_platform.bookings import calendar_feeds
from sharing_platform.bookings import service as booking_service
from sharing_platform.bookings.schemas import FeedIn
from sharing_platform.database import read_session
from sharing_platform.errors import PlatformError
from sharing_platform.machines.models import Machine
from sharing_platform.notifications import webhooks
from sharing_platform.notifications.schemas import WebhookIn
from sharing_platform.organisations import audit_log, directory, invitations, particulars, service
from sharing_platform.organisations.api import member_out, organisation_out
from sharing_platform.organisations.dependencies import Page, PageRequest
from sharing_platform.organisations.models import Organisation
from sharing_platform.organisations.pages import COUNTRIES
from sharing_platform.organisations.permissions import TOKEN_SCOPES, Actor, Right, Role, require
from sharing_platform.organisations.schemas import MemberIn, OrganisationIn, RoleIn, TokenIn
from sharing_platform.pages import Form, FormData, split_lines, validate_form

router = APIRouter(include_in_schema=False)

_AUDIT_SHOWN = 20


@router.get("/organisation")
def get_organisation(page: Page) -> HTMLResponse:
    return _page(page, require(page.actor, Right.READ))


@router.post("/organisation")
def post_organisation(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.GOVERN)
    wanted, problems = validate_form(
        OrganisationIn,
        {name: form.get(name) for name in ("name", "country", "enterprise_number", "vat", "place", "address")},
    )
    if wanted is None:
        return _page(page, actor, problems=problems, form=form)
    try:
        particulars.put_organisation(page.context, actor, wanted)
    except PlatformError as error:
        return _page(page, actor, error, form=form)
    return page.redirect("/organisation", "saved")


@router.post("/organisation/members")
def post_member(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.GOVERN)
    fields = {name: form.get(name) for name in ("name", "email", "role")}
    wanted, problems = validate_form(MemberIn, {**fields, "language": page.language})
    if wanted is None:
        return _page(page, actor, problems=problems, form=form)
    try:
        service.invite(page.context, actor, wanted)
    except PlatformError as error:
        return _page(page, actor, error, form=form)
    return page.redirect("/organisation", "invited")


@router.post("/organisation/invitations/{invitation_id}/withdraw")
def post_invitation_withdrawal(invitation_id: str, page: Page) -> Response:
    service.withdraw_invitation(page.context, require(page.actor, Right.GOVERN), invitation_id)
    return page.redirect("/organisation", "saved")


@router.post("/organisation/members/{account_id}")
def post_role(account_id: str, page: Page, form: FormData) -> Response:
    """Change the role of a member, or remove the member."""
    actor = require(page.actor, Right.GOVERN)
    try:
        if form.get("role") == "remove":
            service.remove_member(page.context, actor, account_id)
        else:
            wanted, problems = validate_form(RoleIn, {"role": form.get("role")})
            if wanted is None:
                return _page(page, actor, problems=problems)
            service.set_role(page.context, actor, account_id, wanted.role)
    except PlatformError as error:
        return _page(page, actor, error)
    return page.redirect("/organisation", "saved")


@router.post("/organisation/tokens")
def post_token(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.GOVERN)
    wanted, problems = validate_form(
        TokenIn, {"name": form.get("token_name"), "scopes": split_lines(form.get("scopes"))}
    )
    if wanted is None:
        return _page(page, actor, problems={f"token_{name}": code for name, code in problems.items()}, form=form)
    try:
        _, secret = service.new_token(page.context, actor, wanted)
    except PlatformError as error:
        return _page(page, actor, error)
    return _page(page, actor, secret=secret)


@router.post("/organisation/tokens/{token_id}/revoke")
def post_revoke(token_id: str, page: Page) -> Response:
    service.revoke(page.context, require(page.actor, Right.GOVERN), token_id)
    return page.redirect("/organisation", "saved")


@router.post("/organisation/feeds")
def post_feed(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.INTEGRATE)
    wanted, problems = validate_form(FeedIn, {"subject": form.get("subject")})
    if wanted is None:
        return _page(page, actor, problems=problems)
    try:
        return _page(
            page, actor, secret=booking_service.new_feed(page.context, actor, wanted.subject, page.language).url
        )
    except PlatformError as error:
        return _page(page, actor, error)


@router.post("/organisation/feeds/{feed_id}")
def post_feed_change(feed_id: str, page: Page, form: FormData) -> Response:
    """Renew the address of a feed, or remove the feed."""
    actor = require(page.actor, Right.INTEGRATE)
    if form.get("what") == "renew":
        return _page(page, actor, secret=booking_service.renew_feed(page.context, actor, feed_id, page.language).url)
    booking_service.remove_feed(page.context, actor, feed_id)
    return page.redirect("/organisation", "saved")


@router.post("/organisation/webhooks")
def post_webhook(page: Page, form: FormData) -> Response:
    actor = require(page.actor, Right.INTEGRATE)
    wanted, problems = validate_form(WebhookIn, {"url": form.get("url")})
    if wanted is None:
        return _page(page, actor, problems=problems, form=form)
    try:
        webhook = service.add_webhook(page.context, actor, wanted.url)
    except PlatformError as error:
        return _page(page, actor, error, form=form)
    return _page(page, actor, secret=webhook.secret)


@router.post("/organisation/webhooks/{webhook_id}/remove")
def post_webhook_removal(webhook_id: str, page: Page) -> Response:
    service.remove_webhook(page.context, require(page.actor, Right.INTEGRATE), webhook_id)
    return page.redirect("/organisation", "saved")


@router.get("/organisation/webhooks/{webhook_id}")
def get_webhook(webhook_id: str, page: Page) -> HTMLResponse:
    actor = require(page.actor, Right.INTEGRATE)
    with read_session(page.context.sessions) as session:
        webhook = webhooks.webhook_of(session, actor.organisation, webhook_id)
        return page.render("webhook.html", webhook=webhook, deliveries=webhooks.deliveries(session, webhook.id))


def _page(
    page: PageRequest,
    actor: Actor,
    error: PlatformError | None = None,
    problems: dict[str, str] | None = None,
    form: Form | None = None,
    secret: str | None = None,
) -> HTMLResponse:
    """`secret`: a new secret, shown only on this page."""
    with read_session(page.context.sessions) as session:
        governs, integrates = actor.may(Right.GOVERN), actor.may(Right.INTEGRATE)
        own = session.get_one(Organisation, actor.organisation)
        organisation = organisation_out(own)
        people = directory.members(session, organisation.id) if governs else []
        given = {
            **{name: str(value) for name, value in organisation.model_dump().items() if value is not None},
            **(form or {}),
        }
        machines = session.scalars(
            select(Machine).where(Machine.factory == organisation.id).order_by(Machine.title)
        ).all()
        log = [one for _, one in audit_log.own_entries(session, organisation.id, None, _AUDIT_SHOWN)] if governs else []
        values: dict[str, Any] = {
            "organisation": organisation,
            "lacks_number": own.lacks_number,
            "countries": COUNTRIES,
            "members": [member_out(account, Role(membership.role)) for account, membership in people],
            "invited": invitations.of_organisation(session, organisation.id, page.now) if governs else [],
            "tokens": directory.tokens(session, organisation.id) if governs else [],
            "feeds": calendar_feeds.feeds(session, organisation.id) if integrates else [],
            "feed_names": {
                "provider": page.translator("lent_out"),
                "seeker": page.translator("our_requests"),
                **{f"machine:{one.machine}": one.title for one in machines},
            },
            "webhooks": webhooks.webhooks(session, organisation.id) if integrates else [],
            "audit": write_sentences(session, log, page.translator, organisation.id),
            "scopes": sorted(TOKEN_SCOPES),
            "roles": list(Role),
            "secret": secret,
        }
    return page.render_with_forms("organisation.html", error, given, problems, **values)
