"""`make sbom`: bills of materials (CycloneDX 1.6, JSON) of the wheel and of the images, from the locks and the metadata of the installed packages.

    python -m supply.sbom [FOLDER]         FOLDER: where the wheel is; default: dist

An image's bill names its base image, whose own packages Debian and Docker's Python image answer for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from supply.installed import HERE, required
from supply.licences import stated_licence
from supply.locks import OF_EVERYTHING, ROOT, Pin, lock
from supply.wheel import sha256_of
from telemetry.version import __version__

EXTRAS = {"agent": ("edge",), "server": ("edge", "server"), OF_EVERYTHING: ("all",)}
"""What of Vrijloop is installed with each lock."""

_LICENCES = LicenseFactory()


def base_image() -> tuple[str, str]:
    """Name and tag of the image on which the Dockerfile builds, such as `python` and `3.13.9-slim-bookworm`. Raises ValueError if it has several."""
    found: set[tuple[str, str]] = set(
        re.findall(r"^FROM (\w+):(\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    if len(found) != 1:
        raise ValueError(f"the Dockerfile builds on {len(found)} images")
    ((name, tag),) = found
    return name, tag


def python_of_the_image() -> dict[str, str]:
    """The image's environment, as far as requirements ask for it and it is another than here."""
    full = base_image()[1].partition("-")[0]
    return {
        "python_full_version": full,
        "python_version": ".".join(full.split(".")[:2]),
        "sys_platform": "linux",
        "platform_system": "Linux",
    }


def bill(name: str, wheel: Path, *, image: bool) -> Bom:
    """Of the wheel with everything that its extras ask for (`develop`), or of an image (`agent`, `server`)."""
    environment = python_of_the_image() if image else HERE
    pins = {pin.name: pin for pin in lock(name) if pin.needed(environment)}
    packages: dict[str, tuple[Distribution, frozenset[str]]] = {
        canonicalize_name(one.name): (one, needs) for one, needs in required("vrijloop", EXTRAS[name], environment)
    }
    kind = ComponentType.CONTAINER if image else ComponentType.APPLICATION
    own = Component(
        name=f"vrijloop-{name}" if image else "vrijloop", type=kind, version=__version__,
        purl=None if image else PackageURL("pypi", name="vrijloop", version=__version__),
        hashes=() if image else [HashType(alg=HashAlgorithm.SHA_256, content=sha256_of(wheel))],
    )  # fmt: skip
    bom = Bom()
    bom.metadata.tools.components.add(this_component())
    bom.metadata.component = own
    components = {one: _component(pins[one], stated_licence(packages[one][0])) for one in packages if one != "vrijloop"}
    for component in components.values():
        bom.components.add(component)
    for one, component in components.items():
        bom.register_dependency(component, [components[other] for other in sorted(packages[one][1])])
    directly = [components[other] for other in sorted(packages["vrijloop"][1])]
    if image:
        base_name, tag = base_image()
        base = Component(
            name=base_name, version=tag, type=ComponentType.CONTAINER,
            purl=PackageURL("docker", name=base_name, version=tag), description="Base image; its packages are not listed here.",
        )  # fmt: skip
        bom.components.add(base)
        directly.append(base)
    bom.register_dependency(own, directly)
    return bom


def _component(pin: Pin, licence: str) -> Component:
    """A package as it is locked. Which of its files is installed depends on the platform, so that the hashes are those of its release."""
    file_hashes = [HashType(alg=HashAlgorithm.SHA_256, content=one) for one in pin.sha256]
    page = XsUri(f"https://pypi.org/project/{pin.name}/{pin.version}/")
    return Component(
        name=pin.name, version=pin.version, type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=pin.name, version=pin.version),
        licenses=[_LICENCES.make_from_string(licence)] if licence else (),
        external_references=[ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=page, hashes=file_hashes)],
    )  # fmt: skip


def as_json(bom: Bom) -> str:
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)


BILLS: Sequence[tuple[str, str, bool]] = (
    ("vrijloop-wheel.cdx.json", OF_EVERYTHING, False),
    ("vrijloop-agent-image.cdx.json", "agent", True),
    ("vrijloop-server-image.cdx.json", "server", True),
)
"""The files, of what, and whether it is an image."""


def main(folder: Path) -> None:
    (wheel,) = folder.glob("vrijloop-*.whl")
    for file, name, image in BILLS:
        bom = bill(name, wheel, image=image)
        text = as_json(bom)
        if (wrong := make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(text)) is not None:
            raise ValueError(f"{file} is no valid bill of materials: {wrong}")
        (folder / file).write_text(text + "\n", encoding="utf-8")
        print(f"{folder / file}: {len(bom.components)} components")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
