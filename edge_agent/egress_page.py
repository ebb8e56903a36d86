"""What leaves the factory, as text for people."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.egress import MACHINE, Destination, Device, Egress, Publication


def egress_page(egress: Egress) -> str:
    return "\n".join(_lines(egress)) + "\n"


def _lines(egress: Egress) -> Iterator[str]:
    yield f"Gateway {egress.gateway} of factory {egress.factory}. It connects to these addresses and to no others."
    for place in egress.sends_to:
        yield ""
        yield from _destination(place)
    yield ""
    yield "READS, inside the factory"
    for device in egress.reads:
        yield from _device(device)
    yield ""
    yield "NAMES THAT IT LOOKS UP (DNS)"
    yield from _listed(egress.looks_up, "none: all addresses are numbers")
    yield ""
    yield "ANSWERS AT"
    yield from _listed(egress.answers, "nothing on the network (`agent status` uses a socket in its folder)")
    yield ""
    yield "NEVER"
    yield from _listed(egress.never, "")


def _destination(place: Destination) -> Iterator[str]:
    encrypted = "encrypted (TLS)" if place.encrypted else "NOT ENCRYPTED"
    yield f"SENDS TO {place.address}: {place.purpose}"
    yield f"  {place.protocol}, {encrypted}; logs in as {place.identity}; client id {place.client_id}"
    for publication in place.publishes:
        yield from _publication(publication)
    for topic in place.reads:
        yield f"  reads {topic}"


def _publication(publication: Publication) -> Iterator[str]:
    kept = ", the broker keeps the last one" if publication.retained else ""
    yield f"  {publication.topic}"
    yield f"    {publication.when}; about {publication.bytes} bytes{kept}"
    if publication.machines:
        yield f"    {MACHINE}: {', '.join(publication.machines)}"
    for field in publication.fields:
        yield f"      {field.name or 'text'}: {field.meaning}"


def _device(device: Device) -> Iterator[str]:
    yield f"  {device.address}: {device.protocol}{', encrypted' if device.encrypted else ''}; {', '.join(device.machines)}"
    yield f"    asks for nothing but: {', '.join(device.asks)}"


def _listed(lines: tuple[str, ...], otherwise: str) -> Iterator[str]:
    for line in lines or (otherwise,):
        yield f"  {line}"
