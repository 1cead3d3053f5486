"""The log-linear tagger."""

from unittest.mock import patch

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.lookups import Lookups
from spacy.strings import hash_string
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Adam, fix_random_seed

from spacy_seqtag.models import memm
from spacy_seqtag.models.dictionary import TAG_TABLE
from spacy_seqtag.models.memm import build_memm, read_tags

N_CLASSES = 4


def make_vocab(counts=None):
    vocab = spacy.blank("en").vocab
    vocab.lookups = Lookups()
    vocab.lookups.add_table(TAG_TABLE, counts or {})
    return vocab


def initialized(vocab, **settings):
    model = build_memm(**settings)
    model.initialize(X=[Doc(vocab, words=["a"])], Y=[np.zeros((1, N_CLASSES), "float32")])
    return model


def with_random_weights(vocab, scale=1.0, **settings):
    model = initialized(vocab, **settings)
    W = np.random.default_rng(0).normal(size=model.get_param("W").shape, scale=scale).astype("float32")
    W[memm.DROPPED] = 0
    model.set_param("W", W)
    return model


def from_left_to_right(model, doc):
    """The scores of one word after the other, each with the best classes of those before it."""
    W = model.get_param("W")
    features = memm.extract(model, [doc])
    tags = np.zeros(features.rows.shape[1], dtype="int64")
    scores = []
    for word in range(len(tags)):
        last = memm.history_rows(model, features, tags, np.array([word]))
        sums = W[features.rows[:, word]].sum(axis=0) + W[last[:, 0]].sum(axis=0)
        scores.append(sums * model.attrs["learn_rate_scale"])
        tags[word] = scores[-1].argmax()
    return np.array(scores)


def test_words_of_several_vocabularies():
    vocab, other = make_vocab({"a": {"X": 3}}), make_vocab()
    other["b"].shape_ = "other"
    model = with_random_weights(vocab)
    docs = [Doc(vocab, words=["a", "b"]), Doc(other), Doc(other, words=["b", "a"])]
    alone = [model.predict([doc])[0] for doc in docs]
    for scores, expected in zip(model.predict(docs), alone, strict=True):
        np.testing.assert_allclose(scores, expected, atol=1e-5)
    same = model.predict([Doc(vocab, words=["b", "a"])])[0]
    assert not np.allclose(alone[2], same)


def test_the_tags_of_new_training_data_count():
    vocab = make_vocab({"a": {"X": 3}})
    model = with_random_weights(vocab)
    docs = [Doc(vocab, words=["a"])]
    before = memm.extract(model, docs).rows
    vocab.lookups.remove_table(TAG_TABLE)
    vocab.lookups.add_table(TAG_TABLE, {"a": {"Y": 3}})
    model.initialize(X=docs, Y=[np.zeros((1, N_CLASSES), "float32")])
    assert (memm.extract(model, docs).rows != before).any()


WORDS = st.lists(st.sampled_from(["a", "b", "A", "ab", "Abc", "12", "-"]), max_size=30)


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4), st.sampled_from([1, 2, 3, 7, 256]))
def test_all_words_at_once_are_tagged_as_from_left_to_right(texts, block):
    vocab = make_vocab({"a": {"X": 2}, "ab": {"X": 2, "Y": 2}})
    model = with_random_weights(vocab, rows=500, learn_rate_scale=2.0)
    docs = [Doc(vocab, words=words) for words in texts]
    with patch.object(memm, "BLOCK", block):
        predicted = model.predict(docs)
    for doc, found in zip(docs, predicted, strict=True):
        assert found.shape == (len(doc), N_CLASSES)
        if len(doc):
            np.testing.assert_allclose(found, from_left_to_right(model, doc), rtol=1e-4, atol=1e-4)


