"""A part of the demo in a process of its own, which starts as every program of Vrijloop: `python -m vrijloop.demo platform|shop_floor|amqtt_broker ARGUMENTS`."""

from __future__ import annotations

import sys
from importlib import import_module

from vrijloop.program import run_program

if __name__ == "__main__":
    part, *arguments = sys.argv[1:]
    run_program(lambda: import_module(f"vrijloop.demo.{part}").main(arguments))
