"""Sparkplug B 3.0: topics and payloads, as far as Vrijloop speaks them. Imported only where Sparkplug is configured, since it loads protobuf.

Each metric has a name, a value, a time and perhaps a quality. Data sets, templates and metadata are passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

NAMESPACE = "spBv1.0"
BD_SEQ, REBIRTH = "bdSeq", "Node Control/Rebirth"
MAX_PAYLOAD_BYTES = 256 * 1024
_QUALITY = "Quality"
_SEQ_LIMIT = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DataType(IntEnum):
    """The types of values that Vrijloop reads or writes (specification, section 6.4.16)."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13
    TEXT = 14


class Quality(IntEnum):
    """The values of the property `Quality`. A metric without it is good."""

    BAD = 0
    GOOD = 192
    STALE = 500


_FIELD_OF_TYPE = {
    **dict.fromkeys((DataType.INT8, DataType.INT16, DataType.INT32), "int_value"),
    **dict.fromkeys((DataType.UINT8, DataType.UINT16, DataType.UINT32), "int_value"),
    **dict.fromkeys((DataType.INT64, DataType.UINT64, DataType.DATE_TIME), "long_value"),
    DataType.FLOAT: "float_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
    DataType.TEXT: "string_value",
}
_BITS = {DataType.INT8: 32, DataType.INT16: 32, DataType.INT32: 32, DataType.INT64: 64}
"""Signed numbers travel as the unsigned number of the same bits (two's complement)."""

_TYPES = frozenset(map(int, DataType))
_GOOD_QUALITIES = range(192, 256)
"""As in OPC: 192 is good, and there are other kinds of good, although Sparkplug knows none of them."""

_KINDS_OF_NODES = frozenset({"NBIRTH", "NDATA", "NDEATH", "NCMD"})
_KINDS_OF_DEVICES = frozenset({"DBIRTH", "DDATA", "DDEATH", "DCMD"})

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Metric:
    """`name` may be empty where there is an `alias`. `value` None: there is none. `at_ms`: milliseconds since 1970, UTC. `datatype` may be absent
    outside of births, and then holds what the birth said. `is_historical`: it tells what was, not what is."""

    name: str
    value: Value | None
    at_ms: int | None = None
    datatype: DataType | None = None
    quality: Quality | None = None
    alias: int | None = None
    is_historical: bool = False


@dataclass(frozen=True, slots=True)
class Payload:
    """What one message says."""

    at_ms: int | None
    metrics: tuple[Metric, ...]
    seq: int | None = None


def next_number(number: int) -> int:
    """The number after this one, of `seq` and `bdSeq`: after 255 comes 0."""
    return (number + 1) % _SEQ_LIMIT


def topic(group: str, kind: str, node: str, device: str | None = None) -> str:
    """`kind`: NBIRTH, DDATA, …"""
    return "/".join([NAMESPACE, group, kind, node, *([device] if device is not None else [])])


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a message is about. `device` None: the edge node itself."""

    group: str
    node: str
    device: str | None = None

    def __str__(self) -> str:
        return "/".join([self.group, self.node, *([self.device] if self.device is not None else [])])


def parse_topic(name: str) -> tuple[str, Address]:
    """The kind of message and whom it is about. Raises ValueError."""
    match name.split("/"):
        case [space, group, kind, node] if space == NAMESPACE and kind in _KINDS_OF_NODES:
            return kind, Address(group, node)
        case [space, group, kind, node, device] if space == NAMESPACE and kind in _KINDS_OF_DEVICES:
            return kind, Address(group, node, device)
    raise ValueError(f"{name!r} is not a topic of an edge node or device")


def milliseconds_of(moment: datetime) -> int:
    """A time stamp as payloads have it."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_of(at_ms: int | None) -> datetime | None:
    """What a time stamp says; None for none, or one that no calendar has."""
    try:
        return None if at_ms is None else _EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return None


def state_topic(host: str) -> str:
    """Where a host application says whether it is there."""
    return f"{NAMESPACE}/STATE/{host}"


