"""What a recorded client asked for: OPC UA services, Modbus functions, and messages of MQTT."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from asyncua import ua

_SERVICES: dict[int, str] = {
    number: name.removesuffix("Request_Encoding_DefaultBinary")
    for name, number in vars(ua.ObjectIds).items()
    if name.endswith("Request_Encoding_DefaultBinary")
}


def opcua_services(stream: bytes) -> list[str]:
    """The services that a client called, in order, of a connection that is not encrypted; it may be signed (OPC 10000-6, 6.7.2).

    An OpenSecureChannel request may be encrypted, but its kind of message says what it is. Raises ValueError for what is no such stream.
    """
    found, continued = [], set[int]()
    for kind, chunk, message in _opcua_chunks(stream):
        if kind in (b"HEL", b"OPN", b"CLO"):
            found += {b"HEL": [], b"OPN": ["OpenSecureChannel"], b"CLO": ["CloseSecureChannel"]}[kind]
            continue
        if kind != b"MSG":
            raise ValueError(f"a client sent {kind!r}")
        request = struct.unpack_from("<I", message, 12)[0]
        if request not in continued:
            found.append(_service(message[16:]))
        continued.add(request) if chunk == b"C" else continued.discard(request)
    return found


def _opcua_chunks(stream: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind of message, kind of chunk, and what follows the length; the last one may be cut off."""
    place = 0
    while place + 8 <= len(stream):
        size = struct.unpack_from("<I", stream, place + 4)[0]
        if size < 8:
            raise ValueError(f"a message of {size} bytes")
        if place + size > len(stream):
            return
        yield stream[place : place + 3], stream[place + 3 : place + 4], stream[place + 8 : place + size]
        place += size


def _service(body: bytes) -> str:
    """The request's type, a node of OPC UA's own namespace in one of its short forms (OPC 10000-6, 5.2.2.9)."""
    if body[0] == 0x01 and body[1] == 0:
        number = struct.unpack_from("<H", body, 2)[0]
    elif body[0] == 0x00:
        number = body[1]
    else:
        raise ValueError(f"a request whose type is encoded as {body[:8].hex()}")
    return _SERVICES.get(number, f"service {number}")


def modbus_functions(stream: bytes) -> list[int]:
    """The functions that a client of Modbus TCP called, in order. Raises ValueError for what is no such stream."""
    found, place = [], 0
    while place + 8 <= len(stream):
        protocol, length = struct.unpack_from(">HH", stream, place + 2)
        if protocol != 0 or not 2 <= length <= 254:
            raise ValueError(f"no frame of Modbus TCP: {stream[place : place + 8].hex()}")
        found.append(stream[place + 7])
        place += 6 + length
    return found


def rtu_functions(stream: bytes) -> list[int]:
    """The same of Modbus RTU, as far as its requests have the length of one that reads; raises ValueError for any other, and for a wrong checksum."""
    found, place = [], 0
    while place < len(stream):
        function = stream[place + 1]
        size = {1: 8, 2: 8, 3: 8, 4: 8, 43: 7}.get(function)
        if size is None:
            raise ValueError(f"function {function}")
        frame = stream[place : place + size]
        if _crc(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
            raise ValueError(f"no frame that reads: {frame.hex()}")
        found.append(function)
        place += size
    return found


def _crc(data: bytes) -> int:
    """Modbus over Serial Line, appendix B."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


@dataclass(frozen=True, slots=True)
class Sent:
    """One publication of a client. `will`: it was left with the broker, for when the connection is lost."""

    topic: str
    payload: bytes
    retain: bool
    will: bool = False


@dataclass(slots=True)
class MqttRecord:
    """What a client of MQTT 5 or 3.1.1 sent in one connection."""

    client_id: str = ""
    published: list[Sent] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)


def mqtt_record(stream: bytes) -> MqttRecord:
    """Raises ValueError for a kind of packet that a client has no business to send."""
    record, reader, is_5 = MqttRecord(), _Reader(stream), False
    while reader.left:
        head = reader.number(1)
        try:
            packet = _Reader(reader.take(reader.varint()))
        except IndexError:
            break  # cut off
        kind, flags = head >> 4, head & 0x0F
        if kind == 1:
            is_5 = _connect(packet, record)
        elif kind == 3:
            topic = packet.text()
            packet.take(2 if flags & 0b0110 else 0)
            packet.take(packet.varint() if is_5 else 0)
            record.published.append(Sent(topic, packet.take(packet.left), bool(flags & 1)))
        elif kind == 8:
            packet.take(2)
            packet.take(packet.varint() if is_5 else 0)
            while packet.left:
                record.subscribed.append(packet.text())
                packet.take(1)
        elif kind not in (4, 10, 12, 14):  # PUBACK, UNSUBSCRIBE, PINGREQ, DISCONNECT
            raise ValueError(f"a packet of kind {kind}")
    return record


def _connect(packet: _Reader, record: MqttRecord) -> bool:
    """Whether it is MQTT 5."""
    packet.text()
    is_5, flags = packet.number(1) == 5, packet.number(1)
    packet.take(2)
    packet.take(packet.varint() if is_5 else 0)
    record.client_id = packet.text()
    if flags & 0b100:
        packet.take(packet.varint() if is_5 else 0)
        topic = packet.text()
        record.published.append(Sent(topic, packet.take(packet.number(2)), bool(flags & 0b100000), will=True))
    return is_5


class _Reader:
    """Reads the fields of a packet. Raises IndexError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._place

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise IndexError
        self._place += count
        return bytes(self._data[self._place - count : self._place])

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self) -> str:
        return self.take(self.number(2)).decode()

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return value
            shift += 7
