"""Has files scanned by ClamAV: its daemon's own protocol, INSTREAM of clamd(8), over a socket of the machine or the network."""

from __future__ import annotations

import logging
import socket
import struct
from dataclasses import dataclass
from typing import Protocol

from sharing_platform.errors import UnavailableError

_log = logging.getLogger(__name__)

_CHUNK = 65_536
_MOST_ANSWER = 4096


class VirusScanner(Protocol):
    """Says whether a file is harmless."""

    def is_clean(self, content: bytes) -> bool:
        """Raises UnavailableError where nobody can tell."""
        ...


@dataclass(frozen=True)
class ClamdScanner:
    """`address`: the path of clamd's socket, or its host and port."""

    address: str | tuple[str, int]
    timeout_s: float = 30.0

    def is_clean(self, content: bytes) -> bool:
        try:
            answer = self._ask(content)
        except OSError as error:
            _log.error("The virus scanner does not answer (%s); files are refused until it does.", error)
            raise UnavailableError("scanner_away") from error
        if answer == "stream: OK":
            return True
        if answer.endswith(" FOUND"):
            _log.warning("The virus scanner refused a file: %s.", answer.removeprefix("stream: "))
            return False
        _log.error("The virus scanner could not look at a file (%s); it was refused.", answer or "no answer")
        raise UnavailableError("scanner_away")

    def _ask(self, content: bytes) -> str:
        with self._connected() as connection:
            connection.sendall(b"zINSTREAM\0")
            for start in range(0, len(content), _CHUNK):
                chunk = content[start : start + _CHUNK]
                connection.sendall(struct.pack("!L", len(chunk)) + chunk)
            connection.sendall(struct.pack("!L", 0))
            answer = b""
            while b"\0" not in answer and len(answer) < _MOST_ANSWER and (received := connection.recv(_MOST_ANSWER)):
                answer += received
        return answer.partition(b"\0")[0].decode("utf-8", "replace").strip()

    def _connected(self) -> socket.socket:
        if not isinstance(self.address, str):
            return socket.create_connection(self.address, self.timeout_s)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(self.timeout_s)
        try:
            connection.connect(self.address)
        except OSError:
            connection.close()
            raise
        return connection
