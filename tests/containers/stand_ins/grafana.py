#!/usr/bin/env python3
"""In Grafana's place, which Debian does not have: healthy as long as the token reads the bucket of the provisioned data source, nothing else."""

from __future__ import annotations

import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

password = Path(os.environ["GF_SECURITY_ADMIN_PASSWORD__FILE"]).read_text(encoding="utf-8").strip()
provisioned = list(Path("/etc/grafana/provisioning/datasources").glob("*.yaml"))
dashboards = list(Path("/var/lib/grafana/dashboards").rglob("*.json"))
sqlite3.connect("/var/lib/grafana/grafana.db").close()


def reads() -> bool:
    query = f"/query?db={quote(os.environ['INFLUXDB_BUCKET'])}&q={quote('SHOW MEASUREMENTS')}"
    request = Request(
        os.environ["INFLUXDB_URL"] + query, headers={"Authorization": f"Token {os.environ['INFLUXDB_TOKEN']}"}
    )
    try:
        with urlopen(request, timeout=4) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False


class Handler(BaseHTTPRequestHandler):
    """`/api/health` as Grafana has it; everything else is a page that says what this is."""

    def do_GET(self) -> None:
        healthy = bool(password and provisioned and dashboards and reads())
        body = (
            b"A stand-in for Grafana"
            if self.path != "/api/health"
            else b'{"database": "ok"}'
            if healthy
            else b'{"database": "failing"}'
        )
        self.send_response(200 if healthy else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", 3000), Handler).serve_forever()
