"""The policy file of a running server: what changes in it is taken over, and what cannot be used is said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analytics.policy.policy import Policy
from telemetry import SettingsError, SettingsProblem, load_settings

_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class PolicyProblem:
    """Why the policy file as it is now cannot be used, in English as a string."""

    details: tuple[SettingsProblem, ...]

    def __str__(self) -> str:
        return "\n".join(problem.sentence for problem in self.details)


class PolicyFile:
    """`policy` is the one that holds, the same object until the file says something else. `problem` says why the file as it is now cannot be used; None while it can."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self._path = path
        self._seen: _Stamp = None
        self._read: _Stamp | str = "not yet"  # it may have changed since `policy` was read from it
        self.policy = policy
        self.problem: PolicyProblem | None = None

    def look(self) -> bool:
        """Look at the file; returns whether `policy` or `problem` is another one now. The file is read only once it is the same at two looks: half of
        a policy, still being written, could offer what the whole forbids."""
        before, self._seen = self._seen, _stamp(self._path)
        if self._seen != before or self._seen == self._read:
            return False
        self._read = self._seen
        policy, problem = self._load()
        changed = (policy, problem) != (self.policy, self.problem)
        if policy != self.policy:  # for one that says the same, nobody should read the history anew
            self.policy = policy
        self.problem = problem
        return changed

    def _load(self) -> tuple[Policy, PolicyProblem | None]:
        try:
            policy = load_settings(self._path, Policy)
        except SettingsError as error:
            return self.policy, PolicyProblem(error.problems)
        if policy.factory != self.policy.factory:
            said = f"{self._path}: `factory` cannot change while the server runs. Restart the server."
            return self.policy, PolicyProblem((SettingsProblem("factory_stays", {"place": str(self._path)}, said),))
        return policy, None


def _stamp(path: Path) -> _Stamp:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
