"""Vectors of the same word elsewhere in the document, and of all of it."""

import numpy as np
import pytest
import spacy
from spacy.ml.models import MultiHashEmbed
from spacy.tokens import Doc
from thinc.api import chain, fix_random_seed

from spacy_seqtag.models.document import build_document_context
from spacy_seqtag.models.encoders import build_rnn
from spacy_seqtag.models.shim import module_shim

NLP = spacy.blank("en")
TEXTS = [["LEEDS", "beat", "Derby", ";", "Leeds", "rose", ";", "leeds"], [], ["Derby", "fell", "to", "Leeds"]]


@pytest.fixture
def docs():
    return [Doc(NLP.vocab, words=words) for words in TEXTS]


@pytest.fixture
def tok2vec(docs):
    fix_random_seed(0)
    # Smooth, so that finite differences are the gradient.
    encode = build_rnn(4, cell="rnn", bidirectional=False)
    layer = chain(MultiHashEmbed(6, ["ORTH"], [50], include_static_vectors=False), encode)
    layer.initialize(X=docs)
    return layer


def test_the_means_are_of_the_same_word_and_of_the_document(docs, tok2vec):
    model = build_document_context(tok2vec)
    model.initialize(X=docs)
    assert model.get_dim("nO") == 12
    for words, before, after in zip(TEXTS, tok2vec.predict(docs), model.predict(docs), strict=True):
        assert len(after) == len(words)
        for i, word in enumerate(words):
            same = [vector for other, vector in zip(words, before, strict=True) if other.lower() == word.lower()]
            np.testing.assert_allclose(after[i], [*before[i], *np.mean(same, axis=0), *before.mean(axis=0)], atol=1e-6)


def test_the_gradient_is_that_of_finite_differences(docs, tok2vec):
    model = build_document_context(tok2vec)
    model.initialize(X=docs)
    rng = np.random.default_rng(0)
    d_output = [rng.normal(size=(len(doc), 12)).astype("float32") for doc in docs]

    def projected():
        return sum(float((y * d).sum()) for y, d in zip(model.predict(docs), d_output, strict=True))

    _, backprop = model.begin_update(docs)
    backprop(d_output)
    bias = next(p for p in module_shim(tok2vec.layers[1].layers[0]).module.parameters() if p.dim() == 1)
    expected = []
    for i in range(len(bias)):
        values = []
        for step in (0.01, -0.01):
            bias.data[i] += step
            values.append(projected())
            bias.data[i] -= step
        expected.append((values[0] - values[1]) / 0.02)
    np.testing.assert_allclose(bias.grad, expected, rtol=1e-2, atol=1e-2)


def test_documents_do_not_change_each_other(docs, tok2vec):
    model = build_document_context(tok2vec)
    model.initialize(X=docs)
    together = model.predict(docs)
    for doc, vectors in zip(docs, together, strict=True):
        if len(doc):
            np.testing.assert_allclose(model.predict([doc])[0], vectors, atol=1e-6)
