"""Checks how people sign in to the control room. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sign_in.openid import OpenIdError, ProviderAwayError
from sign_in.passkeys import relying_party
from telemetry import Clock, UserError
from vrijloop.operations.finding import Finding
from vrijloop.server_settings import ServerSettings, open_provider


def sign_in(settings: ServerSettings, clock: Clock) -> Iterator[Finding]:
    """Check that passkeys can be used where people open the control room, and that the identity provider answers and is who it should be."""
    party = relying_party(settings.public_url)
    if party is None:
        yield Finding(
            "sign-in",
            "warning",
            f"{settings.public_url}: there are no passkeys at this address.",
            "Give the control room a name with https, and write that as `url`.",
        )
    elif settings.url is None:
        yield Finding("sign-in", "ok", f"Passkeys work on this machine alone, at {party.origin}; elsewhere with `url`.")
    else:
        yield Finding("sign-in", "ok", f"Passkeys belong to {party.id}.")
    try:
        provider = open_provider(settings, clock)
        if provider is None:
            return
        provider.look()
    except UserError as error:
        yield Finding("sign-in", "wrong", str(error), "")
    except ProviderAwayError as error:
        yield Finding(
            "sign-in",
            "wrong",
            f"The identity provider cannot be asked ({error}).",
            "Check `issuer` and `other_hosts` in [identity_provider], and that this server may connect to it. Meanwhile passkeys and tokens work.",
        )
    except OpenIdError as error:
        yield Finding(
            "sign-in",
            "wrong",
            f"The identity provider does not answer as one ({error}).",
            "Write `issuer` exactly as the provider does.",
        )
    else:
        yield Finding("sign-in", "ok", f"The identity provider {provider.label} answers, and shows its keys.")
