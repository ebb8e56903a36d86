"""Connection to InfluxDB: writes line protocol, reads InfluxQL results, and classifies errors. No message contains the token."""

from __future__ import annotations

from collections.abc import Sequence
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
    """One series of a result: its tags, and rows whose first value is the time in milliseconds."""

    tags: dict[str, str]
    values: list[list[Any]]


class InfluxConnection:
    """Reads and writes one bucket of one server."""

    def __init__(self, url: str, bucket: str, token: str, org: str) -> None:
        self._url = url.rstrip("/")
        self._bucket = bucket
        self._org = org
        self._client = InfluxDBClient(url=self._url, token=token, org=org, timeout=int(TIMEOUT_S * 1000))
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._http = httpx2.Client(base_url=self._url, headers={"Authorization": f"Token {token}"}, timeout=TIMEOUT_S)

    def write(self, lines: list[str]) -> None:
        """Write lines of line protocol, times in milliseconds; durable on return. Raises as `StateStore.write`."""
        if not lines:
            return
        body = "\n".join(lines).encode()
        try:
            self._writer.write(bucket=self._bucket, org=self._org, record=body, write_precision=WritePrecision.MS)
        except ApiException as error:
            raise self._classified(error.status, f"{error.reason}: {_body(error)}") from error
        except (HTTPError, OSError) as error:
            raise StoreUnavailableError(f"InfluxDB at {self._url} does not answer: {_short(str(error))}") from error

    def query(self, statements: list[str]) -> list[list[Series]]:
        """Run InfluxQL statements; returns the series of each."""
        if not statements:
            return []
        return self._results("GET" if len(statements) < 5 else "POST", statements)

    def ask(self, statement: str) -> list[Series]:
        """Run one InfluxQL statement; returns its series."""
        return self.query([statement])[0]

    def change(self, statements: list[str]) -> None:
        """Run statements that delete or create."""
        if statements:
            self._results("POST", statements)

    def close(self) -> None:
        self._writer.close()
        self._client.close()
        self._http.close()

    def _results(self, method: str, statements: list[str]) -> list[list[Series]]:
        parameters = {"db": self._bucket, "epoch": "ms"}
        text = "; ".join(statements)
        try:
            if method == "GET":
                answer = self._http.get("/query", params={**parameters, "q": text})
            else:
                answer = self._http.post("/query", params=parameters, data={"q": text})
        except httpx2.HTTPError as error:
            raise StoreUnavailableError(f"InfluxDB at {self._url} does not answer: {_short(str(error))}") from error
        if answer.status_code >= 400:
            raise self._classified(answer.status_code, answer.text)
        results = []
        for result in msgspec.json.decode(answer.content)["results"]:
            if "error" in result:
                if "database not found" in result["error"]:
                    raise self._classified(404, result["error"])
                raise StoreUnavailableError(f"InfluxDB at {self._url} refused a query: {result['error']}")
            results.append([Series(series.get("tags", {}), series["values"]) for series in result.get("series", [])])
        return results

    def _classified(self, status: int | None, text: str) -> Exception:
        """The exception for an HTTP error: whether to retry, to split the batch, or to wait for a person."""
        sentence = f"InfluxDB at {self._url} answers {status}: {_short(text)}"
        if status in _SHUT:
            return StoreShutError(
                f"{sentence}. Are the token and the bucket {self._bucket!r} right? `vrijloop store init` sets both up"
            )
        if status in _REFUSED:
            return StoreRefusedError(sentence)
        return StoreUnavailableError(sentence)


def quoted(text: str) -> str:
    """The text as an InfluxQL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def and_machine_in(machines: Sequence[str] | None) -> str:
    """An InfluxQL condition to append to another one; empty for None, which means all machines."""
    if machines is None:
        return ""
    return " AND (" + " OR ".join(f"machine = {quoted(name)}" for name in machines) + ")"


def escaped(text: str) -> str:
    """The text of a string field in line protocol, without its quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _body(error: ApiException) -> str:
    return error.body if isinstance(error.body, str) else (error.body or b"").decode("utf-8", "replace")


def _short(text: str) -> str:
    return " ".join(text.split())[:200] or "no reason given"
