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
BATCHES = 4
"""Batches for each thread, so that none waits long for the last."""
LEAST_TOKENS = 512
"""Tokens of a batch below which a recurrent network takes longer for each."""

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
    main = threading.main_thread()
    return threading.get_ident() == main.ident and all(t.daemon for t in threading.enumerate() if t is not main)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch have one thread, where :func:`can_set_threads`."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def most_at_once() -> int:
    """How many items :func:`for_each` works on at once, if there are enough."""
    if not can_set_threads() or get_torch_default_device().type != "cpu":
        return 1
    return min(torch.get_num_threads(), MOST_AT_ONCE)


def tokens_for_threads(n_tokens: int, most: int) -> int:
    """Most tokens of a batch such that each thread gets several batches, where these are not too small.

    Args:
        n_tokens: All tokens.
        most: Most tokens that a batch may have.
    """
    if n_tokens < 4 * LEAST_TOKENS:  # too few for two threads
        return most
    n_threads = most_at_once()
    return most if n_threads == 1 else min(most, max(LEAST_TOKENS, n_tokens // (BATCHES * n_threads)))


def for_each(items: Sequence[Item], work: Callable[[Item], None]) -> None:
    """Do independent work, on CPU several items at once if there are enough to give each thread two.

    Args:
        items: What to work on; those that take the longest had better come first.
        work: Does the work for one of them; it spends its time in PyTorch and NumPy, and sees no context variables.
    """
    n_workers = min(len(items) // 2, most_at_once()) if len(items) >= 4 else 1
    if n_workers == 1:
        for item in items:
            work(item)
        return
    n_threads = torch.get_num_threads()
    try:
        settle = partial(torch.set_num_threads, n_threads // n_workers)
        with ThreadPoolExecutor(n_workers, initializer=settle) as workers:
            for _ in workers.map(work, items):
                pass
    finally:
        torch.set_num_threads(n_threads)  # what threads to come start with
