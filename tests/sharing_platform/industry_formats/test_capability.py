"""Capabilities in Catena-X's format: as the published schema and the text of CX-0115 ask, and no more than the machine's page tells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sharing_platform.industry_formats.capability import manufacturing_capability
from sharing_platform.industry_formats.description import MachineDescription, missing_of, processes_of
from sharing_platform.search.machine_details import MachineDetails
from tests.published_schemas import ONE_PROCESS, faults
from tests.sharing_platform.conftest import Platform

DETAILS: dict[str, Any] = {
    "make": "DMG MORI", "model": "DMU 50", "axes": 5, "materials": ["Aluminium", "inox", "Toolox 33"], "certificates": ["ISO 9001"],
    "envelope_mm": [500, 450.5, 400], "tolerance_mm": 0.01, "table_load_kg": 300, "place": "Sint-Truiden", "address": "Dijk 4",
    "processes": ["boren", "honingraten"],
}  # fmt: skip


def machine(title: str = "Freesbank DMU 50", process: str = "milling", **details: Any) -> MachineDescription:
    described = MachineDetails.model_validate(details or DETAILS)
    return MachineDescription("hal-2", "Hal 2", "mill-1", title, process, described)


def payload(*machines: MachineDescription) -> Any:
    return json.loads(manufacturing_capability(machines).model_dump_json(by_alias=True, exclude_none=True))


@ONE_PROCESS
@pytest.mark.parametrize(
    "machines",
    [
        pytest.param([machine()], id="described in full"),
        pytest.param([machine(process="", axes=3)], id="without a process"),
        pytest.param([machine(place="Genk")], id="hardly described"),
        pytest.param([machine(), machine()], id="two alike"),
        pytest.param([machine(), machine("Draaibank", "turning", din_8580="3.2.1.4"), machine("Laser", "laser_cutting")], id="several"),
    ],
)  # fmt: skip
def test_capabilities_hold_to_the_published_schema(machines: list[MachineDescription]) -> None:
    assert faults("ManufacturingCapability-3.1.0", payload(*machines)) == []


@ONE_PROCESS
def test_the_schema_would_refuse_a_capability_without_a_name() -> None:
    wrong = payload(machine())
    del wrong["machines"][0]["provides"][0]["capabilityLabel"]
    assert faults("ManufacturingCapability-3.1.0", wrong) != []


def test_a_process_is_a_capability_that_specializes_its_class_of_din_8580() -> None:
    found = {one["hierarchyElementId"]: one for one in payload(machine())["capabilities"]}
    assert found["milling"]["label"] == {"nl": "frezen", "fr": "fraisage", "en": "milling"}
    chain, above = [], "milling"
    while above in found:
        chain.append(above)
        above = found[above].get("specializes", [{"hierarchyElementId": ""}])[0]["hierarchyElementId"]
    assert chain == ["milling", "DIN 8580:2022-12 3.2.3", "DIN 8580:2022-12 3.2", "DIN 8580:2022-12 3"]
    assert found["DIN 8580:2022-12 3.2"]["generalizes"] == [
        {"hierarchyElementId": "DIN 8580:2022-12 3.2.2"},
        {"hierarchyElementId": "DIN 8580:2022-12 3.2.3"},
    ]
    assert found["honingraten"]["label"] == {"und": "honingraten"}, "nobody knows its language, nor its class"
    assert "specializes" not in found["honingraten"]


def test_every_reference_leads_to_a_capability() -> None:
    found = payload(machine(), machine("Laser", "laser_cutting"))
    ids = {one["hierarchyElementId"] for one in found["capabilities"]}
    every = [*found["capabilities"], *(one for each in found["machines"] for one in each["provides"])]
    named = {
        other["hierarchyElementId"]
        for one in every
        for other in [*one.get("specializes", []), *one.get("generalizes", [])]
    }
    assert named <= ids


def test_a_machine_provides_its_processes_within_its_bounds() -> None:
    (found,) = payload(machine())["machines"]
    assert found["label"] == {"und": "Freesbank DMU 50"}
    assert [(one["propertyLabel"]["en"], one["propertyValue"]) for one in found["properties"]] == [
        ("Make", "DMG MORI"),
        ("Model", "DMU 50"),
    ]
    assert [one["hierarchyElementId"] for one in found["provides"]] == ["milling", "drilling", "honingraten"]
    bounds, *materials = found["provides"][0]["capabilityConstraintSet"]
    assert [(one["propertyLabel"]["en"], one["propertyValue"]) for one in bounds["capabilityConstraintProperties"]] == [
        ("Largest workpiece, x (mm)", "500"),
        ("Largest workpiece, y (mm)", "450.5"),
        ("Largest workpiece, z (mm)", "400"),
        ("Number of axes", "5"),
        ("Tolerance (± mm)", "0.01"),
        ("Table load (kg)", "300"),
    ]
    assert [one["refersToMaterial"]["label"] for one in materials] == [
        {"nl": "aluminium", "fr": "aluminium", "en": "aluminium"},
        {"nl": "roestvast staal", "fr": "inox", "en": "stainless steel"},
        {"und": "Toolox 33"},
    ]


@pytest.mark.parametrize(
    ("process", "details", "expected"),
    [
        pytest.param("milling", {}, [("milling", "3.2.3")], id="by code"),
        pytest.param("freesbank", {}, [("milling", "3.2.3")], id="by a word for it"),
        pytest.param("milling", {"din_8580": "3.2.3.1"}, [("milling", "3.2.3.1")], id="the factory knows the class better"),
        pytest.param("milling", {"processes": ["frezen", "Frezen", "boren"]}, [("milling", "3.2.3"), ("drilling", "3.2.2")], id="each once"),
        pytest.param("", {"processes": ["milling"], "din_8580": "4.6"}, [("milling", "3.2.3")], id="a class without a main process is nobody's"),
        pytest.param("vlechten", {"din_8580": "4.9"}, [("vlechten", "4.9")], id="a word that nobody knows"),
        pytest.param("measuring", {}, [("measuring", "")], id="no process of DIN 8580"),
        pytest.param("", {}, [], id="none"),
    ],
)  # fmt: skip
def test_processes_of_a_machine(process: str, details: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = processes_of(machine(process=process, **({"place": "Genk"} | details)))
    assert [(one.key, one.din_8580) for one in found] == expected


def test_what_is_missing_is_said() -> None:
    assert missing_of(machine(), "en") == []
    missing = ["Bewerking", "Type", "Werkstuk (mm)", "Materialen", "Tolerantie", "Tafelbelasting", "Certificaten"]
    assert missing_of(machine(process="", axes=3, make="DMG"), "nl") == missing


@ONE_PROCESS
def test_routes_tell_what_the_page_tells(platform: Platform) -> None:
    platform.machine("mill-1", process="milling")
    platform.machine("lathe-1", "Draaibank", process="turning")
    platform.machine("secret", "Geheime pers", process="deep_drawing", anonymous=True)
    assert platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json=DETAILS).status_code == 200
    one, every = "/api/v1/machines/hal-2/mill-1/capability", "/api/v1/factories/hal-2/capability"
    assert {path: platform.anyone.get(path).status_code for path in (one, every)} == {one: 404, every: 404}, (
        "nothing is offered yet"
    )
    platform.offer("o1")
    platform.offer("o2", machine="secret")
    platform.offer("o3", machine="lathe-1", visibility="members")
    for path in (one, every):
        (public,) = platform.anyone.get(path).json()
        assert faults("ManufacturingCapability-3.1.0", public) == []
        assert [machine["label"]["und"] for machine in public["machines"]] == ["Freesbank DMU 50"]
        assert "Dijk" not in json.dumps(public)
    (to_members,) = platform.startup.get(every).json()
    assert [machine["label"]["und"] for machine in to_members["machines"]] == ["Draaibank", "Freesbank DMU 50"]
    (own,) = platform.hal_2.get(one).json()
    assert "Dijk" not in json.dumps(own), "an address is told after a booking alone"
    for hidden in (
        "/api/v1/machines/hal-2/secret/capability",
        "/api/v1/machines/hal-3/mill-1/capability",
        "/api/v1/factories/hal-3/capability",
    ):
        assert platform.anyone.get(hidden).status_code == 404
