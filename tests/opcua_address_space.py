"""The address space with which each OPC UA server begins: asyncua builds its thousands of nodes anew for each, which takes longer than most tests of a server."""

from __future__ import annotations

import pickle
import shelve
from functools import cache
from pathlib import Path

import pytest
from asyncua.server.address_space import NodeData
from asyncua.server.internal_server import InternalServer

from simulators.opcua_server import standard_nodes


def build_once(patch: pytest.MonkeyPatch) -> None:
    """In each process; servers that start from now on read copies of its nodes as they need them, from a shelf as asyncua has it for slow devices, but in memory."""

    async def load(server: InternalServer, _: object = None) -> None:
        with pytest.MonkeyPatch.context() as shelves:
            shelves.setattr(shelve, "open", lambda *_: shelve.Shelf(_standard_nodes()))
            server.aspace.load_aspace_shelf(Path("in memory"))

    patch.setattr(InternalServer, "load_standard_address_space", load)


@cache
def _standard_nodes() -> dict[bytes, bytes]:
    space = standard_nodes()
    nodes: dict[bytes, bytes] = {}
    shelf: shelve.Shelf[NodeData] = shelve.Shelf(nodes, protocol=pickle.HIGHEST_PROTOCOL)
    for nodeid in space.keys():  # noqa: SIM118 - it is no mapping
        shelf[nodeid.to_string()] = space[nodeid]
    return nodes
