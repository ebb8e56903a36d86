"""The Asset Administration Shell of a machine, with two submodels of IDTA: Technical Data 2.0 (02003) and Capability Description 1.0 (02020).

Elements that a template asks for and nobody has said on the platform are there without a value, and a text statement lists them. Ids are addresses of the machine's page.

basyx-python-sdk is imported here alone, and this module only where a shell is written (extra `aas`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from uuid import NAMESPACE_URL, uuid5

from basyx.aas import model
from basyx.aas.adapter.aasx import AASXWriter, DictSupplementaryFileContainer
from basyx.aas.adapter.json import object_store_to_json
from basyx.aas.model.concept import ConceptDescription

from sharing_platform.i18n import LANGUAGES, texts
from sharing_platform.industry_formats.description import (
    DIN_8580,
    MachineDescription,
    Measure,
    ProcessOf,
    Words,
    materials_of,
    measures_of,
    missing_of,
    processes_of,
    translated,
    written,
)

TECHNICAL_DATA = "0173-1#01-AHX837#002"
CAPABILITY_DESCRIPTION = "https://admin-shell.io/idta/SubmodelTemplate/CapabilityDescription/1/0"
_OF_CAPABILITIES = "https://admin-shell.io/idta/CapabilityDescription"
_PROPERTY = "https://admin-shell.io/idta/CapabilityPropertyType"
_ARBITRARY = "https://admin-shell.io/SMT/General/Arbitrary"
_IEC_61360 = "https://admin-shell.io/DataSpecificationTemplates/DataSpecificationIEC61360/3/1"
_CONCEPTS = uuid5(NAMESPACE_URL, CAPABILITY_DESCRIPTION)
_MATERIAL, _CERTIFICATE, _DIN_CLASS = "Material", "Certificate", "Din8580Class"
_LONGEST_NAME = 128

Store = model.DictIdentifiableStore[model.Identifiable]


def shell_of(machine: MachineDescription, site: str, on: date) -> Store:
    """The shell, its submodels, and the concepts that they refer to. `site`: the platform's public address; `on`: the day of which it is."""
    page = f"{site}/machines/{machine.factory}/{machine.machine}"
    submodels = [_technical_data(machine, f"{page}#technical-data", on)]
    if processes_of(machine):
        submodels.append(_capabilities(machine, f"{page}#capabilities"))
    shell = model.AssetAdministrationShell(
        model.AssetInformation(model.AssetKind.INSTANCE, global_asset_id=page),
        id_=f"{page}#shell",
        id_short="Machine",
        display_name=model.MultiLanguageNameType(dict(_cut(written(machine.title)))),
        submodel={model.ModelReference.from_referable(one) for one in submodels},
    )
    return model.DictIdentifiableStore([shell, *submodels, *_concepts(machine)])


def as_json(store: Store) -> str:
    """The same text each time: the library keeps a shell's references to its submodels in a set."""
    found = json.loads(object_store_to_json(store))
    for shell in found.get("assetAdministrationShells", ()):
        shell.get("submodels", []).sort(key=lambda one: [key["value"] for key in one["keys"]])
    return json.dumps(found)


def as_package(store: Store) -> bytes:
    """AASX."""
    file = io.BytesIO()
    with AASXWriter(file, failsafe=False) as writer:
        # `write_aas` would leave out concepts that supplemental semantic ids alone refer to.
        writer.write_all_aas_objects("/aasx/data.xml", store, DictSupplementaryFileContainer())
    return file.getvalue()


def _technical_data(machine: MachineDescription, uri: str, on: date) -> model.Submodel:
    details = machine.details
    general = _collection(
        "GeneralInformation",
        "0173-1#02-ABK161#002/0173-1#01-AHX838#002",
        _property("ManufacturerName", "0173-1#02-AAO677#004", details.make or None),
        _texts("ManufacturerProductDesignation", "0173-1#02-AAW338#003", written(details.model or machine.title)),
        _property("ManufacturerArticleNumber", "0173-1#02-AAO676#005", None),
        _property("ManufacturerOrderCode", "0173-1#02-AAO227#004", None),
    )
    area = _collection(None, "0173-1#02-ABL358#002/0173-1#01-AHX773#002", *_properties_of(machine))
    areas = model.SubmodelElementList(
        "TechnicalPropertyAreas",
        model.SubmodelElementCollection,
        [area],
        semantic_id=_reference("0173-1#02-ABK163#002"),
        semantic_id_list_element=_reference("0173-1#02-ABL358#002/0173-1#01-AHX773#002"),
    )
    further = _collection(
        "FurtherInformation",
        "0173-1#02-ABK164#002",
        _texts("TextStatement", "0173-1#02-ABK134#002", _not_said(machine)),
        model.Property("ValidDate", model.datatypes.Date, on, semantic_id=_reference("0173-1#02-ABL775#001")),
    )
    return model.Submodel(
        uri,
        [general, *([areas] if area.value else []), further],
        id_short="TechnicalData",
        administration=model.AdministrativeInformation(template_id="https://admin-shell.io/idta-02003-2-0"),
        semantic_id=_of_submodel(TECHNICAL_DATA),
    )


