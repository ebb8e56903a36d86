"""`vrijloop store init` for InfluxDB: creates the bucket with its retention, and a token that may only read and write it."""

from __future__ import annotations

import secrets
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import httpx2

from stores.influxdb_connection import InfluxConnection
from stores.influxdb_shards import shard_duration
from stores.state_store import StoreShutError, StoreUnavailableError
from telemetry import UnavailableError, UserError
from telemetry.broker import read_secret_file

_TIMEOUT_S = 20.0
_OURS = "vrijloop"
"""Description of the tokens that are made here."""
Tokens = Literal["keep", "new", "end-old"]
"""`new`: make new ones, beside which the old ones remain valid; `end-old`: leave those valid alone that are in the files."""


def server_version(url: str) -> str:
    """The server's version as in the answer to `/ping`, such as `v2.7.11`. Raises UnavailableError."""
    try:
        answer = httpx2.get(f"{url.rstrip('/')}/ping", timeout=_TIMEOUT_S)
    except httpx2.HTTPError as error:
        raise UnavailableError(f"InfluxDB at {url} does not answer ({error}).") from error
    return answer.headers.get("X-Influxdb-Version", "")


def set_up(
    url: str,
    org: str,
    bucket: str,
    keep: timedelta | None,
    token_file: Path,
    admin_token: str | None,
    reader_file: Path | None = None,
    tokens: Tokens = "keep",
) -> list[str]:
    """Create what is missing; returns a message for each step done. Raises UserError or UnavailableError."""
    version = server_version(url).lstrip("v")
    if tokens != "keep" and version.startswith(("1.", "3.")):
        raise UserError(
            f"InfluxDB {version} at {url}: tokens are replaced where they are made, by its own command line."
        )
    if version.startswith("1."):
        return _set_up_1x(url, org, bucket, keep, token_file)
    if version.startswith("3."):
        return _set_up_3(url, org, bucket, keep, token_file)
    return _set_up_2x(url, org, bucket, keep, token_file, admin_token, reader_file, tokens)


def write_token(token_file: Path, token: str, mode: int = 0o600) -> None:
    """Write a token file, by default readable only by its owner."""
    token_file.parent.mkdir(parents=True, exist_ok=True)
    token_file.touch(mode=0o600)
    token_file.chmod(0o600)
    token_file.write_text(token + "\n", encoding="utf-8")
    token_file.chmod(mode)


def _set_up_1x(url: str, org: str, bucket: str, keep: timedelta | None, token_file: Path) -> list[str]:
    """Create a database on a 1.x server, which has no buckets and no tokens. For tests."""
    hours = max(1, round(keep.total_seconds() / 3600)) if keep else 0
    shard = round(shard_duration(keep).total_seconds() / 3600)
    duration = f" WITH DURATION {f'{hours}h' if hours else 'inf'} SHARD DURATION {shard}h"
    answer = httpx2.post(
        f"{url.rstrip('/')}/query", data={"q": f'CREATE DATABASE "{bucket}"{duration}'}, timeout=_TIMEOUT_S
    )
    if not answer.is_success:
        raise UserError(f"InfluxDB at {url} refuses to create the database: {answer.text[:200]}")
    if token_file.exists():
        _check_token(url, org, bucket, token_file, writes=True)
    else:
        write_token(token_file, secrets.token_urlsafe(32))
    return [f"database {bucket!r} is ready (a 1.x server: for tests; use 2.7 or newer in production)"]


def _set_up_3(url: str, org: str, bucket: str, keep: timedelta | None, token_file: Path) -> list[str]:
    """Check what its own command line has made: InfluxDB 3 has no organisations and no interface for buckets, and keeps points as long as the
    database was made for."""
    if not token_file.exists():
        kept = f"--retention-period {keep.days}d " if keep is not None else ""
        raise UserError(
            f"InfluxDB 3 is set up by its own command line: `influxdb3 create database {kept}{bucket}`, `influxdb3 create token`, and write "
            f"the token to {token_file}. Then run this command again."
        )
    _check_token(url, org, bucket, token_file, writes=True)
    return [f"database {bucket!r} is there, and the token may use it (InfluxDB 3, which cannot delete machines)"]


def _set_up_2x(
    url: str,
    org: str,
    bucket: str,
    keep: timedelta | None,
    token_file: Path,
    admin_token: str | None,
    reader_file: Path | None,
    tokens: Tokens,
) -> list[str]:
    if admin_token is None:
        raise UserError(
            "InfluxDB 2 needs a token that may create buckets: set the variable INFLUXDB_ADMIN_TOKEN "
            "(shown by `influx auth list`, or on its web page under API tokens). It is used once and not stored."
        )
    done = []
    headers = {"Authorization": f"Token {admin_token}"}
    try:
        with httpx2.Client(base_url=url.rstrip("/"), headers=headers, timeout=_TIMEOUT_S) as http:
            org_id = _organisation(http, url, org)
            bucket_id, said = _make_bucket(http, org_id, bucket, keep)
            done.append(said)
            _map_database(http, url, org_id, bucket_id, bucket)
            for file, actions, mode in ((token_file, ("read", "write"), 0o600), (reader_file, ("read",), 0o644)):
                if file is None:
                    continue
                if file.exists() and tokens != "new":
                    _check_token(url, org, bucket, file, writes="write" in actions)
                    continue
                resource = {"type": "buckets", "id": bucket_id, "orgID": org_id}
                rights = [{"action": action, "resource": resource} for action in actions]
                body = {"orgID": org_id, "permissions": rights, "description": _OURS}
                made = http.post("/api/v2/authorizations", json=body).raise_for_status().json()
                write_token(file, made["token"], mode)
                done.append(f"{file} has a token that may only {' and '.join(actions)} this bucket")
            if tokens == "end-old":
                files = [one for one in (token_file, reader_file) if one is not None]
                done.append(_end_old(http, org_id, bucket_id, files))
    except httpx2.HTTPStatusError as error:
        answer = error.response
        raise UserError(f"InfluxDB at {url} refuses ({answer.status_code}): {answer.reason_phrase}.") from error
    except (httpx2.HTTPError, OSError) as error:
        raise UnavailableError(f"InfluxDB at {url} does not answer ({error}).") from error
    return done


