"""What is kept of words: found once, and again when weights or vocabularies change."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import spacy
from spacy.ml.models import MultiHashEmbed
from spacy.tokens import Doc
from thinc.api import Adam, fix_random_seed

from spacy_seqtag.models import kept
from spacy_seqtag.models.characters import build_char_cnn
from spacy_seqtag.models.concatenate import build_concatenate
from spacy_seqtag.models.kept import KeptRows, of_word_types
from spacy_seqtag.models.word_types import build_word_types

NLP = spacy.blank("en")
DOCS = [NLP("One sees Paris, one sees Rome"), NLP("Paris!")]


def make(include_static_vectors=False):
    fix_random_seed(0)
    embed = build_concatenate(
        MultiHashEmbed(8, ["NORM", "SHAPE"], [200, 20], include_static_vectors=include_static_vectors),
        build_char_cnn(width=6),
    )
    model = build_word_types(embed)
    model.initialize(X=DOCS)
    return model


@pytest.fixture
def model():
    return make()


def words_embedded(model, docs):
    """The words that are embedded while a model predicts."""
    (inner,), seen = model.layers, []
    forward = inner._func
    inner._func = lambda m, X, is_train: (
        seen.extend(token.text for doc in X for token in doc),
        forward(m, X, is_train),
    )[1]
    model.predict(docs)
    inner._func = forward
    return seen


def assert_present(model, docs=DOCS):
    """Assert that a model says what its embedding says now."""
    for vectors, expected in zip(model.predict(docs), model.layers[0].predict(docs), strict=True):
        np.testing.assert_allclose(vectors, expected, atol=1e-6)


def step(model, optimizer):
    Y, backprop = model.begin_update(DOCS)
    backprop(Y)
    model.predict(DOCS)  # as a component does that annotates for the next ones
    model.finish_update(optimizer)


@pytest.mark.parametrize("few", [1, 1000])
def test_words_that_were_embedded_are_looked_up(model, monkeypatch, few):
    monkeypatch.setattr(kept, "FEW", few)
    assert {*words_embedded(model, DOCS)} == {token.text for doc in DOCS for token in doc}
    new = Doc(NLP.vocab, words=["Paris", "sees", "Oslo"])
    assert words_embedded(model, [new]) == ["Oslo"]
    assert words_embedded(model, [new, *DOCS]) == []
    assert_present(model, [new, *DOCS])


def test_a_step_is_predicted_with(model):
    optimizer = Adam(0.1)
    for _ in range(3):
        before = model.predict(DOCS)[0].copy()
        step(model, optimizer)
        assert not np.allclose(model.predict(DOCS)[0], before)
        assert_present(model)


def test_averages_are_predicted_with_only_where_they_are_used(model):
    optimizer = Adam(0.1, use_averages=True)
    for _ in range(3):
        step(model, optimizer)
    trained = model.predict(DOCS)[0].copy()
    with model.use_params(optimizer.averages):
        assert not np.allclose(model.predict(DOCS)[0], trained)
        assert_present(model)
    np.testing.assert_array_equal(model.predict(DOCS)[0], trained)


def test_loaded_and_fresh_weights_are_predicted_with(model):
    first = model.predict(DOCS)[0].copy()
    saved = model.to_bytes()
    step(model, Adam(0.1))
    model.predict(DOCS)
    model.from_bytes(saved)
    np.testing.assert_array_equal(model.predict(DOCS)[0], first)
    fix_random_seed(1)
    model.initialize(X=DOCS)
    assert not np.allclose(model.predict(DOCS)[0], first)
    assert_present(model)


@pytest.mark.parametrize("duplicate", [lambda m: m.copy(), copy.deepcopy, lambda m: make().from_bytes(m.to_bytes())])
def test_a_copy_keeps_its_own(model, duplicate):
    model.predict(DOCS)
    copied = duplicate(model)
    step(copied, Adam(0.1))
    assert_present(copied)
    assert_present(model)
    assert not np.allclose(copied.predict(DOCS)[0], model.predict(DOCS)[0])


def test_words_of_another_vocabulary_are_others(model):
    other = spacy.blank("en")
    other.vocab["Paris"].shape_ = "other"
    docs = [Doc(other.vocab, words=["Paris", "sees"])]
    ours = model.predict([Doc(NLP.vocab, words=["Paris", "sees"])])[0].copy()
    assert not np.allclose(model.predict(docs)[0][0], ours[0])
    for some in (docs, DOCS, [*docs, *DOCS]):
        assert_present(model, some)


def test_vectors_of_the_vocabulary_may_change():
    nlp = spacy.blank("en")
    nlp.vocab.set_vector("Paris", np.ones(3, dtype="float32"))
    docs = [Doc(nlp.vocab, words=["Paris"])]
    fix_random_seed(0)
    model = build_word_types(MultiHashEmbed(8, ["NORM"], [200], include_static_vectors=True))
    model.initialize(X=docs)
    before = model.predict(docs)[0].copy()
    nlp.vocab.set_vector("Paris", -np.ones(3, dtype="float32"))
    assert not np.allclose(model.predict(docs)[0], before)


def test_no_more_is_kept_than_there_may_be(model, monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 5 * (4 * 14 + kept.BYTES_OF_WORD))
    for start in range(40):
        docs = [Doc(NLP.vocab, words=[f"word{i}" for i in range(start, start + 3)])]
        assert_present(model, docs)
        assert len(rows_kept(model)) <= 5
    assert_present(model)  # more words at once than are kept


def test_what_is_dropped_is_not_kept_by_what_stays(monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 100 * (800 + kept.BYTES_OF_WORD))
    rows, vocab = KeptRows(), NLP.vocab
    for start in range(0, 1000, 50):
        rows.look_up(vocab, [0, *range(start, start + 60)], lambda new: np.zeros((len(new), 100)))
    held = {
        id(array): array.nbytes for array in (row if row.base is None else row.base for row in rows.kept[1].values())
    }
    assert sum(held.values()) <= kept.MOST_BYTES


def test_what_is_found_while_all_is_forgotten_is_not_kept(monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 1)
    rows = KeptRows()

    def find(new):
        rows.forget()  # in another thread weights changed
        return np.ones((len(new), 1))

    rows.look_up(NLP.vocab, [1], find)
    assert rows.kept == (None, {})


def test_another_device_has_rows_of_its_own(model):
    model.predict(DOCS)
    model.shims[0].to_device("cpu", 0)
    assert rows_kept(model) == {}


def rows_kept(model):
    return model.shims[0].kept[1]


def test_nothing_is_saved_or_pickled(model):
    empty = model.to_bytes()
    model.predict(DOCS)
    assert model.to_bytes() == empty
    assert pickle.loads(pickle.dumps(model.shims[0])).kept == (None, {})


@pytest.mark.parametrize("most", [0, 100, 10_000])
def test_threads_look_up_at_once(monkeypatch, most):
    monkeypatch.setattr(kept, "MOST_BYTES", most * (8 + kept.BYTES_OF_WORD))
    rows, vocab = KeptRows(), NLP.vocab
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 500, size=size).astype("uint64") for size in rng.integers(1, 300, size=200)]

    def ask(words):
        found, types = of_word_types(vocab, words, lambda some: words[some][:, None] + np.uint64(1), rows)
        return (found if types is None else found[types])[:, 0]

    with ThreadPoolExecutor(4) as pool:
        for words, found in zip(batches, pool.map(ask, batches), strict=True):
            np.testing.assert_array_equal(found, words + np.uint64(1))