def _payload_class() -> Any:
    """The messages of `sparkplug_b.proto` that are needed, with its names and numbers; all others are unknown fields, which protobuf passes over."""
    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {
        "uint32": kinds.TYPE_UINT32, "uint64": kinds.TYPE_UINT64, "float": kinds.TYPE_FLOAT, "double": kinds.TYPE_DOUBLE,
        "bool": kinds.TYPE_BOOL, "string": kinds.TYPE_STRING,
    }  # fmt: skip
    package = "org.eclipse.tahu.protobuf"
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug_b.proto", package=package, syntax="proto2")

    def message(name: str, fields: Sequence[tuple[int, str, str]], values: Sequence[tuple[int, str, str]] = ()) -> None:
        """`fields`: (number, type, name), the type of repeated ones with `*`; `values`: those of which one at most is there."""
        added = file.message_type.add(name=name)
        for number, kind, field_name in (*fields, *values):
            field = added.field.add(name=field_name, number=number)
            field.label = kinds.LABEL_REPEATED if kind.endswith("*") else kinds.LABEL_OPTIONAL
            if (number, kind, field_name) in values:
                field.oneof_index = 0
            if kind.rstrip("*") in scalars:
                field.type = scalars[kind.rstrip("*")]
            else:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".{package}.{kind.rstrip('*')}"
        if values:
            added.oneof_decl.add(name="value")

    def values_from(first: int) -> list[tuple[int, str, str]]:
        kinds_of_values = ("uint32 int", "uint64 long", "float float", "double double", "bool boolean", "string string")
        pairs = (text.split() for text in kinds_of_values)
        return [(first + place, kind, f"{name}_value") for place, (kind, name) in enumerate(pairs)]

    message("PropertyValue", [(1, "uint32", "type"), (2, "bool", "is_null")], values_from(3))
    message("PropertySet", [(1, "string*", "keys"), (2, "PropertyValue*", "values")])
    message(
        "Metric",
        [(1, "string", "name"), (2, "uint64", "alias"), (3, "uint64", "timestamp"), (4, "uint32", "datatype"),
         (5, "bool", "is_historical"), (6, "bool", "is_transient"), (7, "bool", "is_null"), (9, "PropertySet", "properties")],
        values_from(10),
    )  # fmt: skip
    message("Payload", [(1, "uint64", "timestamp"), (2, "Metric*", "metrics"), (3, "uint64", "seq")])
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Payload"))


_Payload = _payload_class()


def encode(payload: Payload) -> bytes:
    """Raises ValueError if a metric has no `datatype`."""
    message = _Payload(timestamp=payload.at_ms, seq=payload.seq)
    for metric in payload.metrics:
        if metric.datatype is None:
            raise ValueError(f"metric {metric.name!r} has no data type")
        added = message.metrics.add(
            name=metric.name, alias=metric.alias, timestamp=metric.at_ms, datatype=metric.datatype,
            is_historical=metric.is_historical or None,
        )  # fmt: skip
        if metric.value is None:
            added.is_null = True
        else:
            setattr(added, _FIELD_OF_TYPE[metric.datatype], _unsigned(metric.value, metric.datatype))
        if metric.quality is not None:
            added.properties.keys.append(_QUALITY)
            added.properties.values.add(type=DataType.INT32, int_value=metric.quality)
    return bytes(message.SerializeToString())


def decode(data: bytes, limit: int = MAX_PAYLOAD_BYTES) -> Payload:
    """Raises ValueError, also for more than `limit` bytes."""
    if len(data) > limit:
        raise ValueError(f"the payload has {len(data)} bytes; the limit is {limit}")
    message = _Payload()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise ValueError(f"the payload is not one of Sparkplug B: {error}") from error
    metrics = tuple(map(_metric, message.metrics))
    return Payload(_given(message, "timestamp"), metrics, _given(message, "seq"))


def _metric(message: Any) -> Metric:
    number = message.datatype
    datatype = DataType(number) if number in _TYPES else None
    field = message.WhichOneof("value")
    value = None if field is None or message.is_null else getattr(message, field)
    alias, at_ms = _given(message, "alias"), _given(message, "timestamp")
    quality, historical = _quality(message.properties), message.is_historical
    return Metric(message.name, signed(value, datatype), at_ms, datatype, quality, alias, historical)


def signed(value: Value | None, datatype: DataType | None) -> Value | None:
    """A number as its type means it; other values as they are. Needed for a metric whose type its birth alone has said."""
    bits = _BITS.get(datatype) if datatype is not None else None
    if bits is None or not isinstance(value, int) or isinstance(value, bool):
        return value
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def _unsigned(value: Value, datatype: DataType) -> Value:
    bits = _BITS.get(datatype)
    return value % (1 << bits) if bits is not None and isinstance(value, int) else value


def _quality(properties: Any) -> Quality | None:
    for key, value in zip(properties.keys, properties.values, strict=False):
        if key == _QUALITY and (field := value.WhichOneof("value")) in ("int_value", "long_value"):
            code = getattr(value, field)
            if code in _GOOD_QUALITIES:
                return Quality.GOOD
            return Quality.STALE if code == Quality.STALE else Quality.BAD
    return None


def _given(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None
