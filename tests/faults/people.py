"""An owner for each organisation of a region, and a browser's session for some: with the version of the platform that is on the path, as the database is its own.

python -m tests.faults.people DATABASE_URL SESSIONS_FOR ORGANISATION=ADDRESS…
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sharing_platform.database import open_database
from sharing_platform.organisations import accounts, directory
from sharing_platform.organisations.permissions import Role


def put(database: str, owners: Mapping[str, str], signed_in: Sequence[str]) -> dict[str, str]:
    """The secrets of the sessions."""
    now, sessions = datetime.now(UTC), open_database(database)
    secrets = {}
    with sessions.begin() as session:
        for name, address in owners.items():
            account, _ = accounts.get_or_create_account(session, address, name, "en", now)
            account.confirmed = now
            directory.put_member(session, name, account.id, Role.OWNER, now)
            session.flush()
            if name in signed_in:
                secrets[name] = accounts.open_session(session, account, now)
    sessions.kw["bind"].dispose()
    return secrets


if __name__ == "__main__":
    print(json.dumps(put(sys.argv[1], dict(one.split("=") for one in sys.argv[3:]), sys.argv[2].split(","))))
