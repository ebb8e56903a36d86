"""Asset Administration Shells: read back by the library that wrote them, verified by another maker's, and compared with the published templates."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from aas_core3_1.jsonization import environment_from_jsonable
from aas_core3_1.verification import verify
from basyx.aas import model
from basyx.aas.adapter.aasx import AASXReader, DictSupplementaryFileContainer
from basyx.aas.adapter.json import read_aas_json_file
from hypothesis import given
from hypothesis import strategies as st

from sharing_platform.industry_formats.description import MachineDescription
from sharing_platform.industry_formats.shell import as_json, as_package, shell_of
from sharing_platform.search.machine_details import MachineDetails
from sharing_platform.search.vocabulary import PROCESSES
from tests import published_schemas
from tests.sharing_platform.conftest import Platform
from tests.sharing_platform.industry_formats.test_capability import DETAILS, machine

TEMPLATES = json.loads(Path(published_schemas.__file__).with_name("idta-templates.json").read_text())
SITE, DAY = "https://deelplatform.example", date(2026, 12, 1)
PAGE = f"{SITE}/machines/hal-2/mill-1"
MACHINES = [
    pytest.param(machine(), id="described in full"),
    pytest.param(machine(process="", place="Genk"), id="not described"),
    pytest.param(
        machine("Honen & co <1>", "honen & co", axes=3, din_8580="3.4", processes=["x" * 60]), id="words of its own"
    ),
]
ARBITRARY = "https://admin-shell.io/SMT/General/Arbitrary"


def written(described: MachineDescription) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(as_json(shell_of(described, SITE, DAY)))
    return found


def submodels(described: MachineDescription) -> dict[str, dict[str, Any]]:
    return {one["idShort"]: one for one in written(described)["submodels"]}


@pytest.mark.parametrize("described", MACHINES)
def test_the_library_reads_back_what_it_has_written(described: MachineDescription) -> None:
    store = shell_of(described, SITE, DAY)
    assert {one.id for one in read_aas_json_file(io.StringIO(as_json(store)), failsafe=False)} == {
        one.id for one in store
    }
    read: model.DictIdentifiableStore[model.Identifiable] = model.DictIdentifiableStore()
    with AASXReader(io.BytesIO(as_package(store)), failsafe=False) as reader:
        reader.read_into(read, DictSupplementaryFileContainer())
    assert json.loads(as_json(read)) == json.loads(as_json(store))
    (shell,) = [one for one in read if isinstance(one, model.AssetAdministrationShell)]
    assert shell.asset_information.global_asset_id == PAGE
    assert {one.resolve(read).id_short for one in shell.submodel} == set(submodels(described))


@pytest.mark.parametrize("described", MACHINES)
def test_another_library_finds_no_fault(described: MachineDescription) -> None:
    assert verify_all(written(described)) == []


TERMS = st.text("aZ9éß漢😀<>&\"' -_./\u00a0", min_size=1, max_size=60).map(str.strip).filter(bool)


@given(
    title=TERMS,
    process=st.sampled_from(["", *(one.code for one in PROCESSES)]) | TERMS,
    details=st.builds(
        MachineDetails, make=st.just("") | TERMS, model=st.just("") | TERMS, processes=st.lists(TERMS, max_size=2), materials=st.lists(TERMS, max_size=2),
        certificates=st.lists(TERMS, max_size=2), axes=st.none() | st.integers(1, 12), tolerance_mm=st.none() | st.floats(0.0001, 10), din_8580=st.sampled_from(["", "3.2.3"]),
    ),
)  # fmt: skip
def test_whatever_people_write_is_a_shell(title: str, process: str, details: MachineDetails) -> None:
    described = MachineDescription("hal-2", "Hal 2", "mill-1", title, process, details)
    assert verify_all(written(described)) == []


def semantic_id(element: dict[str, Any]) -> str:
    return str(element["semanticId"]["keys"][-1]["value"]) if "semanticId" in element else ""


def children(element: dict[str, Any]) -> list[dict[str, Any]]:
    nested = element["modelType"] in ("SubmodelElementCollection", "SubmodelElementList")
    return list(element.get("submodelElements") or (element.get("value", []) if nested else []))


def differences(element: dict[str, Any], template: dict[str, Any], path: str = "") -> Iterator[str]:
    """Where an element is not as its template: kind, type, list, and which elements must and may be in it."""
    here = f"{path}/{element.get('idShort', '-')}"
    for name in ("modelType", "typeValueListElement"):
        if element.get(name) != template.get(name) and template.get(name) != "SubmodelElement":
            yield f"{here}: {name} {element.get(name)}, not {template.get(name)}"
    if (
        "semanticIdListElement" in template
        and element["semanticIdListElement"]["keys"][-1]["value"] != template["semanticIdListElement"]
    ):
        yield f"{here}: another semantic id of its elements"
    known = template.get("elements", [])
    if not known:  # the template leaves open what is in it
        return
    counts = {one["semanticId"]: 0 for one in known}
    for child in children(element):
        fitting = [
            one for one in known if one["semanticId"] == semantic_id(child) and one["modelType"] == child["modelType"]
        ]
        if not fitting:
            yield f"{here}: {child.get('idShort')} ({child['modelType']}, {semantic_id(child)}) is not foreseen"
            continue
        counts[semantic_id(child)] += 1
        yield from differences(child, fitting[0], here)
    for one in known:
        least, most = {"One": (1, 1), "ZeroToOne": (0, 1), "OneToMany": (1, 99)}.get(
            one.get("cardinality", ""), (0, 99)
        )
        if not least <= counts[one["semanticId"]] <= most:
            yield f"{here}: {one['idShort']} {counts[one['semanticId']]} times, not {one['cardinality']}"


@pytest.mark.parametrize("described", MACHINES)
def test_submodels_are_as_the_published_templates(described: MachineDescription) -> None:
    found = submodels(described)
    for name, submodel in found.items():
        assert submodel.get("kind", "Instance") == "Instance"
        assert semantic_id(submodel) == TEMPLATES[name]["semanticId"]
        assert list(differences(submodel, TEMPLATES[name])) == []
    assert ("CapabilityDescription" in found) == bool(described.process)


def test_the_comparison_finds_what_is_different() -> None:
    technical = submodels(machine())["TechnicalData"]
    del technical["submodelElements"][0]["value"][0]
    technical["submodelElements"][-1]["value"][0]["semanticId"]["keys"][0]["value"] = "0173-1#02-XXX000#001"
    said = list(differences(technical, TEMPLATES["TechnicalData"]))
    assert any("ManufacturerName 0 times" in one for one in said)
    assert any("0173-1#02-XXX000#001" in one for one in said)


def test_each_capability_is_offered_and_within_the_machines_bounds() -> None:
    (each,) = submodels(machine())["CapabilityDescription"]["submodelElements"]
    assert len(each["value"]) == 3, "milling, drilling, and what nobody knows"
    capability, properties = each["value"][0]["value"]
    assert [(one["type"], one["value"], one["valueType"]) for one in capability["qualifiers"]] == [
        ("Offered", "true", "xs:boolean")
    ]
    values = {one["idShort"]: one for container in properties["value"] for one in container["value"]}
    assert all(len(container["value"]) == 1 for container in properties["value"]), (
        "exactly one property in each container"
    )
    assert {name: one["value"] for name, one in values.items() if one["modelType"] == "Property"} == {
        "Din8580Class": "3.2.3", "LargestWorkpieceX": "500.0", "LargestWorkpieceY": "450.5", "LargestWorkpieceZ": "400.0", "NumberOfAxes": "5", "Tolerance": "0.01", "TableLoad": "300.0",
    }  # fmt: skip
    assert [one["value"] for one in values["Materials"]["value"]] == ["aluminium", "stainless steel", "Toolox 33"]


def test_every_concept_that_is_named_is_there_with_its_unit() -> None:
    found = written(machine())
    named = {
        key["value"] for submodel in found["submodels"] for element in every(submodel) for one in element.get("supplementalSemanticIds", []) for key in one["keys"]
    }  # fmt: skip
    concepts = {
        one["id"]: one["embeddedDataSpecifications"][0]["dataSpecificationContent"]
        for one in found["conceptDescriptions"]
    }
    assert named == set(concepts)
    units = {one["preferredName"][-1]["text"]: one.get("unit") for one in concepts.values()}
    assert units["Table load (kg)"] == "kg"
    assert units["Largest workpiece, x (mm)"] == "mm"
    sources = {one["preferredName"][-1]["text"]: one.get("sourceOfDefinition") for one in concepts.values()}
    assert sources["milling"] == "DIN 8580:2022-12, 3.2.3"


def every(element: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for child in children(element):
        yield child
        yield from every(child)


def test_what_nobody_has_said_has_no_value_and_is_listed() -> None:
    elements = {
        one["idShort"]: one
        for one in every(submodels(machine(process="", make="DMG", place="Genk"))["TechnicalData"])
        if "idShort" in one
    }
    assert elements["ManufacturerName"]["value"] == "DMG"
    assert "value" not in elements["ManufacturerArticleNumber"]
    assert "value" not in elements["ManufacturerOrderCode"]
    statement = {one["language"]: one["text"] for one in elements["TextStatement"]["value"]}
    assert set(statement) == {"nl", "fr", "en"}
    for word in ("manufacturer's order code", "Process", "Model", "Workpiece", "Materials", "Tolerance"):
        assert word in statement["en"]
    assert "Make" not in statement["en"]
    assert elements["ValidDate"]["value"] == "2026-12-01"


def test_a_shell_never_says_the_address() -> None:
    assert DETAILS["address"] not in json.dumps(written(machine()))


def test_the_route_tells_what_the_page_tells(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.machine("mill-1", process="milling")
    platform.machine("secret", "Geheime pers", process="deep_drawing", anonymous=True)
    assert platform.hal_2.put("/api/v1/machines/hal-2/mill-1/details", json=DETAILS).status_code == 200
    path = "/api/v1/machines/hal-2/mill-1/shell"
    assert platform.anyone.get(path).status_code == 404, "nothing is offered yet"
    platform.offer("o1")
    platform.offer("o2", machine="secret")
    answer = platform.anyone.get(path)
    assert answer.headers["Content-Type"] == "application/json"
    shell = answer.json()
    assert verify_all(shell) == []
    page = f"{platform.context.url}/machines/hal-2/mill-1"
    assert shell["assetAdministrationShells"][0]["assetInformation"]["globalAssetId"] == page
    assert "Dijk" not in answer.text + platform.hal_2.get(path).text
    alias = platform.anyone.get("/api/v1/offers?process=deep_drawing").json()["offers"][0]["machine"]
    for hidden in ("hal-2/secret", f"hal-2/{alias}", "hal-3/mill-1"):
        assert platform.anyone.get(f"/api/v1/machines/{hidden}/shell").status_code == 404
    monkeypatch.setitem(sys.modules, "sharing_platform.industry_formats.shell", None)
    refused = platform.anyone.get(path)
    assert (refused.status_code, refused.json()["code"]) == (501, "no_shells")


def verify_all(environment: Any) -> list[str]:
    return [f"{one.path}: {one.cause}" for one in verify(environment_from_jsonable(environment))]
