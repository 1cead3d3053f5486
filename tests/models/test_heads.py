"""Scores for classes: with a linear layer, and without."""

import numpy as np
import pytest
from thinc.api import Linear, with_array

from spacy_seqtag.models.encoders import build_rnn, build_transformer
from spacy_seqtag.models.heads import build_direct_head, build_linear_head

X = [np.ones((3, 5), dtype="float32"), np.zeros((2, 5), dtype="float32")]
Y = [np.zeros((3, 9), dtype="float32"), np.zeros((2, 9), dtype="float32")]


def test_a_linear_head_can_grow():
    model = build_linear_head(build_rnn(6))
    model.initialize(X=X, Y=Y)
    before = model.predict(X)
    model.attrs["resize_output"](model, 11)
    after = model.predict(X)
    assert after[0].shape == (3, 11)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new[:, :9], old, atol=1e-6)
    loaded = build_linear_head(build_rnn(6)).from_bytes(model.to_bytes())
    np.testing.assert_array_equal(loaded.predict(X)[0], after[0])


@pytest.mark.parametrize("encode", [lambda: build_rnn(bidirectional=False, cell="rnn"), build_transformer])
def test_the_width_of_a_direct_head_is_the_number_of_classes(encode):
    model = build_direct_head(with_array(Linear()), encode())
    model.initialize(X=X, Y=Y)
    assert [scores.shape for scores in model.predict(X)] == [(3, 9), (2, 9)]
    assert model.get_ref("embed").get_dim("nO") == model.get_ref("output_layer").get_dim("nO") == 9


def test_heads_must_divide_the_number_of_classes():
    model = build_direct_head(with_array(Linear()), build_transformer(n_heads=2))
    with pytest.raises(ValueError, match=r"9 allows \[1, 3, 9\]"):
        model.initialize(X=X, Y=Y)