def _properties_of(machine: MachineDescription) -> list[model.SubmodelElement]:
    """Technical data as the template lets them be: any property, with a concept of its own."""
    found: list[model.SubmodelElement] = []
    for place, process in enumerate(processes_of(machine), start=1):
        found.append(_texts(f"Process{place:02}", _ARBITRARY, process.names, _concept_of(process)))
        if process.din_8580:
            found.append(
                _property(f"Process{place:02}{_DIN_CLASS}", _ARBITRARY, process.din_8580, _concept(_DIN_CLASS))
            )
    found += [_number(one, _ARBITRARY) for one in measures_of(machine.details)]
    found += _lists_of(machine, _ARBITRARY)
    return found


def _lists_of(machine: MachineDescription, semantic_id: str) -> list[model.SubmodelElement]:
    """Materials in English, where the platform knows them, and certificates."""
    lists = (
        ("Materials", _MATERIAL, [one.get("en") or next(iter(one.values())) for one in materials_of(machine.details)]),
        ("Certificates", _CERTIFICATE, machine.details.certificates),
    )
    return [_strings(name, semantic_id, values, _concept(concept)) for name, concept, values in lists if values]


def _capabilities(machine: MachineDescription, uri: str) -> model.Submodel:
    processes = processes_of(machine)
    containers = [_capability(machine, one, place) for place, one in enumerate(processes, start=1)]
    capabilities = _collection("CapabilitySet", f"{_OF_CAPABILITIES}/CapabilitySet/1/0", *containers)
    return model.Submodel(
        uri, [capabilities], id_short="CapabilityDescription", semantic_id=_of_submodel(CAPABILITY_DESCRIPTION)
    )


def _capability(machine: MachineDescription, process: ProcessOf, place: int) -> model.SubmodelElementCollection:
    """A container with what is offered and within which bounds."""
    offered = model.Qualifier(
        "Offered",
        model.datatypes.Boolean,
        True,
        kind=model.QualifierKind.VALUE_QUALIFIER,
        semantic_id=_reference(f"{_OF_CAPABILITIES}/CapabilityRoleQualifier/Offered/1/0"),
    )
    capability = model.Capability(
        f"Process{place:02}",
        display_name=model.MultiLanguageNameType(dict(_cut(process.names))),
        semantic_id=_reference(f"{_OF_CAPABILITIES}/Capability/1/0"),
        supplemental_semantic_id=_also(_concept_of(process)),
        qualifier=[offered],
    )
    values: list[model.SubmodelElement] = []
    if process.din_8580:
        values.append(_property(_DIN_CLASS, f"{_PROPERTY}/Property/1/0", process.din_8580, _concept(_DIN_CLASS)))
    values += [_number(one, f"{_PROPERTY}/Property/1/0") for one in measures_of(machine.details)]
    values += _lists_of(machine, f"{_PROPERTY}/SubmodelElementList/1/0")
    told = [_collection(f"{one.id_short}Container", f"{_OF_CAPABILITIES}/PropertyContainer/1/0", one) for one in values]
    properties = [_collection("PropertySet", f"{_OF_CAPABILITIES}/PropertySet/1/0", *told)] if told else []
    return _collection(
        f"Process{place:02}Container", f"{_OF_CAPABILITIES}/CapabilityContainer/1/0", capability, *properties
    )


def _concepts(machine: MachineDescription) -> list[ConceptDescription]:
    """What properties and capabilities mean, with their units."""
    found = [
        _described(one.key, one.names, unit=one.unit, count=one.unit == "") for one in measures_of(machine.details)
    ]
    found += [
        _described(f"process:{one.key}", one.names, source=f"{DIN_8580}, {one.din_8580}" if one.din_8580 else "")
        for one in processes_of(machine)
        if "en" in one.names
    ]
    if any(one.din_8580 for one in processes_of(machine)):
        found.append(_described(_DIN_CLASS, dict.fromkeys(LANGUAGES, "DIN 8580"), source=DIN_8580))
    for concept, key, said in (
        (_MATERIAL, "materials", machine.details.materials),
        (_CERTIFICATE, "certificates", machine.details.certificates),
    ):
        if said:
            found.append(_described(concept, translated(key)))
    return found


