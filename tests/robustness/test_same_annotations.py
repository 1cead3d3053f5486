"""The same text gets the same annotations, whatever is around it and wherever it is annotated."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_all_start_methods
from threading import Barrier

import numpy as np
import pytest
import spacy
import srsly
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..pipeline.toy import (
    MODELS,
    TEXTS,
    annotations,
    initialize,
    listening_to_a_transformer,
    make_nlp,
    toy_examples,
    train,
)

# Words in orders that no training text has, so that the scores are of all sizes, and lengths on both sides of a window.
WORDS = sorted({*" ".join(TEXTS).split(), "\n", "Xerxes", "flies", "1997-98", "é", "的"})
RANDOM = np.random.default_rng(0)
MANY = ["", " ", *(" ".join(RANDOM.choice(WORDS, size=size)) for size in [1, 2, 5, 9, 30, 128, 129, 300] * 4)]


@pytest.fixture(scope="module", params=[*MODELS, "transformer"])
def nlp(request, tiny_bert):
    """A pipeline of each kind that knows the toy corpus."""
    if request.param == "transformer":
        nlp = initialize(listening_to_a_transformer(tiny_bert))
        train(nlp, toy_examples(nlp), steps=20)
        return spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())
    nlp = initialize(make_nlp(request.param))
    train(nlp, toy_examples(nlp))
    # A listener of spaCy's that was trained in this process cannot be pickled.
    return make_nlp(request.param).from_bytes(nlp.to_bytes())


@pytest.fixture(scope="module")
def alone(nlp):
    """The annotations of each text, each annotated alone."""
    expected = [annotations([nlp(text)])[0] for text in MANY]
    assert len({annotation for doc in expected for annotation in doc}) > 10
    return expected


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(MANY))), batch_size=st.integers(1, 2 * len(MANY)))
def test_in_any_batch_and_order(nlp, alone, order, batch_size):
    docs = nlp.pipe([MANY[i] for i in order], batch_size=batch_size)
    assert annotations(docs) == [alone[i] for i in order]


def through_disk(nlp, path):
    nlp.to_disk(path / "pipeline")
    return spacy.load(path / "pipeline")


def through_bytes(nlp, path):
    return spacy.util.load_model_from_config(nlp.config).from_bytes(nlp.to_bytes())


def through_pickle(nlp, path):
    return pickle.loads(pickle.dumps(nlp))


@pytest.mark.parametrize("through", [through_disk, through_bytes, through_pickle])
def test_after_saving_and_loading(nlp, alone, through, tmp_path):
    assert annotations(through(nlp, tmp_path).pipe(MANY)) == alone


def test_from_four_threads_at_once(nlp, alone):
    loaded = through_bytes(nlp, None)  # Nothing has run yet that a first call would set up.
    barrier = Barrier(4)

    def annotate(number):
        barrier.wait()
        found = {}
        for i in range(len(MANY)):
            i = (i + 9 * number) % len(MANY)
            found[i] = annotations([loaded(MANY[i])])[0] if i % 2 else annotations(loaded.pipe([MANY[i]]))[0]
        return [found[i] for i in range(len(MANY))]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(annotate, range(4)):
            assert found == alone


def test_with_another_number_of_torch_threads(nlp, alone):
    threads = torch.get_num_threads()
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            assert annotations(nlp.pipe(MANY)) == alone
    finally:
        torch.set_num_threads(threads)


PROCESSES = """
import multiprocessing, sys
import spacy, srsly, torch

if __name__ == "__main__":
    torch.set_num_threads(2)
    nlp = spacy.load("pipeline")
    texts = srsly.read_json("texts.json")
    nlp(texts[-1])  # The thread pool has run, which a forked process does not have.
    for method in sys.argv[1:]:
        multiprocessing.set_start_method(method, force=True)
        docs = nlp.pipe(texts, n_process=2, batch_size=7)
        srsly.write_json(f"{method}.json", [[(t.tag_, t.ent_iob_, t.ent_type_) for t in doc] for doc in docs])
"""


@pytest.mark.parametrize("nlp", ["transformer"], indirect=True)
def test_in_two_processes(nlp, alone, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")
    srsly.write_json(tmp_path / "texts.json", MANY)
    (tmp_path / "script.py").write_text(PROCESSES, encoding="utf8")
    methods = [method for method in ("fork", "spawn") if method in get_all_start_methods()]
    subprocess.run([sys.executable, "script.py", *methods], check=True, timeout=300, cwd=tmp_path)
    for method in methods:
        assert [[tuple(token) for token in doc] for doc in srsly.read_json(tmp_path / f"{method}.json")] == alone


def test_a_document_does_not_change_the_vectors_of_another(tiny_bert):
    # Not only the annotations: in half precision, padding would change more than the last bits.
    nlp = initialize(listening_to_a_transformer(tiny_bert))
    transformer = nlp.get_pipe("transformer")
    together = transformer.predict([nlp.make_doc(text) for text in MANY]).doc_data
    for text, data in zip(MANY, together, strict=True):
        (single,) = transformer.predict([nlp.make_doc(text)]).doc_data
        for x, y in zip(data.tensors, single.tensors, strict=True):
            lengths = data.wordpieces.attention_mask.sum(axis=1)
            for row, length in enumerate(lengths.astype(int)):
                np.testing.assert_allclose(x[row, :length], y[row, :length], atol=1e-5)
