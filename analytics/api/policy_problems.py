"""Says in the reader's language why a policy file cannot be used. Keys and values stay as they stand in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from analytics.i18n import texts
from analytics.policy.policy_file import PolicyProblem
from telemetry import SettingsProblem

_KINDS = {
    "bool_type": "bool", "bool_parsing": "bool", "float_type": "number", "float_parsing": "number", "decimal_type": "number", "decimal_parsing": "number",
    "finite_number": "number", "int_type": "integer", "int_parsing": "integer", "int_from_float": "integer", "tuple_type": "list", "list_type": "list",
    "dict_type": "table", "model_type": "table", "model_attributes_type": "table", "time_delta_type": "duration", "time_delta_parsing": "duration",
    "time_type": "time", "time_parsing": "time", "datetime_type": "moment", "datetime_parsing": "moment", "datetime_from_date_parsing": "moment",
    "timezone_aware": "moment",
}  # fmt: skip
"""Reasons of pydantic for which one sentence is enough."""
_OF_FILES = (
    ("toml_twice", re.compile(r"twice|overwrite|immutable|redefine|Duplicate")),
    ("toml_unclosed", re.compile(r"Unclosed|Expected '\]")),
    ("toml_string", re.compile(r"string|Unescaped|Illegal character|hex value|Escaped")),
    ("toml_value", re.compile(r"Invalid (value|date)")),
    ("toml_statement", re.compile(r"Expected|Invalid|invalid")),
    ("file_denied", re.compile(r"denied|not permitted")),
    ("file_no_text", re.compile(r"codec|decode")),
)
"""What tomllib and the system say, the first that matches; the place has the line."""


def written(problem: PolicyProblem, language: str) -> str:
    """A line for each thing that is wrong."""
    return "\n".join(_sentence(one, texts(language)) for one in problem.details)


def _sentence(problem: SettingsProblem, said: Mapping[str, str]) -> str:
    values = dict(problem.values)
    if problem.code == "unknown_key":
        hint = "policy_near" if values["near"] else "policy_known"
        return f"{said['policy_unknown_key'].format(**values)} {said[hint].format(**values)}"
    if problem.code in ("not_toml", "unreadable"):
        values["detail"] = _of_file(values["detail"], said)
    if problem.code == "not_accepted":
        reason = _KINDS.get(values["reason"], values["reason"])
        if "expected" in values:  # of pydantic: 'auto', 'ask' or 'never'
            values["expected"] = values["expected"].replace(" or ", ", ")
        values["why"] = said.get(f"policy_why_{reason}", said["policy_why_other"]).format(**values)
    return said[f"policy_{problem.code}"].format(**values)


def _of_file(detail: str, said: Mapping[str, str]) -> str:
    kinds = (kind for kind, words in _OF_FILES if words.search(detail))
    return said[f"policy_why_{next(kinds, 'file_other')}"]
