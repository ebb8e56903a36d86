"""The documentation page that lists all device templates."""

from __future__ import annotations

from edge_agent.device_templates import Register, templates

_OWN_TEMPLATE = """\
## A template of your own

If your device is not listed, write its registers into a file and give the file's path, which ends in `.yaml`, as the machine's `template`:

```yaml
name: workshop-meter
title: The meter of the old press
products: [XY-100]
source: XY-100 manual, edition 3, page 17
function: input              # input: function 04, manuals say 3xxxx; holding: function 03, 4xxxx
max_words: 50                # how many registers it gives in one answer; 100 where it is left out
values:
  active_power:  {address: 0x0034, encoding: float32, unit: W, scale: 1000}
  import_energy: {address: 0x0048, encoding: uint32, word_order: little, unit: Wh, scale: 10}
```

- `active_power` is needed, everything else is up to you. `unit` is W, A or Wh; `scale` is what the register's number has to be multiplied by to be in that unit (1000 for kW, 0.1 for tenths of a watt).
- `address` is the one that goes over the wire: manuals that number registers from 30001, 40001 or 1 are one higher.
- `encoding`: `int16`, `uint16`, `int32`, `uint32`, `int64`, `uint64`, `float32` or `float64`. If values look wild, try `word_order: little`: the device sends the low word first.
- `no_value: [0x7FFFFFFF]` names what the device sends if it has no value.
- A device with the registers of one below: `same_as: eastron-sdm630` instead of `function` and `values`.

`vrijloop agent check` reads the machine with it. The agent reads the file when it starts.

## All templates
"""


def templates_page() -> str:
    """`docs/device_templates.md`, in Markdown."""
    lines = [
        "# Device templates",
        "",
        "Generated from the files in `edge_agent/templates/`. Addresses are zero-based.",
        "",
        *_OWN_TEMPLATE.splitlines(),
        "",
        "| template | products |",
        "|---|---|",
    ]
    lines += [f"| [{one.name}](#{one.name}) | {', '.join(one.products)} |" for one in templates().values()]
    lines.append("")
    for template in templates().values():
        lines += [
            f"## {template.name}",
            "",
            f"{template.title}. Products: {', '.join(template.products)}. Source: {template.source}.",
            "",
        ]
        if template.same_as is not None:
            lines += [f"The registers of [{template.same_as}](#{template.same_as})."]
        elif template.is_meter:
            lines += ["| value | function | address | encoding | unit |", "|---|---|---|---|---|"]
            lines += [
                f"| {name} | {template.function} | 0x{value.address:04X} | {_encoding_text(value)} | {value.unit} |"
                for name, value in template.values.items()
            ]
        elif template.status_word is not None:
            lines += [
                f"Register 0x{template.status_word.address:04X} ({template.function}).",
                "",
                "| bits | state | mode |",
                "|---|---|---|",
            ]
            lines += [
                f"| `word & 0b{rule.mask:04b} == 0b{rule.equals:04b}` | {rule.state.value} | {rule.mode.value if rule.mode else ''} |"
                for rule in template.rules
            ]
        elif template.stack_light is not None:
            light = template.stack_light
            wired = ", ".join(f"{lamp} on input {place}" for lamp, place in light.lamps.items())
            lines += [
                f"{light.count} inputs from 0x{light.address:04X} ({template.function}). Usual wiring (`lamps`): {wired}."
            ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _encoding_text(value: Register) -> str:
    order = "" if value.size == 1 or value.word_order == "big" else ", low word first"
    scale = "" if value.scale == 1 else f" × {value.scale:g}"
    return f"{value.encoding}{order}{scale}"
