"""Embeddings of word types: what the embedding says of each token, from one vector for each distinct word."""

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.ml.models import MultiHashEmbed
from spacy.tokens import Doc
from thinc.api import fix_random_seed

from spacy_seqtag.models import kept
from spacy_seqtag.models.characters import build_char_cnn
from spacy_seqtag.models.concatenate import build_concatenate
from spacy_seqtag.models.lazy import LazyVectors
from spacy_seqtag.models.word_types import build_word_types

NLP = spacy.blank("en")
NLP.vocab.set_vector("Paris", np.arange(3, dtype="float32"))
# Its tokenizer sets the norms of these: "ca" is "can", "n't" is "not".
DOCS = [NLP("I can't say Paris, Paris \n\n I can!"), NLP(""), NLP("ca n't")]
DOCS.append(Doc(NLP.vocab, words=["ca", "n't"]))


def embedding(**settings):
    fix_random_seed(0)
    model = build_concatenate(
        MultiHashEmbed(8, ["NORM", "SHAPE", "LENGTH"], [200, 20, 20], include_static_vectors=True),
        build_char_cnn(width=6),
        **settings,
    )
    model.initialize(X=DOCS)
    return model


EMBED = embedding()


@pytest.fixture(autouse=True, scope="module")
def few_are_many():
    """Have the distinct words of small batches found as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "FEW", 0)
        yield


def seen_by(model, docs):
    """The documents that a layer is given while a model predicts, and what the model says."""
    (inner,), seen = model.layers, []
    forward = inner._func
    inner._func = lambda m, X, is_train: (seen.extend(X), forward(m, X, is_train))[1]
    try:
        return seen, model.predict(docs)
    finally:
        inner._func = forward


def test_each_word_is_embedded_once():
    model = build_word_types(EMBED)
    seen, vectors = seen_by(model, DOCS)
    (words,) = [[(token.text, token.norm_) for token in doc] for doc in seen]
    assert sorted(words) == sorted({(token.text, token.norm_) for doc in DOCS for token in doc})
    assert {("ca", "can"), ("ca", "ca")} <= set(words)
    for array, expected in zip(vectors, EMBED.predict(DOCS), strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-5)


@given(st.lists(st.lists(st.text(min_size=1, max_size=3), max_size=8), min_size=1, max_size=4))
def test_the_vectors_are_those_of_the_embedding(words):
    docs = [Doc(NLP.vocab, words=of_doc) for of_doc in words]
    for array, expected in zip(build_word_types(EMBED).predict(docs), EMBED.predict(docs), strict=True):
        assert array.shape == expected.shape
        np.testing.assert_allclose(array, expected, atol=1e-5)


def test_the_vectors_of_a_long_document_are_not_all_in_memory():
    vectors = build_word_types(EMBED).predict([Doc(NLP.vocab, words=["one", "two"] * 1000)])
    assert isinstance(vectors, LazyVectors)
    assert (vectors.lengths, vectors.width) == ([2000], 14)
    (rows,) = vectors
    np.testing.assert_array_equal(rows[3:5], rows[1:3])
    assert not np.allclose(rows[0:1], rows[1:2])


def test_training_is_that_of_the_embedding():
    rng = np.random.default_rng(0)
    d_vectors = [rng.normal(size=(len(doc), 14)).astype("float32") for doc in DOCS]
    results = []
    for wrap in (build_word_types, lambda embed: embed):
        model = wrap(embedding(dropout=0.5))
        model.initialize(X=DOCS)
        fix_random_seed(1)
        vectors, backprop = model.begin_update(DOCS)
        backprop(d_vectors)
        gradients = [node.get_grad(name) for node in model.walk() for name in node.grad_names]
        results.append((vectors, gradients))
    assert len(results[0][1]) == len(results[1][1]) > 3
    for one, other in zip(*results, strict=True):
        for array, expected in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("docs", [[], [Doc(NLP.vocab)]])
def test_without_a_token(docs):
    model = build_word_types(embedding())
    model.initialize(X=DOCS)
    assert [vectors.shape for vectors in model.predict(docs)] == [(0, 14)] * len(docs)


def test_documents_of_other_vocabularies():
    other = spacy.blank("en")
    docs = [*DOCS, other("Blorptown can't")]
    for array, expected in zip(build_word_types(EMBED).predict(docs), EMBED.predict(docs), strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-5)


@pytest.mark.parametrize("attribute", ["SPACY", "TAG", "POS", "ENT_TYPE"])
def test_what_differs_between_tokens_of_a_word_is_refused(attribute):
    embed = MultiHashEmbed(8, ["NORM", attribute], [20, 20], include_static_vectors=False)
    with pytest.raises(ValueError, match=attribute):
        build_word_types(embed)
    build_word_types(MultiHashEmbed(8, ["ORTH", "IS_TITLE", "LIKE_NUM"], [20, 20, 20], include_static_vectors=False))
