"""Time by stage."""

import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def seconds(function: Callable[[], Any]) -> float:
    """The time that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


class Stopwatch:
    """Measures stages that are nested in each other: every moment counts for the innermost one, so the stages add up to
    the whole.

    Args:
        finish: Waits until the device has done what it was asked for.
    """

    def __init__(self, finish: Callable[[], None] = lambda: None) -> None:
        self.seconds: dict[Hashable, float] = defaultdict(float)
        self.finish = finish
        self.stages: list[Hashable] = []
        self.since = 0.0

    @contextmanager
    def stage(self, name: Hashable) -> Iterator[None]:
        """Count the time in here for a stage, but for that of stages within."""
        self.lap()
        self.stages.append(name)
        try:
            yield
        finally:
            self.lap()
            self.stages.pop()

    def lap(self) -> None:
        self.finish()
        now = time.perf_counter()
        if self.stages:
            self.seconds[self.stages[-1]] += now - self.since
        self.since = now

    def timed(self, name: Hashable, function: Callable[..., T]) -> Callable[..., T]:
        """A function whose calls count for a stage."""

        def call(*args: Any, **kwargs: Any) -> T:
            with self.stage(name):
                return function(*args, **kwargs)

        return call

    def drawn(self, name: Hashable, items: Iterable[T]) -> Iterator[T]:
        """The items of an iterable; the time until each is there counts for a stage, what is done with it does not."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
