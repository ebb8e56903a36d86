"""A proxy before Debian's InfluxDB 1.6.7 that answers as InfluxDB 2.7 does, where the two differ in what Vrijloop asks.

What 2.7 answers was read in its source and compared with a server (`make test-influxdb`): the tests of `tests/stores` pass on both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

ORGANISATION = "vrijloop"
"""2.7 has organisations, 1.6.7 has none: this one is there."""
OLD_TOKEN = "a-token-of-another-time"
"""1.6.7 has no tokens: all are taken but this one."""
_KEPT = {"content-type", "content-encoding", "accept"}
_DELETING = re.compile(r"\s*DELETE\b", re.IGNORECASE)
_TAG_VALUES = re.compile(r"\s*SHOW TAG VALUES\b", re.IGNORECASE)
_POLICIES = re.compile(r"\s*SHOW RETENTION POLICIES\b", re.IGNORECASE)


def serve(port: int, target: int) -> ThreadingHTTPServer:  # noqa: C901 - one handler
    """Listens on `port` and asks the server at `target`."""

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        _connection: HTTPConnection | None = None

        def do_GET(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                if self.headers.get("Authorization") == f"Token {OLD_TOKEN}":
                    self._refuse(401, "unauthorized", "unauthorized access")
                elif parts.path == "/api/v2/write":
                    self._write(asked, body)
                elif parts.path == "/query":
                    self._query(asked, body)
                else:
                    self._pass_on(self._ask(self.path, body))
            except (OSError, HTTPException):
                self._forget_connection()
                self._answer(503, b"no server behind the proxy")

        def _write(self, asked: dict[str, str], body: bytes) -> None:
            if asked["org"] != ORGANISATION:
                self._refuse(404, "not found", f'organization name "{asked["org"]}" not found')
                return
            if not body:
                asked |= {"q": "SHOW TAG VALUES FROM nothing WITH KEY = none", "db": asked["bucket"]}
                known = "error" not in self._ask("/query?" + urlencode(asked), b"", "GET").read().decode()
                self._answer(204) if known else self._refuse(404, "not found", f'bucket "{asked["bucket"]}" not found')
                return
            path = "/write?" + urlencode({"db": asked["bucket"], "precision": asked["precision"]})
            answer = self._ask(path, body)
            text = answer.read().decode()
            if answer.status < 400:
                self._answer(204)
            elif "database not found" in text:
                self._refuse(404, "not found", f'bucket "{asked["bucket"]}" not found')
            elif dropped := re.search(r"partial write: points beyond retention policy dropped=(\d+)", text):
                count = dropped.group(1)
                self._refuse(
                    422, "unprocessable entity",
                    f"failure writing points to database: partial write: dropped {count} points outside retention policy of duration "
                    f"168h0m0s - oldest point, newest point dropped={count}",
                )  # fmt: skip
            else:
                self._refuse(answer.status, "invalid", json.loads(text)["error"])

        def _query(self, asked: dict[str, str], body: bytes) -> None:
            query = asked.get("q") or parse_qs(body.decode()).get("q", [""])[0]
            answer = self._ask(self.path, body)
            if _DELETING.match(query):
                # Of what was done there is no result; in portions, the answer is empty.
                documents = [json.loads(line) for line in _unset(answer.read()).splitlines()]
                errors = [one for document in documents for one in document["results"] if "error" in one]
                portions = (
                    [{"results": [one]} for one in errors]
                    if "chunked" in asked
                    else [{"results": errors} if errors else {}]
                )
                self._answer(200, b"".join(json.dumps(one).encode() + b"\n" for one in portions))
            elif _TAG_VALUES.match(query):
                self._answer(answer.status, _unset(answer.read()))
            elif _POLICIES.match(query):
                found = json.loads(answer.read())
                for row in found["results"][0]["series"][0]["values"]:
                    row[1:3] = "0s", "168h0m0s"  # whatever they are
                self._answer(200, json.dumps(found).encode())
            else:
                self._pass_on(answer)

        def _ask(self, path: str, body: bytes, method: str | None = None) -> HTTPResponse:
            method = method or self.command
            headers = {name: value for name, value in self.headers.items() if name.lower() in _KEPT}
            again = self._connection is not None
            try:
                return self._sent(method, path, body, headers)
            except (OSError, HTTPException):
                if not again:
                    raise
                self._forget_connection()  # the server was started anew since the last request
                return self._sent(method, path, body, headers)

        def _sent(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> HTTPResponse:
            if self._connection is None:
                self._connection = HTTPConnection("127.0.0.1", target, timeout=60)
            self._connection.request(method, path, body or None, headers)
            return self._connection.getresponse()

        def _forget_connection(self) -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        def _pass_on(self, answer: HTTPResponse) -> None:
            """Each part as it comes."""
            self.send_response(answer.status)
            for name in ("Content-Type", "X-Influxdb-Version"):
                if answer.headers.get(name):
                    self.send_header(name, answer.headers[name])
            if answer.status == 204:
                answer.read()
                self.end_headers()
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for part in _parts(answer):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
            except (OSError, HTTPException):
                self._forget_connection()
                self.close_connection = True  # in the middle of an answer

        def _refuse(self, status: int, code: str, message: str) -> None:
            self._answer(status, json.dumps({"code": code, "message": message}).encode())

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def finish(self) -> None:
            self._forget_connection()
            super().finish()

        def log_message(self, *_: Any) -> None:
            return

    return ThreadingHTTPServer(("127.0.0.1", port), Proxy)


def _unset(content: bytes) -> bytes:
    """What these statements say of a database that is not there; a SELECT says that it is not found."""
    return content.replace(b"database not found:", b"default retention policy not set for:")


def _parts(answer: HTTPResponse) -> Iterable[bytes]:
    return iter(lambda: answer.read1(65536), b"")
