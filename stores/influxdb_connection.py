"""The wire to InfluxDB: line protocol out, InfluxQL answers in, and every failure told apart. The token stands in no message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
from influxdb_client import InfluxDBClient, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from stores.state_store import StoreRefusedError, StoreShutError, StoreUnavailableError

TIMEOUT_S = 30.0

_REFUSED = {400, 413, 422}
_SHUT = {401, 403, 404}


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its tags, and rows that begin with the time in milliseconds."""

    tags: dict[str, str]
    values: list[list[Any]]


class InfluxConnection:
    """One bucket of one server."""

    def __init__(self, url: str, bucket: str, token: str, org: str) -> None:
        self._url = url.rstrip("/")
        self._bucket = bucket
        self._org = org
        self._client = InfluxDBClient(url=self._url, token=token, org=org, timeout=int(TIMEOUT_S * 1000))
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._http = httpx2.Client(base_url=self._url, headers={"Authorization": f"Token {token}"}, timeout=TIMEOUT_S)

    def write(self, lines: list[str]) -> None:
        """Line protocol, times in milliseconds; durable on return. Raises what `StateStore.write` raises."""
        if not lines:
            return
        body = "\n".join(lines).encode()
        try:
            self._writer.write(bucket=self._bucket, org=self._org, record=body, write_precision=WritePrecision.MS)
        except ApiException as error:
            raise self._told_apart(error.status, f"{error.reason}: {_body(error)}") from error
        except (HTTPError, OSError) as error:
            raise StoreUnavailableError(f"InfluxDB at {self._url} does not answer: {_short(str(error))}") from error

    def query(self, statements: list[str]) -> list[list[Series]]:
        """The answer of each statement: its series."""
        if not statements:
            return []
        return self._results("GET" if len(statements) < 5 else "POST", statements)

    def ask(self, statement: str) -> list[Series]:
        """The series of one statement's answer."""
        return self.query([statement])[0]

    def change(self, statements: list[str]) -> None:
        """Statements that delete or create."""
        if statements:
            self._results("POST", statements)

    def close(self) -> None:
        self._writer.close()
        self._client.close()
        self._http.close()

    def _results(self, method: str, statements: list[str]) -> list[list[Series]]:
        asked = {"db": self._bucket, "epoch": "ms"}
        text = "; ".join(statements)
        try:
            if method == "GET":
                answer = self._http.get("/query", params={**asked, "q": text})
            else:
                answer = self._http.post("/query", params=asked, data={"q": text})
        except httpx2.HTTPError as error:
            raise StoreUnavailableError(f"InfluxDB at {self._url} does not answer: {_short(str(error))}") from error
        if answer.status_code >= 400:
            raise self._told_apart(answer.status_code, answer.text)
        found = []
        for result in msgspec.json.decode(answer.content)["results"]:
            if "error" in result:
                if "database not found" in result["error"]:
                    raise self._told_apart(404, result["error"])
                raise StoreUnavailableError(f"InfluxDB at {self._url} refused a query: {result['error']}")
            found.append([Series(one.get("tags", {}), one["values"]) for one in result.get("series", [])])
        return found

    def _told_apart(self, status: int | None, said: str) -> Exception:
        sentence = f"InfluxDB at {self._url} answers {status}: {_short(said)}"
        if status in _SHUT:
            return StoreShutError(
                f"{sentence}. Are the token and the bucket {self._bucket!r} right? `vrijloop store init` sets both up"
            )
        if status in _REFUSED:
            return StoreRefusedError(sentence)
        return StoreUnavailableError(sentence)


def quoted(text: str) -> str:
    """An InfluxQL string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _body(error: ApiException) -> str:
    return error.body if isinstance(error.body, str) else (error.body or b"").decode("utf-8", "replace")


def _short(text: str) -> str:
    return " ".join(text.split())[:200] or "no reason given"
