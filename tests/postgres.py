"""Debian's PostgreSQL on a free port of 127.0.0.1, in a folder of its own; databases come and go with the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from tests.servers import free_port, listens, require, wait_for


def _as_its_user(command: Sequence[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return [*(["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []), *command]


@contextmanager
def postgresql() -> Iterator[str]:
    """A server for a while; yields `postgresql+psycopg://…/`, to which a database's name is added."""
    require("postgresql")
    # Not below pytest's folders: each session that begins makes them its own user's alone, also for the server of one that runs.
    with TemporaryDirectory(prefix="vrijloop-postgresql-") as folder:
        yield from _serving(Path(folder))


def initialise(data: Path, *options_of_initdb: str) -> list[str]:
    """Make a server's folder; the command that starts the server, as the user `postgres` where this one is root."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if os.getuid() == 0:
        shutil.chown(data.parent, "postgres")
    subprocess.run(
        _as_its_user([f"{programs}/initdb", "-A", "trust", "-U", "vrijloop", "-E", "UTF8", "-N", "-D", str(data), *options_of_initdb]),
        cwd=data.parent, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "300"}
    options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "jit": "off"}
    options |= {"autovacuum": "off"}  # each minute it would look through every table of a server that lives for ten
    command = [f"{programs}/postgres", "-D", str(data)]
    return command + [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


def _serving(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [*initialise(folder / "data"), "-p", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(_as_its_user(command), cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(lambda: listens(port) and _answers(port), "postgres to answer")
        yield f"postgresql+psycopg://vrijloop@127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)


def administering(server: str) -> psycopg.Connection:
    """A connection that may change databases."""
    return psycopg.connect(server.replace("+psycopg", "") + "postgres", autocommit=True)


def fresh_database(server: str, options: str = "") -> str:
    """A new, empty database; its URL. `options`: of CREATE DATABASE."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with administering(server) as connection:
        connection.execute(f"CREATE DATABASE {name} {options}".encode())
    return server + name


def drop_database(url: str) -> None:
    """Also while somebody is connected."""
    server, _, name = url.rpartition("/")
    with administering(f"{server}/") as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def remember_rows(url: str) -> None:
    """Keep a copy of every table that has rows, for `as_remembered`."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA remembered")
        for table in _tables(connection):
            if connection.execute(f"SELECT 1 FROM {table} LIMIT 1".encode()).fetchone() is not None:
                connection.execute(f"CREATE TABLE remembered.{table} AS TABLE {table}".encode())


_PUT_BACK = """
DO $$ DECLARE name regclass; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
        IF pg_relation_size(name) > 1000000 THEN EXECUTE format('TRUNCATE %s CASCADE', name);
        ELSE EXECUTE format('DELETE FROM %s', name);
        END IF;
    END LOOP;
    FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'remembered'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('INSERT INTO public.%I SELECT * FROM %s', (SELECT relname FROM pg_class WHERE oid = name), name);
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences WHERE schemaname = 'public';
END $$
"""
"""Without the triggers of foreign keys, in any order. To truncate every table would take three times as long, as that gives each of them new files."""


_resetting: dict[str, psycopg.Connection] = {}


def as_remembered(url: str) -> None:
    """Put the rows of every table back to what they were, and end what somebody has left unfinished. The connection is kept, as each new one would read anew what
    tables there are."""
    try:
        _end_unfinished(_connection(url))
    except psycopg.OperationalError:  # a test has cut it
        _resetting.pop(url).close()
        _end_unfinished(_connection(url))
    _connection(url).execute(_PUT_BACK)


def _connection(url: str) -> psycopg.Connection:
    if url not in _resetting:
        _resetting[url] = psycopg.connect(url.replace("+psycopg", ""), autocommit=True, prepare_threshold=None)
    return _resetting[url]


def _end_unfinished(connection: psycopg.Connection) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
    )


def _tables(connection: psycopg.Connection) -> list[str]:
    query = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    return [name for (name,) in connection.execute(query)]


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://vrijloop@127.0.0.1:{port}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
