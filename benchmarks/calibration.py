"""CPU seconds in a unit that noisy minutes of one machine share, the time that a fixed piece of work takes; and works
that take turns, whose ratios need none."""

import statistics
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterator, List

import torch

# What is done in the turn of a round, by the number of the round.
Work = Callable[[int], object]


def calibration_seconds() -> float:
    """CPU seconds of the fixed work, 1 cal: twenty products of 512 x 512 matrices, a Python loop of 400,000 steps."""
    matrix = torch.randn(512, 512, generator=torch.Generator().manual_seed(0))
    start = time.process_time()
    for _ in range(20):
        matrix @ matrix
    total = 0
    for number in range(400_000):
        total += number * number % 7
    return time.process_time() - start


@dataclass
class Readings:
    """What one quantity cost, round by round, and 1 cal at the time, both in CPU seconds."""

    seconds: List[float] = field(default_factory=list)
    calibrations: List[float] = field(default_factory=list)

    @property
    def median_seconds(self) -> float:
        return statistics.median(self.seconds)

    @property
    def median_cal(self) -> float:
        """The median of the rounds, each by its own calibration."""
        return statistics.median(seconds / unit for seconds, unit in zip(self.seconds, self.calibrations))


class Meter:
    """Adds up CPU seconds by name within rounds, between which the fixed work runs.

        with meter.round():
            with meter.time("forward"):
                ...

    Use `time` and `add` inside a round.
    """

    def __init__(self) -> None:
        self.readings: Dict[str, Readings] = defaultdict(Readings)
        self._sums: Dict[str, float] = {}

    @contextmanager
    def round(self) -> Iterator[None]:
        """One round; every name that is timed in it gets one reading."""
        self._sums = defaultdict(float)
        before = _steady_calibration()
        yield
        unit = (before + _steady_calibration()) / 2
        for name, seconds in self._sums.items():
            self.readings[name].seconds.append(seconds)
            self.readings[name].calibrations.append(unit)

    @contextmanager
    def time(self, name: str, count: int = 1) -> Iterator[None]:
        """Adds this process's CPU seconds, divided by `count`, to the round's sum for `name`."""
        # Names stand in the order in which they begin.
        self.add(name, 0.0)
        start = time.process_time()
        yield
        self.add(name, (time.process_time() - start) / count)

    def add(self, name: str, seconds: float) -> None:
        """Adds seconds to the round's sum for `name`."""
        self._sums[name] += seconds

    def update(self, readings: Dict[str, Readings]) -> None:
        """Takes over the readings of another meter, behind its own."""
        for name, other in readings.items():
            self.readings[name].seconds.extend(other.seconds)
            self.readings[name].calibrations.extend(other.calibrations)


def take_turns(works: Dict[str, Work], rounds: int) -> Dict[str, List[float]]:
    """CPU seconds of each work's turns. Each round has the order of the one before turned round."""
    seconds: Dict[str, List[float]] = {name: [] for name in works}
    for work in works.values():
        work(0)
    for number in range(rounds):
        for name in list(works) if number % 2 == 0 else list(works)[::-1]:
            start = time.process_time()
            works[name](number)
            seconds[name].append(time.process_time() - start)
    return seconds


def _steady_calibration() -> float:
    return statistics.median(calibration_seconds() for _ in range(3))
