"""What the demo's servers and shop floors load, loaded once: they are forked from the process that has imported this module (`forks.py`)."""

# ruff: noqa: E402, F401 - loading is what this module is for

from __future__ import annotations

import atexit
import gc

from vrijloop.demo.forks import end_with_parent

end_with_parent()
gc.disable()

import sklearn.ensemble
import sklearn.linear_model
import typer

import vrijloop.demo.shop_floor
import vrijloop.server
from simulators.opcua_server import build_standard_nodes

build_standard_nodes()

# What is not looked through for garbage stays shared between the processes.
gc.freeze()
gc.enable()
# Libraries complain at the end about what is not let go of.
atexit.register(gc.unfreeze)
