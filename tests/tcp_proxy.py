"""A TCP proxy that cuts connections in the middle of a frame, delays, or drops packets without closing the connection."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

_CONNECT_S = 5.0


class TcpProxy:
    """Forwards connections to `target`, from its own port."""

    def __init__(self, target: int, port: int = 0) -> None:
        self.target = target
        self.black_hole = threading.Event()
        self.lost_answers = threading.Event()
        """What the target sends vanishes; what is sent to it arrives."""
        self.delay_s = 0.0
        """How much longer everything takes, each way."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(200)
        self.port = int(self._listener.getsockname()[1])
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._budget: int | None = None
        self.sent: list[bytearray] = []
        """What clients have sent, by connection."""
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close all connections immediately."""
        for pair in list(self._pairs):
            self._shut(pair)

    def cut_after(self, count: int) -> None:
        """Close all connections after `count` more bytes, in the middle of a frame."""
        self._budget = count

    def heal(self) -> None:
        """From now on it forwards as if nothing had been."""
        self._budget, self.delay_s = None, 0.0
        self.black_hole.clear()
        self.lost_answers.clear()

    @property
    def idle(self) -> bool:
        """Whether every connection is closed, so that all that clients have sent is in `sent`."""
        return not self._pairs

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target), _CONNECT_S)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        pair = client, server
        self._pairs.add(pair)
        answers = threading.Thread(target=self._carry, args=(pair, server, client), daemon=True)
        answers.start()
        record = bytearray()
        self.sent.append(record)
        self._carry(pair, client, server, record)
        answers.join()
        self._pairs.discard(pair)
        for one in pair:
            one.close()

    def _carry(
        self,
        pair: tuple[socket.socket, socket.socket],
        source: socket.socket,
        sink: socket.socket,
        record: bytearray | None = None,
    ) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                if record is not None:
                    record += chunk
                if self.black_hole.is_set() or (self.lost_answers.is_set() and source is pair[1]):
                    continue  # packets vanish, and nobody is told
                if self.delay_s:
                    time.sleep(self.delay_s)
                if self._budget is not None:
                    chunk, rest = chunk[: self._budget], len(chunk) >= self._budget
                    self._budget = None if rest else self._budget - len(chunk)
                    sink.sendall(chunk)
                    if rest:
                        self.cut()
                    continue
                sink.sendall(chunk)
        self._shut(pair)

    @staticmethod
    def _shut(pair: tuple[socket.socket, socket.socket]) -> None:
        for one in pair:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
