"""Pushing to Grafana, with a server that answers as documented for Grafana's HTTP API (there is no Debian package of Grafana)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, HTTPException, Request

from dashboards.push import _Grafana
from telemetry import UnavailableError, UserError
from tests.servers import serving
from tests.vrijloop.command_line import invoke

TOKEN = "token-of-the-service-account"


@dataclass
class Grafana:
    url: str = ""
    folders: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)
    boards: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, Any] = field(default_factory=dict)

    def app(self) -> FastAPI:  # noqa: C901 - one route after the other
        app = FastAPI()

        @app.middleware("http")
        async def only_with_token(request: Request, call_next: Any) -> Any:
            from fastapi.responses import JSONResponse

            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return JSONResponse({"message": "Invalid API key"}, 401)
            return await call_next(request)

        def found(held: dict[str, Any], key: str) -> Any:
            if key not in held:
                raise HTTPException(404)
            return held[key]

        @app.get("/api/folders/{uid}")
        def get_folder(uid: str) -> Any:
            return found(self.folders, uid)

        @app.post("/api/folders")
        def post_folder(body: dict[str, Any]) -> Any:
            if body["uid"] in self.folders:
                raise HTTPException(409)
            self.folders[body["uid"]] = body
            return body

        @app.get("/api/datasources/uid/{uid}")
        def get_source(uid: str) -> Any:
            return found(self.sources, uid)

        @app.post("/api/datasources")
        def post_source(body: dict[str, Any]) -> Any:
            self.sources[body["uid"]] = body
            return body

        @app.put("/api/datasources/uid/{uid}")
        def put_source(uid: str, body: dict[str, Any]) -> Any:
            found(self.sources, uid)
            self.sources[uid] = body
            return body

        @app.post("/api/dashboards/db")
        def post_board(body: dict[str, Any]) -> Any:
            found(self.folders, body["folderUid"])
            if body["dashboard"]["uid"] in self.boards and not body["overwrite"]:
                raise HTTPException(412)
            self.boards[body["dashboard"]["uid"]] = body["dashboard"]
            return {"status": "success"}

        @app.put("/api/v1/provisioning/folder/{folder}/rule-groups/{group}")
        def put_rules(folder: str, group: str, body: dict[str, Any]) -> Any:
            found(self.folders, folder)
            self.groups[group] = body
            return body

        return app


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    server = Grafana()
    with serving(server.app()) as url:
        server.url = url
        yield server


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "grafana").write_text(TOKEN)
    (tmp_path / "influx").write_text("token-that-may-only-read")
    return tmp_path


def push(grafana: Grafana, secrets: Path, *more: str) -> str:
    return invoke("dashboards", "push", grafana.url, "--token-file", secrets / "grafana", *more)


def test_dashboards_are_created_and_updated_in_grafana(grafana: Grafana, secrets: Path) -> None:
    source = ("--influxdb-url", "http://influx:8086", "--influxdb-token-file", str(secrets / "influx"))
    for language in ("nl", "en", "nl"):
        said = push(grafana, secrets, "--language", language, *source)
        assert said.count("up to date") == 8
        assert "token-that-may-only-read" not in said
    assert len(grafana.boards) == 10
    assert len(grafana.groups["vrijloop"]["rules"]) == 7
    assert {one["folderUID"] for one in grafana.groups["vrijloop"]["rules"]} == {"vrijloop"}
    held = grafana.sources["vrijloop-influxdb"]
    assert (held["url"], held["jsonData"]["dbName"]) == ("http://influx:8086", "vrijloop")
    assert held["secureJsonData"]["httpHeaderValue1"] == "Token token-that-may-only-read"


def test_missing_keys_are_named(grafana: Grafana, secrets: Path) -> None:
    with pytest.raises(UserError, match="--influxdb-url"):
        push(grafana, secrets)
    with pytest.raises(UserError, match="is not one of"):
        push(grafana, secrets, "--language", "de")
    for zone in ("Genk", "Europe"):  # the database has a folder of that name
        with pytest.raises(UserError, match="not a time zone"):
            push(grafana, secrets, "--zone", zone)
    (secrets / "grafana").write_text("another-token-of-length")
    with pytest.raises(UserError, match="needs the role Admin"):
        push(grafana, secrets)
    with pytest.raises(UnavailableError, match="does not answer"):
        invoke("dashboards", "push", "http://127.0.0.1:9", "--token-file", secrets / "influx")


def test_a_redirect_is_not_taken_for_a_success() -> None:
    """As from http to https: nothing has been pushed."""
    moved = httpx2.MockTransport(lambda _: httpx2.Response(301, headers={"location": "https://grafana.example/"}))
    with httpx2.Client(transport=moved, base_url="http://grafana.example") as http:
        grafana = _Grafana(http, "http://grafana.example")
        with pytest.raises(UnavailableError, match="POST /api/folders was answered 301"):
            grafana.ask("POST", "/api/folders", {"uid": "x"})
