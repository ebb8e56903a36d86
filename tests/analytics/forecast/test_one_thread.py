"""Small models keep to one thread, whenever their library was loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LOADED_LATE = """
from analytics.forecast.one_thread import one_thread
import numpy
with one_thread():
    numpy.ones((2, 2)) @ numpy.ones((2, 2))
import sklearn.ensemble
from threadpoolctl import threadpool_info
with one_thread():
    print({library["num_threads"] for library in threadpool_info()}, {library["user_api"] for library in threadpool_info()} >= {"blas", "openmp"})
"""


@pytest.mark.servers
@pytest.mark.long
def test_libraries_that_are_loaded_later_keep_to_it() -> None:
    """The features are calculated with NumPy before scikit-learn is loaded to fit: its threads waited for each other, which took eight times the processor on a busy computer."""
    environment = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    told = subprocess.run(
        [sys.executable, "-c", _LOADED_LATE], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout == "{1} True\n"
