"""PyTorch's threads: independent work beside each other, and their number as it was before."""

import threading
from threading import Event, Thread, current_thread, main_thread

import pytest
import torch

from spacy_seqtag.models import threads
from spacy_seqtag.models.threads import LEAST_TOKENS, for_each, tokens_for_threads


@pytest.fixture(autouse=True)
def four_threads(monkeypatch):
    present = threading.enumerate()
    real = threading.enumerate
    # Tests of other things may have left threads.
    monkeypatch.setattr(threading, "enumerate", lambda: [t for t in real() if t is main_thread() or t not in present])
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def places(n_items):
    """Of each item, whether another thread than the main one worked on it, and with how many of PyTorch's."""
    seen = {}

    def work(item):
        seen[item] = current_thread() is not main_thread(), torch.get_num_threads()

    for_each(range(n_items), work)
    assert sorted(seen) == list(range(n_items))
    return set(seen.values())


@pytest.mark.parametrize(
    ("n_items", "expected"), [(0, set()), (1, {(False, 4)}), (3, {(False, 4)}), (4, {(True, 2)}), (50, {(True, 1)})]
)
def test_workers_share_the_threads_where_there_is_enough_to_do(n_items, expected):
    assert places(n_items) == expected
    assert torch.get_num_threads() == 4


@pytest.mark.parametrize("n_tokens", [4 * LEAST_TOKENS, 10_000, 100_000])
def test_a_stream_is_cut_into_batches_for_each_thread(n_tokens):
    size = tokens_for_threads(n_tokens, 8192)
    assert LEAST_TOKENS <= size <= 8192
    assert n_tokens / size >= 4
    if size > LEAST_TOKENS:
        assert n_tokens / size >= threads.BATCHES * torch.get_num_threads()


@pytest.mark.parametrize(("n_tokens", "n_threads"), [(4 * LEAST_TOKENS - 1, 4), (10_000, 1)])
def test_batches_are_as_large_as_may_be_where_only_one_thread_works(n_tokens, n_threads):
    torch.set_num_threads(n_threads)
    assert tokens_for_threads(n_tokens, 8192) == 8192


def test_no_more_work_at_once_than_there_is_memory_for():
    torch.set_num_threads(2 * threads.MOST_AT_ONCE)
    assert places(50) == {(True, 2)}


def test_threads_that_start_later_have_the_number_of_before():
    places(50)
    seen = []
    later = Thread(target=lambda: seen.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert seen == [4]


@pytest.mark.parametrize(("in_background", "expected"), [(False, {(False, 4)}), (True, {(True, 1)})])
def test_beside_threads_of_the_caller_no_further_ones_start(in_background, expected):
    done = Event()
    other = Thread(target=done.wait, daemon=in_background)
    other.start()
    try:
        assert places(50) == expected
    finally:
        done.set()
        other.join()


def test_in_a_thread_of_the_caller_no_further_ones_start():
    seen = []
    caller = Thread(target=lambda: for_each(range(50), lambda item: seen.append(current_thread())), daemon=True)
    caller.start()
    caller.join()
    assert seen == [caller] * 50


def test_on_gpu_items_come_one_after_the_other(monkeypatch):
    monkeypatch.setattr(threads, "get_torch_default_device", lambda: torch.device("cuda"))
    assert places(50) == {(False, 4)}
    assert tokens_for_threads(10_000, 8192) == 8192


def test_an_error_reaches_the_caller_and_the_number_is_as_before():
    def work(item):
        if item == 10:
            raise ZeroDivisionError(item)

    with pytest.raises(ZeroDivisionError, match="10"):
        for_each(range(50), work)
    assert torch.get_num_threads() == 4
