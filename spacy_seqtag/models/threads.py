"""PyTorch's threads on a CPU, which pay for much work of one kind only: at every step of a recurrent network all wait
for the last."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch
from thinc.api import get_torch_default_device

Item = TypeVar("Item")

MOST_AT_ONCE = 4
"""Most items that are worked on at once: each needs memory."""

if hasattr(os, "register_at_fork"):
    # The thread pool of the parent does not exist in a forked child, as of `nlp.pipe(n_process=2)`; waiting for it, the
    # first matrix product would never end. The processes share the cores, so one thread each is right anyway.
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def can_set_threads() -> bool:
    """Whether PyTorch has several threads, and their number may be another for a while. A Python thread that calls
    PyTorch for the first time meanwhile would keep that number, so the main thread must be the only one. Daemons do not
    count: libraries have them for progress bars and notebooks."""
    if torch.get_num_threads() == 1:
        return False
    current = threading.current_thread()
    return current is threading.main_thread() and all(t.daemon for t in threading.enumerate() if t is not current)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch have one thread, where :func:`can_set_threads`."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def for_each(items: Sequence[Item], work: Callable[[Item], None]) -> None:
    """Do independent work, on CPU several items at once if there are enough to give each thread two.

    Args:
        items: What to work on; those that take the longest had better come first.
        work: Does the work for one of them; it spends its time in PyTorch and NumPy, and sees no context variables.
    """
    n_threads = torch.get_num_threads()
    n_workers = min(n_threads, MOST_AT_ONCE, len(items) // 2)
    if n_workers < 2 or not can_set_threads() or get_torch_default_device().type != "cpu":
        for item in items:
            work(item)
        return
    try:
        settle = partial(torch.set_num_threads, n_threads // n_workers)
        with ThreadPoolExecutor(n_workers, initializer=settle) as workers:
            for _ in workers.map(work, items):
                pass
    finally:
        torch.set_num_threads(n_threads)  # what threads to come start with
