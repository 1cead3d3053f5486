"""A pipeline in a process of its own."""

import sys

import pytest

from spacy_seqtag.benchmark.memory import forget_peak, peak_megabytes
from spacy_seqtag.benchmark.process import in_process


def test_imports_loading_and_speed(built_in, corpus, tmp_path):
    built_in.to_disk(tmp_path / "nlp")
    settings = {"n_words": 60, "length": 7, "runs": 2, "threads": 1, "batch_size": 3}
    result = in_process(str(tmp_path / "nlp"), corpus, **settings)
    assert set(result["seconds"]) == {"import torch", "import spacy", "load", "runs"}
    assert len(result["seconds"]["runs"]) == 2
    assert all(seconds > 0 for seconds in result["seconds"]["runs"])
    memory = result["megabytes"]
    assert 0 < memory["imports"] < memory["load"]
    assert 0 <= memory["by tagging"] < memory["runs"]


def test_an_error_in_the_process(corpus, tmp_path):
    with pytest.raises(RuntimeError, match="no_such_setting"):
        in_process(str(tmp_path), corpus, no_such_setting=1)


def test_memory_of_this_process():
    before = peak_megabytes()
    block = bytearray(200_000_000)
    block[::1000] = b"x" * len(block[::1000])
    assert peak_megabytes() >= before
    assert peak_megabytes() > len(block) / 1e6


def test_memory_since_the_peak_was_forgotten():
    block = bytearray(200_000_000)
    block[::1000] = b"x" * len(block[::1000])
    peak = peak_megabytes()
    del block
    is_forgotten = forget_peak()
    assert is_forgotten or sys.platform != "linux"
    assert (peak_megabytes() < peak - 150) == is_forgotten