def test_what_the_window_does_not_show_is_learnt_from_the_last_tag():
    """The first word says which of two tags is first; they take turns to the end of the document. Of a long one, where
    each tag hangs on all before it, each is found soon enough."""
    fix_random_seed(0)
    vocab = make_vocab()
    model = initialized(vocab)

    def example(first, length):
        classes = [first] + [(first + i) % 2 for i in range(1, length)]
        return Doc(vocab, words=["odd" if first else "even"] + ["x"] * (length - 1)), classes

    examples = [example(first, 6) for first in (0, 1)]
    optimizer = Adam(0.02)
    for _ in range(200):
        scores, backprop = model.begin_update([doc for doc, _ in examples])
        gradient = []
        for of_doc, (_, classes) in zip(scores, examples, strict=True):
            probabilities = np.exp(of_doc - of_doc.max(axis=1, keepdims=True))
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            gradient.append((probabilities - np.eye(N_CLASSES, dtype="float32")[classes]) / 12)
        backprop(gradient)
        model.finish_update(optimizer)
    for first in (0, 1):
        doc, classes = example(first, 2000)
        with patch.object(memm, "history_rows", wraps=memm.history_rows) as decide:
            assert model.predict([doc])[0].argmax(axis=1).tolist() == classes
        decided = sum(len(call.args[-1]) for call in decide.call_args_list)
        assert decided < len(doc) * memm.BLOCK


def trained_on(vocab, examples):
    """A model that has learnt documents of one word with their classes."""
    fix_random_seed(0)
    model = initialized(vocab, dropout=0.0)
    docs = [Doc(vocab, words=[word]) for word, _ in examples]
    optimizer = Adam(0.05)
    for _ in range(30):
        scores, backprop = model.begin_update(docs)
        backprop([x - np.eye(N_CLASSES, dtype="float32")[[c]] for x, (_, c) in zip(scores, examples, strict=True)])
        model.finish_update(optimizer)
    return model


def test_the_last_characters_tell_of_new_words():
    vocab = make_vocab()
    model = trained_on(vocab, [("abcs", 1), ("defs", 1), ("ghis", 1), ("abcd", 2), ("defd", 2), ("ghid", 2)])
    docs = [Doc(vocab, words=[word]) for word in ("xuvs", "xuvd")]  # alike in the first character and in shape
    assert [x.argmax() for x in model.predict(docs)] == [1, 2]


def test_the_tags_that_the_training_data_has_of_a_word_tell_of_it():
    counts = {
        "abcx": {"A": 9},
        "abdx": {"A": 9},
        "abex": {"B": 9},
        "abfx": {"B": 9},
        "aqyx": {"A": 2},
        "bqyx": {"B": 2},
    }
    vocab = make_vocab(counts)
    model = trained_on(vocab, [("abcx", 1), ("abdx", 1), ("abex", 2), ("abfx", 2)])
    docs = [Doc(vocab, words=[word]) for word in ("aqyx", "bqyx")]
    assert [x.argmax() for x in model.predict(docs)] == [1, 2]


def test_the_gradient_is_that_of_the_scores():
    vocab = make_vocab({"a": {"X": 2}})
    model = with_random_weights(vocab, rows=200, dropout=0.0, learn_rate_scale=2.0)
    docs = [Doc(vocab, words=["a", "b", " ", "Ab"]), Doc(vocab), Doc(vocab, words=["b"])]
    rng = np.random.default_rng(1)
    scores, backprop = model.begin_update(docs)
    d_scores = [rng.normal(size=x.shape).astype("float32") for x in scores]
    backprop(d_scores)
    direction = rng.normal(size=(200, N_CLASSES)).astype("float32")
    direction[memm.DROPPED] = 0
    before = model.get_param("W").copy()
    ends = []
    for sign in (1, -1):  # so small a step that no tag changes, of a function that is linear between changes
        model.set_param("W", before + sign * 1e-3 * direction)
        ends.append(sum(float((d * y).sum()) for d, y in zip(d_scores, model.predict(docs), strict=True)))
    slope = float((model.get_grad("W") * direction).sum())
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-3, rel=1e-2)


