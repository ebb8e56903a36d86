"""The policy file of a running server: what changes in it is taken over, and what cannot be used is said."""

from __future__ import annotations

from pathlib import Path

from analytics.policy.policy import Policy
from telemetry import UserError, load_settings

_Stamp = tuple[int, int, int] | None


class PolicyFile:
    """`policy` is the one that holds. `problem` says why the file as it is now cannot be used; None while it can."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self._path = path
        self._seen: _Stamp = None
        self._read: _Stamp | str = "not yet"  # it may have changed since `policy` was read from it
        self.policy = policy
        self.problem: str | None = None

    def look(self) -> bool:
        """Look at the file; returns whether `policy` or `problem` is another one now. The file is read only once it is the same at two looks: half of
        a policy, still being written, could offer what the whole forbids."""
        before, self._seen = self._seen, _stamp(self._path)
        if self._seen != before or self._seen == self._read:
            return False
        self._read = self._seen
        policy, problem = self._load()
        changed = (policy, problem) != (self.policy, self.problem)
        self.policy, self.problem = policy, problem
        return changed

    def _load(self) -> tuple[Policy, str | None]:
        try:
            policy = load_settings(self._path, Policy)
        except UserError as error:
            return self.policy, str(error)
        if policy.factory != self.policy.factory:
            return self.policy, f"{self._path}: `factory` cannot change while the server runs. Restart the server."
        return policy, None


def _stamp(path: Path) -> _Stamp:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
