"""Says in the reader's language why a policy file cannot be used. Keys and values stay as they stand in the file."""

from __future__ import annotations

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


def written(problem: PolicyProblem, language: str) -> str:
    """A line for each thing that is wrong."""
    return "\n".join(_sentence(one, texts(language)) for one in problem.details)


def _sentence(problem: SettingsProblem, said: Mapping[str, str]) -> str:
    values = dict(problem.values)
    if problem.code == "unknown_key":
        hint = "policy_near" if values["near"] else "policy_known"
        return f"{said['policy_unknown_key'].format(**values)} {said[hint].format(**values)}"
    if problem.code == "not_accepted":
        reason = _KINDS.get(values["reason"], values["reason"])
        if "expected" in values:  # of pydantic: 'auto', 'ask' or 'never'
            values["expected"] = values["expected"].replace(" or ", ", ")
        # A reason for which there are no words is better said in English than not at all.
        values["why"] = said.get(f"policy_why_{reason}", values["why"].replace("{", "{{").replace("}", "}}")).format(
            **values
        )
    return said[f"policy_{problem.code}"].format(**values)
