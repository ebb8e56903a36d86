"""A TCP proxy that cuts connections in the middle of a frame, or drops packets without closing the connection."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class TcpProxy:
    """Forwards connections to `target`, from its own port."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.black_hole = threading.Event()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(200)
        self.port = int(self._listener.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._budget: int | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close all connections immediately."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for one in pair:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def cut_after(self, count: int) -> None:
        """Close all connections after `count` more bytes, in the middle of a frame."""
        self._budget = count

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except ConnectionRefusedError:
                client.close()
                continue
            except OSError:
                return
            self._pairs.append((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                if self.black_hole.is_set():
                    continue  # packets vanish, and nobody is told
                if self._budget is not None:
                    chunk, rest = chunk[: self._budget], len(chunk) >= self._budget
                    self._budget = None if rest else self._budget - len(chunk)
                    sink.sendall(chunk)
                    if rest:
                        self.cut()
                    continue
                sink.sendall(chunk)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
