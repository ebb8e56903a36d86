"""What scripts/trim-venv leaves out of the images; their size on a real Docker: tests/containers."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from tests.servers import ROOT


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = SourceFileLoader("trim_venv", str(ROOT / "scripts" / "trim-venv"))
    spec = spec_from_loader("trim_venv", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_only_tests_and_sources_of_packages_are_removed(script: ModuleType, tmp_path: Path) -> None:
    kept = ["pandas/core/frame.py", "numpy/testing/__init__.py", "latest/a.py", "pkg/tests.py", "pkg/fast.so"]
    removed = ["pandas/tests/test_frame.py", "scipy/stats/tests/data/big.npz", "icalendar/test/a.py", "pkg/fast.pyx"]
    for name in (*kept, *removed):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    script.remove_tests(tmp_path)
    script.remove_sources(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == sorted(kept)


def test_what_is_imported_later_is_compiled_too(script: ModuleType) -> None:
    found = set(script._imports(ROOT / "analytics" / "forecast" / "window_model.py"))
    assert {"sklearn.ensemble", "sklearn.linear_model", "numpy"} <= found


def test_libraries_that_are_named_in_strings_exist(script: ModuleType) -> None:
    for name in script.NAMED:
        __import__(name)
