"""Vectors computed where they are read: equal to those computed at once, and never all in memory."""

import copy
import itertools
import pickle
import tracemalloc
from unittest.mock import patch

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from thinc.api import Linear, Model, NumpyOps, with_array

from spacy_seqtag.models import batches
from spacy_seqtag.models.batches import MAX_PADDED_TOKENS, most_tokens
from spacy_seqtag.models.concatenate import build_concatenate
from spacy_seqtag.models.document import build_document_context
from spacy_seqtag.models.lazy import lazy, side_by_side, vectors_at
from spacy_seqtag.models.windows import with_tokens, with_windows

NLP = spacy.blank("en")
WORDS = ["one", "Two", "two", "three", "One", "four", "five"]
LENGTHS = (8 * MAX_PADDED_TOKENS, 5, 0, 40)
WIDTH = 16


@pytest.fixture(scope="module")
def docs():
    return [Doc(NLP.vocab, words=(WORDS * length)[:length]) for length in LENGTHS]


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, WIDTH)).astype("float32") for length in LENGTHS]


def given_vectors(vectors):
    """A layer that has the vectors of documents, as a listener has them."""
    return Model("given", lambda model, docs, is_train: (vectors, lambda d_output: docs), dims={"nO": WIDTH})


def peak_bytes(call):
    tracemalloc.start()
    result = call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, peak


@given(
    st.lists(st.integers(0, 9), max_size=6),
    st.tuples(st.integers(-12, 12), st.integers(-12, 12)),
    st.integers(3, 9),
    st.integers(0, 1),
    st.randoms(use_true_random=False),
)
def test_lazy_vectors_are_a_list_of_arrays_that_is_read_in_parts(lengths, bounds, size, context, random):
    rng = np.random.default_rng(0)
    own = [rng.normal(size=(length, 2)).astype("float32") for length in lengths]
    types = rng.normal(size=(4, 3)).astype("float32")
    index = rng.integers(0, 4, size=sum(lengths), dtype="int32")
    expected = [np.hstack(pair) for pair in zip(own, batches.by_document(types[index], lengths), strict=True)]
    ops = NumpyOps()
    vectors = side_by_side(ops, [lazy(ops, own), vectors_at(ops, types, index, lengths)])
    assert len(vectors) == len(lengths)
    for some in (
        vectors,
        vectors.copy(),
        vectors + list(vectors[:0]),
        [*reversed(vectors)][::-1],
        map(vectors.__getitem__, range(len(own))),
    ):
        for array, whole in zip(some, expected, strict=True):
            assert array.shape == whole.shape
            np.testing.assert_array_equal(array, whole)
    part = slice(*bounds)
    for array, whole in zip(vectors[part], expected[part], strict=True):
        np.testing.assert_array_equal(array, whole)
    windows = batches.cut_windows(lengths, size=size, context=context)
    some = random.sample(range(len(windows.start)), len(windows.start) // 2)
    first = batches.first_tokens(lengths)
    places = [batches.padded(batches.Windows(*(x[some] for x in windows)), first)] if some else []
    stretch = sorted(random.choices(range(sum(lengths) + 1), k=2))
    places.append(batches.consecutive(first, lengths, *stretch))
    for place in places:
        with patch.object(NumpyOps, "alloc2f", lambda ops, *shape, zeros: np.full(shape, np.nan, "float32")):
            read = vectors.read(place)
        assert np.isfinite(read).all()
        for sequence, start, end, row in place.parts():
            np.testing.assert_array_equal(read[row : row + end - start], expected[sequence][start:end])
    assert len(read) == stretch[1] - stretch[0]
    np.testing.assert_array_equal(read, np.concatenate([*expected, np.zeros((0, vectors.width))])[slice(*stretch)])


def test_lazy_vectors_cannot_be_changed_unnoticed(vectors):
    layer = lazy(NumpyOps(), vectors[1:])
    lists = [*layer]
    for change in (
        lambda: layer.__setitem__(0, vectors[1]),
        lambda: layer.append(vectors[1]),
        lambda: layer.pop(),
        layer.reverse,
        lambda: layer * 2,
    ):
        with pytest.raises(TypeError, match="make a list"):
            change()
    for copied in (pickle.loads(pickle.dumps(layer)), list(layer[:0]) + layer, copy.deepcopy(layer)):
        for array, expected in zip(copied, lists, strict=True):
            np.testing.assert_array_equal(array, expected)


def test_documents_with_vectors_of_different_widths(vectors):
    model = with_windows(Model("encode", None, dims={"nI": WIDTH, "nO": WIDTH}), size=8, context=1)
    with pytest.raises(ValueError, match=f"1 dimensions, those of others {WIDTH}"):
        model.predict([vectors[1], vectors[3][:, :1]])


@pytest.mark.parametrize("n_docs", [1, 2])
@pytest.mark.parametrize(
    "change", [lambda x: x.astype("float64"), lambda x: x[::-1], lambda x: read_only(x), lambda x: x]
)
def test_any_arrays_are_read_as_layers_want_them(vectors, n_docs, change):
    X = [change(x) for x in vectors[1::2][:n_docs]]
    seen = []

    def forward(model, batch, is_train):
        Xp = batch[0] if isinstance(batch, tuple) else batch
        seen.append(Xp)
        return Xp[..., ::-1], lambda dY: dY

    for layer in (with_windows, with_tokens):
        settings = {"size": 64, "context": 1} if layer is with_windows else {}
        model = layer(Model("turn", forward, dims={"nI": WIDTH, "nO": WIDTH}), **settings)
        for y, x in zip(model.predict(X), X, strict=True):
            np.testing.assert_array_equal(y, x[:, ::-1])
            assert layer is with_tokens or y.flags.c_contiguous
    assert all(x.dtype == "float32" and x.flags.carray for x in seen)


def read_only(x):
    x = x.copy()
    x.setflags(write=False)
    return x


def test_layers_with_vectors_of_different_documents(vectors):
    with pytest.raises(ValueError, match="of 45, 5 tokens"):
        side_by_side(NumpyOps(), [lazy(NumpyOps(), vectors[1:]), lazy(NumpyOps(), vectors[1:2])])


@given(st.lists(st.integers(0, 30), max_size=6), st.integers(1, 20))
def test_the_parts_are_all_tokens_in_their_order(lengths, most):
    types = np.arange(sum(lengths), dtype="float32")[:, None]
    vectors = vectors_at(NumpyOps(), types, np.arange(len(types)), lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "MAX_PADDED_TOKENS", most)
        parts = [(list(range(sum(lengths)))[tokens], part[:, 0].tolist()) for tokens, part in vectors.parts()]
    assert [token for tokens, _ in parts for token in tokens] == list(range(sum(lengths)))
    assert all(tokens == part and 0 < len(part) <= most for tokens, part in parts)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=5), st.permutations(range(5)), st.sampled_from(range(5)))
