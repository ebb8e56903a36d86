"""OPC UA nodes in a configuration: `nsu=URI;s=Name`. A namespace index is not accepted: it may change when the server restarts."""

from __future__ import annotations

import re
import uuid
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable

from edge_agent.opcua_profiles import NodeName

UA_URI = "http://opcfoundation.org/UA/"

_NODE = re.compile(r"^(?:nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<identifier>.+)$")
_PARSERS: dict[str, Callable[[str], object]] = {
    "i": int,
    "s": str,
    "g": uuid.UUID,
    "b": lambda text: b64decode(text, validate=True),
}


def parse_node_name(text: str) -> NodeName:
    """Parse `nsu=URI;s=Name`. Without `nsu=` the node is in OPC UA's own namespace, such as `i=2258`. Raises ValueError."""
    match = _NODE.match(text.strip())
    if match is None:
        if text.strip().startswith("ns="):
            raise ValueError(
                f"{text!r} names the namespace by its index, which may change when the server restarts; "
                "write nsu=URI;s=Name (`vrijloop agent discover` prints the URIs)"
            )
        raise ValueError(f"{text!r} is not a node; write nsu=URI;s=Name or nsu=URI;i=1234")
    kind, identifier = match["kind"], match["identifier"]
    try:
        parsed = _PARSERS[kind](identifier)
    except (ValueError, Base64Error):
        raise ValueError(f"{text!r}: {identifier!r} is not an identifier of kind {kind}=") from None
    return NodeName(match["uri"] or UA_URI, parsed)


def node_text(name: NodeName) -> str:
    """The inverse of `parse_node_name`."""
    kinds = {int: "i", uuid.UUID: "g", bytes: "b"}
    kind = kinds.get(type(name.identifier), "s")
    identifier = b64encode(name.identifier).decode() if isinstance(name.identifier, bytes) else name.identifier
    return f"{'' if name.uri == UA_URI else f'nsu={name.uri};'}{kind}={identifier}"