def _organisation(http: httpx2.Client, url: str, org: str) -> str:
    """Its id. Raises UserError if there is none of this name."""
    found = _named(http, "orgs", {"org": org})
    if not found:
        raise UserError(f"InfluxDB at {url} has no organisation {org!r}: set `org` under [store].")
    return str(found[0]["id"])


def _named(http: httpx2.Client, kind: str, wanted: dict[str, str]) -> list[dict[str, Any]]:
    """The organisations, buckets or tokens that fit. Where there are none, some versions answer with an empty list and others with 404."""
    answer = http.get(f"/api/v2/{kind}", params=wanted)
    if answer.status_code == httpx2.codes.NOT_FOUND:
        return []
    return list(answer.raise_for_status().json().get(kind, []))


def _make_bucket(http: httpx2.Client, org_id: str, bucket: str, keep: timedelta | None) -> tuple[str, str]:
    """Its id, and what was done: it is created, or its retention set."""
    rule = {
        "type": "expire",
        "everySeconds": int(keep.total_seconds()) if keep else 0,
        "shardGroupDurationSeconds": int(shard_duration(keep).total_seconds()),
    }
    existing = _named(http, "buckets", {"orgID": org_id, "name": bucket})
    if not existing:
        body = {"orgID": org_id, "name": bucket, "retentionRules": [rule]}
        made = http.post("/api/v2/buckets", json=body).raise_for_status().json()
        return str(made["id"]), f"bucket {bucket!r} created"
    bucket_id = str(existing[0]["id"])
    http.patch(f"/api/v2/buckets/{bucket_id}", json={"retentionRules": [rule]}).raise_for_status()
    return bucket_id, f"bucket {bucket!r} exists; its retention is set"


def _end_old(http: httpx2.Client, org_id: str, bucket_id: str, files: list[Path]) -> str:
    """Delete the tokens that were made here for this bucket, but those that are in the files."""
    kept = {read_secret_file(file, "InfluxDB token") for file in files}
    ended = 0
    for one in _named(http, "authorizations", {"orgID": org_id}):
        buckets = {right["resource"].get("id") for right in one["permissions"]}
        if one.get("description") == _OURS and buckets == {bucket_id}:
            if not one.get("token"):
                raise UserError(
                    "this InfluxDB keeps hashes of its tokens alone, and does not tell which ones are in use: delete the old ones with "
                    "`influx auth list` and `influx auth delete --id ID`."
                )
            if one["token"] not in kept:
                http.delete(f"/api/v2/authorizations/{one['id']}").raise_for_status()
                ended += 1
    return f"{ended} old tokens are no longer valid"


def _check_token(url: str, org: str, bucket: str, file: Path, *, writes: bool) -> None:
    """A token of an InfluxDB that was set up anew, or of another one, would be found out only when a report is to be written."""
    token = read_secret_file(file, "InfluxDB token")
    try:
        with closing(InfluxConnection(url, bucket, token, org)) as connection:
            connection.check(writes=writes)
    except StoreShutError as error:
        raise UserError(
            f"{file}: {error}. If this token is an old one, remove the file: this command then makes a new one."
        ) from error
    except StoreUnavailableError as error:
        raise UnavailableError(f"{error}.") from error


def _map_database(http: httpx2.Client, url: str, org_id: str, bucket_id: str, bucket: str) -> None:
    """See to it that InfluxQL finds the bucket, which it knows as a database. From 2.7 on a bucket is found by its name, unless somebody has
    mapped a database of that name. InfluxDB 3 has no mappings."""
    answer = http.get("/api/v2/dbrps", params={"orgID": org_id, "db": bucket})
    if answer.status_code == httpx2.codes.NOT_FOUND:
        return
    if not answer.is_success:
        raise UserError(f"InfluxDB at {url} does not tell its DBRP mappings ({answer.status_code}).")
    standard = [one for one in answer.json()["content"] if one["default"]]
    if any(one["bucketID"] != bucket_id for one in standard):
        raise UserError(
            f"InfluxDB at {url} maps the database {bucket!r} to another bucket ({standard[0]['bucketID']}): remove that mapping with "
            f"`influx v1 dbrp delete --id {standard[0]['id']}`, or choose another `bucket` under [store]."
        )
    if not standard:
        body = {
            "orgID": org_id,
            "bucketID": bucket_id,
            "database": bucket,
            "retention_policy": "autogen",
            "default": True,
        }
        http.post("/api/v2/dbrps", json=body).raise_for_status()