def _described(key: str, names: Words, unit: str = "", count: bool = False, source: str = "") -> ConceptDescription:
    kind = model.DataTypeIEC61360.REAL_MEASURE if unit else model.DataTypeIEC61360.STRING
    content = model.DataSpecificationIEC61360(
        model.PreferredNameTypeIEC61360(dict(names)),
        data_type=model.DataTypeIEC61360.INTEGER_COUNT if count else kind,
        definition=model.DefinitionTypeIEC61360(dict(names)),
        unit=unit or None,
        source_of_definition=source or None,
    )
    specification = model.EmbeddedDataSpecification(_reference(_IEC_61360), content)
    return ConceptDescription(_uri(key), embedded_data_specifications=[specification])


def _not_said(machine: MachineDescription) -> Mapping[str, str]:
    said = {}
    for language in LANGUAGES:
        words = texts(language)
        named = [words["aas_article_number"], words["aas_order_code"]]
        named += missing_of(machine, language)
        said[language] = words["aas_not_said"].format(what=", ".join(named))
    return said


def _collection(
    id_short: str | None, semantic_id: str, *elements: model.SubmodelElement
) -> model.SubmodelElementCollection:
    return model.SubmodelElementCollection(id_short, elements, semantic_id=_reference(semantic_id))


def _property(
    id_short: str | None, semantic_id: str, value: str | None, concept: model.ExternalReference | None = None
) -> model.Property:
    return model.Property(
        id_short,
        model.datatypes.String,
        value,
        semantic_id=_reference(semantic_id),
        supplemental_semantic_id=_also(concept),
    )


def _number(measure: Measure, semantic_id: str) -> model.Property:
    whole = isinstance(measure.value, int)
    return model.Property(
        measure.key,
        model.datatypes.Int if whole else model.datatypes.Double,
        measure.value,
        semantic_id=_reference(semantic_id),
        supplemental_semantic_id=_also(_concept(measure.key)),
    )


def _texts(
    id_short: str, semantic_id: str, words: Words, concept: model.ExternalReference | None = None
) -> model.MultiLanguageProperty:
    return model.MultiLanguageProperty(
        id_short,
        model.MultiLanguageTextType(dict(words)),
        semantic_id=_reference(semantic_id),
        supplemental_semantic_id=_also(concept),
    )


def _strings(
    id_short: str, semantic_id: str, values: Sequence[str], concept: model.ExternalReference
) -> model.SubmodelElementList[model.Property]:
    of_capabilities = semantic_id != _ARBITRARY
    each = f"{_PROPERTY}/Property/1/0" if of_capabilities else _ARBITRARY
    return model.SubmodelElementList(
        id_short,
        model.Property,
        [_property(None, each, one) for one in values],
        value_type_list_element=model.datatypes.String,
        semantic_id_list_element=_reference(each),
        order_relevant=False,
        semantic_id=_reference(semantic_id),
        supplemental_semantic_id=_also(concept),
    )


def _of_submodel(template: str) -> model.ModelReference[model.Submodel]:
    """As the templates write it."""
    return model.ModelReference((model.Key(model.KeyTypes.SUBMODEL, template),), model.Submodel)


def _reference(value: str) -> model.ExternalReference:
    return model.ExternalReference((model.Key(model.KeyTypes.GLOBAL_REFERENCE, value),))


def _concept_of(process: ProcessOf) -> model.ExternalReference | None:
    """None where a factory's own words name it: they mean what they mean there."""
    return _concept(f"process:{process.key}") if "en" in process.names else None


def _concept(key: str) -> model.ExternalReference:
    return _reference(_uri(key))


def _uri(key: str) -> str:
    """The same on each platform, so that machines of two regions can be compared."""
    return f"urn:uuid:{uuid5(_CONCEPTS, key)}"


def _also(concept: model.ExternalReference | None) -> Iterable[model.ExternalReference]:
    return [concept] if concept is not None else []


def _cut(words: Words) -> Words:
    """Names are shorter than texts in the metamodel."""
    return {language: text[:_LONGEST_NAME] for language, text in words.items()}
