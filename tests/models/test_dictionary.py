"""The dictionary and the embedding that looks words up in it."""

import numpy as np
import pytest
import srsly
from hypothesis import given
from hypothesis import strategies as st
from spacy.lookups import Lookups
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Adam

from spacy_seqtag.models.dictionary import TABLE, build_dictionary_embed, look_up, read_dictionary
from spacy_seqtag.models.pytorch import PAD, UNK
from spacy_seqtag.models.shim import module_shim


def embed(counts, **settings):
    vocab = Vocab()
    vocab.lookups = Lookups()
    vocab.lookups.add_table(TABLE, counts)
    model = build_dictionary_embed(4, **settings)
    model.initialize(X=[Doc(vocab, words=["a"])])
    return model, vocab


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 50), min_size=1), st.lists(st.text(min_size=1), min_size=1))
def test_rows_follow_the_dictionary(counts, others):
    model, vocab = embed(counts)
    rows = {word: row for row, word in enumerate(counts, 2)}
    words = [*counts, *others]
    found, unk_prob = look_up(model, [Doc(vocab, words=words[:1]), Doc(vocab), Doc(vocab, words=words[1:])])
    assert found.tolist() == [rows.get(word, UNK) for word in words]
    expected = [0.25 / (0.25 + counts[word]) if word in counts else 0 for word in words]
    np.testing.assert_allclose(unk_prob, expected, rtol=1e-6)


def test_unknown_words_share_a_trained_vector():
    model, vocab = embed({"rare": 1, "common": 1000}, unk_alpha=1.0)
    weights = module_shim(model.layers[0]).module.embedding.weight
    before = weights.detach().clone()
    docs = [Doc(vocab, words=["rare", "common"] * 10)]
    Y, backprop = model.begin_update(docs)
    backprop([np.ones_like(y) for y in Y])
    model.finish_update(Adam(0.1))
    assert not (weights[UNK] == before[UNK]).any()
    assert (weights[PAD] == 0).all()
    unknown = model.predict([Doc(vocab, words=["new", "newer"])])[0]
    np.testing.assert_array_equal(unknown, weights.detach().numpy()[[UNK, UNK]])


def test_the_dictionary_is_saved_with_the_layer():
    model, _ = embed({"a": 3, "b": 1})
    loaded = build_dictionary_embed(4).from_bytes(model.to_bytes())
    docs = [Doc(Vocab(), words=["b", "c", "a"])]
    np.testing.assert_array_equal(loaded.predict(docs)[0], model.predict(docs)[0])


def test_without_a_dictionary_the_error_shows_the_setting():
    with pytest.raises(ValueError, match=r"\[initialize.lookups\]"):
        build_dictionary_embed(4).initialize(X=[Doc(Vocab(), words=["a"])])


@pytest.mark.parametrize("content", [None, ["a"], {"a": "1"}, {"a": 0}])
def test_files_that_are_no_dictionary(tmp_path, content):
    path = tmp_path / "dictionary.json"
    if content is not None:
        srsly.write_json(path, content)
    with pytest.raises(ValueError, match=r"dictionary\.json"):
        read_dictionary(path)
    srsly.write_json(tmp_path / "words.json", {"a": 1})
    with pytest.raises(ValueError, match=r"dictionary\.json"):
        read_dictionary(tmp_path / "words.json", tags=path)


def test_a_tag_dictionary_needs_counts_of_tags(tmp_path):
    for name, content in (("words.json", {"a": 1}), ("tags.json", {"a": {"NN": "1"}})):
        srsly.write_json(tmp_path / name, content)
    with pytest.raises(ValueError, match=r"tags\.json"):
        read_dictionary(tmp_path / "words.json", tags=tmp_path / "tags.json")


@pytest.mark.parametrize("content", [b'{"a":', b"", b'{"\xff": 1}'])
def test_a_broken_dictionary_is_named(tmp_path, content):
    path = tmp_path / "dictionary.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"dictionary\.json is no JSON .*convert"):
        read_dictionary(path)
