"""Every package has a licence that somebody has allowed, and the page says which."""

from __future__ import annotations

from email.message import Message
from importlib.metadata import Distribution
from typing import cast

import pytest

from supply.licences import EXCEPTIONS, PAGE, licences, page, problem_of, stated_licence


def test_every_installed_package_has_an_allowed_licence() -> None:
    packages = licences()
    assert len(packages) > 100
    assert [one.problem for one in packages if one.problem is not None] == []
    assert EXCEPTIONS.keys() <= {one.name for one in packages}, "an exception for a package that is used no more"


def test_the_page_is_the_one_of_the_installed_packages() -> None:
    """Packages for other versions of Python are not here, so each line of this Python's page has to stand in the one that is kept."""
    assert set(page(licences()).splitlines()) - set(PAGE.read_text().splitlines()) == set(), "run `make licences`"


class _Metadata(Message):
    """Of a package that does not exist."""

    def __init__(self, **fields: str | list[str]) -> None:
        super().__init__()
        for name, values in fields.items():
            for value in [values] if isinstance(values, str) else values:
                self[name.replace("_", "-")] = value


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        (_Metadata(License_Expression="MIT OR Apache-2.0"), "MIT OR Apache-2.0"),
        (_Metadata(License="MPL-2.0", Classifier="License :: OSI Approved :: MIT License"), "MPL-2.0"),
        (_Metadata(License="All rights reserved\nreally"), "All rights reserved"),
        (_Metadata(License="see file", Classifier=["Topic :: Any", "License :: OSI Approved :: BSD License"]), "BSD-3-Clause"),
        (_Metadata(License="Dual", Classifier=["License :: A", "License :: OSI Approved :: MIT License"]), "A OR MIT"),
        (_Metadata(), ""),
    ],
)  # fmt: skip
def test_what_a_package_says(metadata: Message, licence: str) -> None:
    package = type("Package", (), {"metadata": metadata})()
    assert stated_licence(cast("Distribution", package)) == licence


@pytest.mark.parametrize(
    ("name", "licence", "allowed"),
    [
        ("new", "MIT", True),
        ("new", "MIT AND PSF-2.0", True),
        ("new", "GPL-3.0-only OR BSD-2-Clause", True),
        ("new", "MIT AND GPL-3.0-only", False),
        ("new", "LGPL-3.0-or-later", False),
        ("new", "All rights reserved", False),
        ("new", "", False),
        ("asyncua", "LGPL-3.0-or-later", True),
        ("asyncua", "AGPL-3.0-only", False),
    ],
)
def test_what_is_allowed(name: str, licence: str, allowed: bool) -> None:
    assert (problem_of(name, licence) is None) == allowed
