"""Cuts what is taken from the outbox into MQTT messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_agent.outbox import QueuedReport
from telemetry.message import MAX_PAYLOAD_BYTES, MAX_REPORTS, encode_bodies

_SEQ_BYTES = len('{"seq":9223372036854775807,,')


@dataclass(frozen=True, slots=True)
class Message:
    """One publication: up to 500 reports of one machine. Only the current state is retained, not the backlog."""

    machine: str
    payload: bytes
    retain: bool


def messages_of(queued: Sequence[QueuedReport], gateway: str, max_bytes: int = MAX_PAYLOAD_BYTES) -> list[Message]:
    """Group reports by machine, in order of sequence number, with current reports and backlog in separate messages.

    No payload is longer than `max_bytes`, unless a single report is.
    """
    groups: dict[tuple[bool, str], list[tuple[int, str]]] = defaultdict(list)
    for report in queued:
        groups[not report.live, report.machine].append((report.seq, report.body))
    return [
        Message(machine, encode_bodies(gateway, bodies), not late)
        for (late, machine), reports in groups.items()
        for bodies in _in_pieces(sorted(reports), max_bytes - len(encode_bodies(gateway, [])))
    ]


def _in_pieces(bodies: Sequence[tuple[int, str]], max_bytes: int) -> Iterator[Sequence[tuple[int, str]]]:
    """Pieces of at most `MAX_REPORTS` reports and `max_bytes`. Bodies are ASCII, so their lengths are bytes."""
    for start in range(0, len(bodies), MAX_REPORTS):
        piece = bodies[start : start + MAX_REPORTS]
        # Nearly always the whole of it: bodies are measured one by one only where it is too long.
        if sum(len(body) for _, body in piece) + _SEQ_BYTES * len(piece) <= max_bytes:
            yield piece
        else:
            yield from _cut(piece, max_bytes)


def _cut(bodies: Sequence[tuple[int, str]], max_bytes: int) -> Iterator[Sequence[tuple[int, str]]]:
    start = size = 0
    for place, (_, body) in enumerate(bodies):
        own = len(body) + _SEQ_BYTES
        if place > start and size + own > max_bytes:
            yield bodies[start:place]
            start, size = place, 0
        size += own
    yield bodies[start:]
