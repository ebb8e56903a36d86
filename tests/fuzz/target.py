"""What a fuzz target is, and the limits within which it must deal with any input."""

from __future__ import annotations

import resource
import signal
import struct
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).parent / "corpus"

_T = TypeVar("_T")
_MB = 1_000_000


@dataclass(frozen=True)
class Target:
    """`run` takes any bytes and may raise what `refuses` names alone, within `most_s` seconds of processor time and `most_mb` of memory."""

    name: str
    run: Callable[[bytes], None]
    refuses: tuple[type[Exception], ...]
    most_s: float
    most_mb: int

    @property
    def corpus(self) -> list[bytes]:
        """The inputs that are kept, by name."""
        return [file.read_bytes() for file in sorted((CORPUS / self.name).iterdir())]


TARGETS: dict[str, Target] = {}


def target(
    *refuses: type[Exception], most_s: float = 1.0, most_mb: int = 100
) -> Callable[[Callable[[bytes], None]], Callable[[bytes], None]]:
    """Makes a function a target by its name. Its docstring names what it may raise."""

    def register(run: Callable[[bytes], None]) -> Callable[[bytes], None]:
        TARGETS[run.__name__] = Target(run.__name__, run, refuses, most_s, most_mb)
        return run

    return register


class TooSlowError(BaseException):
    """No Exception, so that nothing takes it for an error of its own."""


@dataclass(frozen=True)
class Finding:
    """`where`: the same for inputs that find the same fault."""

    said: str
    where: str
    trace: str = field(repr=False)


class Limits:
    """Tries inputs within the limits of a target. `patience`: how many times slower code is that is being watched. In the main thread alone."""

    def __init__(self, target: Target, patience: float = 1.0) -> None:
        self._target = target
        self._most_s = target.most_s * patience
        self._tried = 0
        self._most_data = 0

    def attempt(self, data: bytes) -> Finding | None:
        """What is wrong with how the target takes an input."""
        if self._tried % 256 == 0:
            self._most_data = _data_bytes() + self._target.most_mb * _MB
        self._tried += 1
        try:
            with _limited(self._most_s, self._most_data):
                self._target.run(data)
        except self._target.refuses:
            return None
        except TooSlowError as error:
            return _finding(f"more than {self._target.most_s:g} s", error)
        except MemoryError as error:
            return _finding(f"more than {self._target.most_mb} MB", error)
        except Exception as error:
            return _finding(f"{type(error).__name__}: {str(error)[:300]}", error)
        return None


@contextmanager
def _limited(most_s: float, most_data: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    before = signal.signal(signal.SIGVTALRM, _too_slow)
    resource.setrlimit(resource.RLIMIT_DATA, (most_data, hard))
    signal.setitimer(signal.ITIMER_VIRTUAL, most_s, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        signal.signal(signal.SIGVTALRM, before)


def _too_slow(_: int, __: FrameType | None) -> None:
    raise TooSlowError


def _data_bytes() -> int:
    """What counts for `RLIMIT_DATA`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData"):
            return int(line.split()[1]) * 1024
    raise OSError("this system does not say how much memory a process has")


def _finding(said: str, error: BaseException) -> Finding:
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if one.filename.startswith(str(ROOT)) and ".venv" not in one.filename]
    last = (own or frames)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    where = where if isinstance(error, TooSlowError | MemoryError) else f"{where} {type(error).__name__}"
    return Finding(said, where, "".join(traceback.format_exception(error)[-12:]))


class Parts:
    """Reads values one after the other from bytes, for targets that take more than bytes; zeros once they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def __bool__(self) -> bool:
        return self._place < len(self._data)

    def take(self, count: int) -> bytes:
        part = self._data[self._place : self._place + count]
        self._place += count
        return part.ljust(count, b"\0")

    def number(self, most: int) -> int:
        """From 0 to `most`."""
        count = max(1, (most.bit_length() + 7) // 8)
        return int.from_bytes(self.take(count), "big") % (most + 1)

    def words(self, count: int) -> list[int]:
        return list(struct.unpack(f">{count}H", self.take(2 * count)))

    def real(self) -> float:
        """Also infinite, or not a number."""
        return float(struct.unpack(">d", self.take(8))[0])

    def pick(self, choices: Sequence[_T]) -> _T:
        return choices[self.number(len(choices) - 1)]

    def short(self) -> bytes:
        """Up to 255 bytes, after their number."""
        return self.take(min(self.number(255), max(0, len(self._data) - self._place)))

    def text(self) -> str:
        """Also with lone surrogates."""
        return self.short().decode("utf-8", "surrogateescape")

    def moment(self) -> datetime:
        """Near now, or anywhere between the years 1 and 9999."""
        offset = timedelta(seconds=self.number(2**40 - 1) - 2**39, milliseconds=self.number(999))
        try:
            return datetime(2026, 11, 30, 12, tzinfo=UTC) + offset
        except OverflowError:
            return datetime.max.replace(tzinfo=UTC) if offset > timedelta(0) else datetime.min.replace(tzinfo=UTC)

    def rest(self) -> bytes:
        part = self._data[self._place :]
        self._place = len(self._data)
        return part
