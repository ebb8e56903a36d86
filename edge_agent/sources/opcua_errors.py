"""Errors of OPC UA connections as sentences that say what to do."""

from __future__ import annotations

from pathlib import Path

from asyncua import ua

from edge_agent.configuration import OpcUaServer

_CERTIFICATE_REFUSED = frozenset(
    (
        ua.StatusCodes.BadSecurityChecksFailed,
        ua.StatusCodes.BadCertificateUntrusted,
        ua.StatusCodes.BadCertificateInvalid,
        ua.StatusCodes.BadCertificateUriInvalid,
        ua.StatusCodes.BadCertificateTimeInvalid,
        ua.StatusCodes.BadCertificateUseNotAllowed,
    )
)
_LOG_IN_REFUSED = frozenset(
    (
        ua.StatusCodes.BadUserAccessDenied,
        ua.StatusCodes.BadIdentityTokenRejected,
        ua.StatusCodes.BadIdentityTokenInvalid,
        ua.StatusCodes.BadUserSignatureInvalid,
    )
)


def sentence(error: BaseException) -> str:
    """The error as text for a message."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


def refusal(error: BaseException, server: OpcUaServer, certificate: Path) -> str:
    """Why the server opens no session. `certificate`: the file with the agent's own."""
    code = error.code if isinstance(error, ua.UaStatusCodeError) else None
    name = ua.StatusCode(ua.UInt32(code)).name if code is not None else ""
    if code in _CERTIFICATE_REFUSED and server.security_policy != "None":
        return (
            f"the server refuses the agent's certificate ({name}): add {certificate} to the certificates that it trusts"
        )
    if code in _LOG_IN_REFUSED:
        if server.username is not None:
            return f"the server refuses the log-in of `username` {server.username!r} ({name}): check name and password"
        if server.user_certificate is not None:
            return f"the server refuses the log-in by `user_certificate` {server.user_certificate} ({name})"
        return f"the server wants a log-in ({name}): give `username`, or `user_certificate` and `user_key`"
    return sentence(error)
