"""To which site passkeys belong. What authenticators may answer is tested where people sign in: on the platform and in the control room."""

from __future__ import annotations

import pytest

from sign_in.passkeys import RelyingParty, relying_party


@pytest.mark.parametrize(
    ("url", "party"),
    [
        ("https://deel.limburg.be", RelyingParty("deel.limburg.be", "https://deel.limburg.be")),
        ("https://Deel.Limburg.be:443/", RelyingParty("deel.limburg.be", "https://deel.limburg.be")),
        ("https://deel.limburg.be:8443", RelyingParty("deel.limburg.be", "https://deel.limburg.be:8443")),
        ("http://localhost:8340", RelyingParty("localhost", "http://localhost:8340")),
        ("http://127.0.0.1:8340", RelyingParty("localhost", "http://localhost:8340")),
        ("http://[::1]:8340", RelyingParty("localhost", "http://localhost:8340")),
        ("https://192.0.2.7", None), ("https://[2001:db8::1]", None), ("http://deel.limburg.be", None), ("", None),
    ],
)  # fmt: skip
def test_whose_passkeys_they_are(url: str, party: RelyingParty | None) -> None:
    assert relying_party(url) == party
