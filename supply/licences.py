"""`make licences`: the licence of each package that is installed, against what is allowed, as docs/licences.md.

A licence is what the package's own metadata says: an SPDX expression, or the older classifiers; where these say nothing, the first line of its licence's text.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from license_expression import AND, OR, ExpressionError, LicenseSymbol, get_spdx_licensing

from supply.locks import OF_EVERYTHING, ROOT, lock

PAGE = ROOT / "docs" / "licences.md"

ALLOWED = frozenset(
    ("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib")
)  # fmt: skip
"""Licences of the SPDX list that ask for no more than that they are kept with the package."""

OLDER_NAMES: Mapping[str, str] = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "GNU GPL v3": "GPL-3.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The MIT License (MIT)": "MIT",
}
"""Classifiers and texts from before SPDX expressions. They do not tell apart the variants of the BSD licence, which ask for the same."""

_UNCHANGED = "used unchanged, through its interface, and can be replaced by another version, as the LGPL asks"

EXCEPTIONS: Mapping[str, tuple[str, str]] = {
    "asyncua": ("LGPL-3.0-or-later", f"OPC UA; {_UNCHANGED}"),
    "certifi": ("MPL-2.0", "certificates of authorities; the MPL concerns changes of its own files alone, and there are none"),
    "fqdn": ("MPL-2.0", "tests alone"),
    "fpdf2": ("LGPL-3.0-only", f"PDF documents; {_UNCHANGED}"),
    "hypothesis": ("MPL-2.0", "tests alone"),
    "pathspec": ("MPL-2.0", "builds and checks alone"),
    "psycopg": ("LGPL-3.0-only", f"PostgreSQL; {_UNCHANGED}"),
    "psycopg-binary": ("LGPL-3.0-only", f"PostgreSQL; {_UNCHANGED}"),
    "python-stdnum": ("LGPL-2.1-or-later", f"numbers of companies; {_UNCHANGED}"),
    "radicale": ("GPL-3.0-only", "tests alone, as a CalDAV server in a process of its own"),
    "recurring-ical-events": ("LGPL-3.0-or-later", f"calendars; {_UNCHANGED}"),
    "x-wr-timezone": ("LGPL-3.0-or-later", f"calendars; {_UNCHANGED}"),
}  # fmt: skip
"""Packages with another licence: which one, and why they are used nevertheless."""

_SPDX = get_spdx_licensing()

INSTALLATIONS = ("agent", "server", OF_EVERYTHING)
"""The locks, the smallest first. What stands in the last one alone is for the demo, `learn --png`, a cluster, tests and checks."""


@dataclass(frozen=True, slots=True)
class Licensed:
    """A package, what its metadata says, and what is wrong with that, if anything."""

    name: str
    licence: str
    where: str
    problem: str | None


def stated_licence(package: Distribution) -> str:
    """An SPDX expression, or else what the metadata has; empty if that says nothing."""
    metadata = package.metadata
    expression_given, text = (
        metadata[name].strip() if name in metadata else "" for name in ("License-Expression", "License")
    )
    for one in (expression_given, text):
        if one and (expression := _expression(one)) is not None:
            return str(expression)
    if text in OLDER_NAMES:
        return OLDER_NAMES[text]
    classifiers = [
        one.rpartition(" :: ")[2] for one in metadata.get_all("Classifier", []) if one.startswith("License :: ")
    ]
    named = [one for one in classifiers if one not in ("OSI Approved", "DFSG approved")] or text.splitlines()[:1]
    if not named:
        texts = (package.read_text(f"licenses/{one}") or "" for one in metadata.get_all("License-File", []))
        named = [one.strip().partition("\n")[0] for one in texts]
    # Several classifiers are a choice, as with python-dateutil.
    return " OR ".join(OLDER_NAMES.get(one, one) for one in named)


def _expression(text: str) -> LicenseSymbol | AND | OR | None:
    try:
        return _SPDX.parse(text, validate=True, strict=True)
    except ExpressionError:
        return None


def problem_of(name: str, licence: str) -> str | None:
    """Why a package of this licence must not be used; None if it may."""
    if name in EXCEPTIONS and EXCEPTIONS[name][0] == licence:
        return None
    if not licence:
        return f"{name}: its metadata names no licence"
    expression = _expression(licence)
    return None if expression is not None and _is_allowed(expression) else f"{name}: nobody has allowed {licence!r}"


def _is_allowed(expression: LicenseSymbol | AND | OR) -> bool:
    if isinstance(expression, OR):
        return any(map(_is_allowed, expression.args))
    if isinstance(expression, AND):
        return all(map(_is_allowed, expression.args))
    return str(expression) in ALLOWED


def licences() -> list[Licensed]:
    """Every locked package that is installed here."""
    smallest = {pin.name: where for where in reversed(INSTALLATIONS) for pin in lock(where)}
    found = []
    for name, where in sorted(smallest.items()):
        try:
            licence = stated_licence(distribution(name))
        except PackageNotFoundError:
            continue  # for another platform or version of Python
        found.append(Licensed(name, licence, where, problem_of(name, licence)))
    return found


def page(packages: Sequence[Licensed]) -> str:
    """docs/licences.md. Without versions, so that it changes when a licence does, and not with each update."""
    titles = {
        "agent": "In the agent, and on a server",
        "server": "On a server",
        OF_EVERYTHING: "For the demo, drawings, a cluster, tests and checks: in no image",
    }
    lines = [
        "# Licences",
        "",
        "Written by `make licences` from the metadata of the installed packages; a test holds it to them. Allowed are licences that ask for no more than to be kept with the package: "
        + ", ".join(sorted(ALLOWED)) + ". Any other one is an exception with a reason.",
        "",
        "## Exceptions",
        "",
        "| package | licence | why it is used |",
        "|---|---|---|",
        *(f"| {name} | {licence} | {why} |" for name, (licence, why) in EXCEPTIONS.items()),
    ]  # fmt: skip
    for where in INSTALLATIONS:
        lines += ["", f"## {titles[where]}", "", "| package | licence |", "|---|---|"]
        lines += [f"| {one.name} | {one.licence} |" for one in packages if one.where == where]
    lines += [
        "",
        "## Files in Vrijloop itself",
        "",
        "| what | licence |",
        "|---|---|",
        *(f"| {what} | {licence} |" for what, licence in SHIPPED_FILES.items()),
        "",
        "Servers of other makers that the tests talk to (from npm, Go, Rust, Maven and Debian) are downloaded for tests alone. They are in no wheel and in no image.",
    ]
    return "\n".join(lines) + "\n"


SHIPPED_FILES: Mapping[str, str] = {
    "Chart.js (`analytics/control_room/static/`)": "MIT",
    "Event Calendar, htmx, Pico CSS (`sharing_platform/static/vendor/`)": "MIT, 0BSD, MIT",
    "Figtree, the typeface (`sharing_platform/static/fonts/`)": "OFL-1.1",
    "Lucide, the icons (`sharing_platform/static/vendor/`)": "ISC, some of them MIT",
    "Outline of the province, after Natural Earth (`sharing_platform/region_map.json`)": "public domain",
    "Towns, from GeoNames (`sharing_platform/places.tsv`, `region_map.json`)": "CC-BY-4.0",
}


def main() -> int:
    """Write the page; 1 if a licence is not allowed."""
    packages = licences()
    PAGE.write_text(page(packages), encoding="utf-8")
    problems = [one.problem for one in packages if one.problem is not None]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(packages)} packages, {len(problems)} with a licence that is not allowed.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
