"""The bills of materials: valid, whole, and of what is locked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator

from supply.locks import OF_EVERYTHING, lock
from supply.sbom import BILLS, as_json, base_image, bill, python_of_the_image
from supply.wheel import sha256_of
from tests.published_schemas import ONE_PROCESS


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "vrijloop-0.1.0-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return path


@ONE_PROCESS
@pytest.mark.parametrize(("name", "image"), [(name, image) for _, name, image in BILLS])
def test_a_bill_is_valid_and_lists_what_is_locked(name: str, image: bool, wheel: Path) -> None:
    text = as_json(bill(name, wheel, image=image))
    if name == "agent":  # `make sbom` validates all; the larger ones take many seconds
        assert make_schemabased_validator(OutputFormat.JSON, SchemaVersion.V1_6).validate_str(text) is None
    written = json.loads(text)
    by_name: dict[str, Any] = {one["name"]: one for one in written["components"]}
    pins = {pin.name: pin for pin in lock(name) if pin.needed(python_of_the_image() if image else {})}
    listed = by_name.keys() - {base_image()[0]}
    if image:
        assert listed == pins.keys(), "by metadata and by the lock"
        assert by_name[base_image()[0]]["purl"] == "pkg:docker/" + "@".join(base_image())
    else:
        assert listed < pins.keys()
        assert {"asyncua", "duckdb", "dask", "amqtt"} <= listed
        assert not {"pytest", "radicale", "hatchling"} & listed, "what only tests and builds need"
        assert written["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": sha256_of(wheel)}]
    for one in listed:
        assert by_name[one]["version"] == pins[one].version
        assert by_name[one]["licenses"]
        assert {entry["content"] for entry in by_name[one]["externalReferences"][0]["hashes"]} == set(pins[one].sha256)
    needs = {one["ref"]: one.get("dependsOn", []) for one in written["dependencies"]}
    own = written["metadata"]["component"]["bom-ref"]
    assert by_name["pydantic"]["bom-ref"] in needs[own]
    assert by_name["pydantic-core"]["bom-ref"] in needs[by_name["pydantic"]["bom-ref"]]


def test_bills_are_of_every_image() -> None:
    text = (Path(__file__).resolve().parents[2] / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM bare AS (\w+)", text, re.MULTILINE)) == {name for _, name, image in BILLS if image}
    assert [name for _, name, image in BILLS if not image] == [OF_EVERYTHING]