def test_dropped_features_learn_nothing():
    fix_random_seed(0)
    model = with_random_weights(make_vocab(), dropout=0.5)
    docs = [Doc(make_vocab(), words=["a", "b", "c"] * 20)]
    scores, backprop = model.begin_update(docs)
    backprop([np.ones_like(x) for x in scores])
    gradient = model.get_grad("W").copy()
    assert not gradient[memm.DROPPED].any()
    model.attrs["dropout"] = 0.0
    _, backprop = model.begin_update(docs)
    backprop([np.ones_like(x) for x in scores])
    total = (model.get_grad("W") - gradient).sum()
    assert gradient.sum() == pytest.approx(total, rel=0.1)  # half of them, counted double


@settings(deadline=None)
@given(WORDS, st.data())
def test_whitespace_tokens_change_nothing(words, data):
    vocab = make_vocab()
    model = with_random_weights(vocab)
    expected = model.predict([Doc(vocab, words=words)])[0]
    spaced = list(words)
    for _ in range(data.draw(st.integers(1, 3))):
        spaced.insert(data.draw(st.integers(0, len(spaced))), data.draw(st.sampled_from([" ", "\n\n"])))
    found = model.predict([Doc(vocab, words=spaced)])[0]
    np.testing.assert_array_equal(found[[not word.isspace() for word in spaced]], expected)


def test_words_are_known_by_their_tags_where_they_have_been_seen_often_enough():
    counts = {"can": {"MD": 60, "NN": 40}, "will": {"NN": 30, "MD": 70, "FW": 4}, "may": {"MD": 5}, "rare": {"NN": 1}}
    vocab = make_vocab(counts)
    hashes, tags = read_tags(vocab)
    known = dict(zip(hashes.tolist(), tags.tolist(), strict=True))
    can, will, may = map(hash_string, ("can", "will", "may"))
    assert known.keys() == {can, will, may}
    assert known[can] == known[will] != known[may]


def test_without_a_tag_dictionary_the_error_shows_the_setting():
    with pytest.raises(ValueError, match=r"tag_dictionary\.json"):
        build_memm().initialize(X=[Doc(Vocab(), words=["a"])], Y=[np.zeros((1, 2), "float32")])


def test_the_first_step_is_as_much_larger_as_the_factor_says():
    docs = [Doc(make_vocab(), words=["a", "b"])]
    steps = []
    for scale in (1.0, 3.0):
        model = initialized(docs[0].vocab, dropout=0.0, learn_rate_scale=scale)
        scores, backprop = model.begin_update(docs)
        backprop([np.ones_like(x) for x in scores])
        model.finish_update(Adam(0.01))
        steps.append(model.predict(docs)[0])
    np.testing.assert_allclose(steps[1], 3 * steps[0], rtol=1e-3)


@pytest.mark.parametrize(
    ("setting", "value"), [("rows", 1), ("dropout", 1.0), ("dropout", -0.1), ("learn_rate_scale", 0.0)]
)
def test_a_setting_that_makes_no_model_is_refused(setting, value):
    with pytest.raises(ValueError, match=setting):
        build_memm(**{setting: value})


def test_it_can_grow_and_is_saved():
    vocab = make_vocab({"a": {"X": 3}})
    model = with_random_weights(vocab)
    docs = [Doc(vocab, words=["a", "b", "a"])]
    before = model.predict(docs)[0]
    assert model.attrs["resize_output"](model, N_CLASSES + 1) is model
    after = model.predict(docs)[0]
    assert after.shape == (3, N_CLASSES + 1)
    np.testing.assert_array_equal(after[0, :N_CLASSES], before[0])  # what is after a new tag is not known
    loaded = build_memm().from_bytes(model.to_bytes())
    np.testing.assert_array_equal(loaded.predict(docs)[0], after)