def test_vectors_that_stand_one_below_the_other_are_not_copied(lengths, order, kind):
    whole = np.random.default_rng(0).normal(size=(30, 4)).astype("float32")
    bounds = np.cumsum([2, *lengths])
    rows = [whole[start:end] for start, end in itertools.pairwise(bounds)]
    vectors = [
        rows,
        [rows[i] for i in order if i < len(rows)],
        [x.copy() for x in rows],
        [whole[:, 1:3][start:end] for start, end in itertools.pairwise(bounds)],
        [x[::-1] for x in rows],
    ][kind]
    read = [part for _, part in lazy(NumpyOps(), vectors).parts()]
    if sum(lengths):
        np.testing.assert_array_equal(np.concatenate(read), np.concatenate(vectors))
    if kind == 0:
        assert all(np.shares_memory(part, whole) for part in read)


@pytest.mark.parametrize("is_computed", [True, False])
def test_parts_are_no_larger_than_a_layer_is_given(is_computed):
    whole = np.arange(3 * 9000 * 256, dtype="float32").reshape(-1, 256).copy()
    documents = [whole[start:end] for start, end in itertools.pairwise([0, 9000, 9000, 9003, 27000])]
    vectors = lazy(NumpyOps(), documents if is_computed else [x.copy() for x in documents])
    assert (vectors.computed is not None) == is_computed
    parts = list(vectors.parts())
    assert all(0 < len(part) <= most_tokens(whole.shape[1]) for _, part in parts)
    for tokens, part in parts:
        np.testing.assert_array_equal(part, whole[tokens])
    np.testing.assert_array_equal(np.concatenate([np.arange(len(whole))[tokens] for tokens, _ in parts]), range(27000))


def test_the_same_is_predicted_lazily_and_trained_with(docs, vectors):
    inner = build_concatenate(given_vectors(vectors), given_vectors([-x for x in vectors]))
    for model in (inner, build_document_context(given_vectors(vectors)), build_document_context(inner)):
        model.initialize(X=docs)
        trained, _ = model.begin_update(docs)
        for predicted, expected in zip(model.predict(docs), trained, strict=True):
            np.testing.assert_array_equal(predicted, expected)


@pytest.mark.parametrize("build", [lambda v: build_concatenate(v, v), build_document_context])
def test_the_vectors_of_a_document_are_never_all_in_memory(docs, vectors, build):
    embed = build(given_vectors(vectors))
    embed.initialize(X=docs)
    model = with_tokens(Linear(4, embed.get_dim("nO")))
    model.initialize()
    _, peak = peak_bytes(lambda: model.predict(embed.predict(docs)))
    _, whole = peak_bytes(lambda: embed.begin_update(docs))
    size = embed.get_dim("nO") // WIDTH * vectors[0].nbytes
    assert peak < size / 2  # a part, its copy and the classes
    assert whole > size


@pytest.mark.parametrize("chosen", [slice(None), slice(1, None), slice(2, 3)])
def test_tokens_one_by_one_are_as_with_array(vectors, chosen):
    X = vectors[chosen]
    expected, model = with_array(Linear(4, WIDTH)), with_tokens(Linear(4, WIDTH))
    for layer in (expected, model):
        layer.initialize(X=X)
    model.from_bytes(expected.to_bytes())
    for read in (X, lazy(NumpyOps(), X)):
        for one, other in zip(model.predict(read), expected.predict(X), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    dY = [np.ones((len(x), 4), dtype="float32") for x in X]
    for one, other in zip(model.begin_update(X)[1](dY), expected.begin_update(X)[1](dY), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_a_document_keeps_is_an_array(docs, vectors):
    nlp = spacy.blank("en")
    tok2vec = nlp.add_pipe("tok2vec")
    tok2vec.model = build_concatenate(given_vectors(vectors[1:2]))
    doc = tok2vec(docs[1].copy())
    assert type(doc.tensor) is np.ndarray
    np.testing.assert_array_equal(Doc(NLP.vocab).from_bytes(doc.to_bytes()).tensor, vectors[1])


def test_a_layer_that_wants_another_width(vectors):
    model = with_windows(Model("encode", None, dims={"nI": WIDTH, "nO": WIDTH}), size=8, context=1)
    with pytest.raises(ValueError, match=f"{2 * WIDTH} dimensions"):
        model.predict(side_by_side(NumpyOps(), [lazy(NumpyOps(), vectors[1:2])] * 2))
