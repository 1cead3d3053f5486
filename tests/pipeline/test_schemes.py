"""Label schemes, and that what is predicted is always valid in the component's."""

import re
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from spacy.tokens import Doc, Span
from spacy.training import biluo_to_iob, iob_to_biluo, offsets_to_biluo_tags
from spacy.training.iob_utils import tags_to_entities
from spacy.util import filter_spans

from spacy_seqtag.models.batches import by_document
from spacy_seqtag.models.types import Transitions
from spacy_seqtag.pipeline.chains import Chains
from spacy_seqtag.pipeline.schemes import OUTSIDE, SCHEMES
from spacy_seqtag.pipeline.viterbi import viterbi

from .toy import scoring

TYPES = ("LOC", "PER")
CLASSES = {
    "IOB2": ("O", "B-LOC", "I-LOC", "B-PER", "I-PER"),
    "BILOU": ("O", "B-LOC", "I-LOC", "L-LOC", "U-LOC", "B-PER", "I-PER", "L-PER", "U-PER"),
}
NLP = spacy.blank("en")


def one_of_each_type(pattern):
    return "|".join(pattern.replace("X", type_) for type_ in TYPES)


# The schemes in words, of tags with a blank after each.
VALID = {
    "IOB2": re.compile(f"(O |{one_of_each_type('B-X (I-X )*')})*"),
    "BILOU": re.compile(f"(O |{one_of_each_type('U-X |B-X (I-X )*L-X ')})*"),
}


@pytest.fixture(scope="module", params=SCHEMES)
def scheme(request):
    return request.param


@pytest.fixture(scope="module")
def ner(scheme):
    component = NLP.add_pipe("seqtag_ner", name=f"ner_{scheme}", config={"scheme": scheme})
    for label in TYPES:
        component.add_label(label)
    return component


@cache
def valid_sequences(scheme, length):
    paths = product(range(len(CLASSES[scheme])), repeat=length)
    return [path for path in paths if VALID[scheme].fullmatch("".join(CLASSES[scheme][c] + " " for c in path))]


def total(path, scores, transitions):
    if not len(path):
        return 0.0
    steps = scores[np.arange(len(path)), path].sum() + sum(transitions.between[pair] for pair in pairwise(path))
    return steps + transitions.start[path[0]] + transitions.end[path[-1]]


def decode(ner, scores, transitions=None):
    """The path of each document of words with these scores."""
    ner.model = scoring(scores, transitions)
    docs = [Doc(NLP.vocab, words=["a"] * len(doc_scores)) for doc_scores in scores]
    return by_document(ner.predict(docs).classes, map(len, docs))


def test_classes(scheme):
    assert SCHEMES[scheme].classes(TYPES) == CLASSES[scheme]
    assert CLASSES[scheme][OUTSIDE] == "O"
    assert SCHEMES[scheme].classes([]) == ("O",)


def test_the_scheme_is_a_setting_of_the_component(ner, scheme):
    assert ner.classes == CLASSES[scheme]
    assert spacy.blank("en").add_pipe("seqtag_ner").scheme == SCHEMES["IOB2"]
    with pytest.raises(ConfigValidationError, match="scheme"):
        spacy.blank("en").add_pipe("seqtag_ner", config={"scheme": "IOB1"})


@st.composite
def documents(draw):
    """Words, types of entities, and entities that do not overlap, some of them adjacent."""
    words = draw(st.lists(st.sampled_from(["a", "Bc", ",", "Ünd", "\n"]), max_size=10))
    types = draw(st.lists(st.sampled_from(["LOC", "PER", "B-LOC", "O", "e e"]), min_size=1, unique=True))
    bounds = sorted(draw(st.sets(st.integers(0, len(words)))))
    spans = [(start, end, draw(st.sampled_from(types))) for start, end in pairwise(bounds) if draw(st.booleans())]
    return words, types, spans


@given(documents())
def test_annotation_becomes_classes_and_entities_again(scheme, document):
    words, types, spans = document
    doc = Doc(NLP.vocab, words=words)
    offsets = [(doc[start].idx, doc[end - 1].idx + len(doc[end - 1]), type_) for start, end, type_ in spans]
    tags = offsets_to_biluo_tags(doc, offsets)
    encode = SCHEMES[scheme].encode(types)
    path = np.asarray([encode[tag] for tag in tags], dtype="int64")
    classes = SCHEMES[scheme].classes(types)
    assert [classes[c] for c in path] == (tags if scheme == "BILOU" else biluo_to_iob(tags))
    starts, ends, found = SCHEMES[scheme].entities(path)
    assert [*zip(starts, ends, (types[i] for i in found), strict=True)] == spans
    assert total(path, np.zeros((len(path), len(classes))), SCHEMES[scheme].constraints(len(types))) == 0


@pytest.mark.parametrize("length", range(5))
def test_the_constraints_allow_what_is_valid_and_nothing_else(scheme, length):
    constraints = SCHEMES[scheme].constraints(len(TYPES))
    zeros = np.zeros((length, len(CLASSES[scheme])))
    paths = product(range(len(CLASSES[scheme])), repeat=length)
    totals = {path: total(path, zeros, constraints) for path in paths}
    assert [path for path, score in totals.items() if score == 0] == valid_sequences(scheme, length)
    assert set(totals.values()) <= {0, -np.inf}


@pytest.mark.parametrize("length", range(5))
def test_entities_are_those_that_spacy_reads(scheme, length):
    for path in valid_sequences(scheme, length):
        tags = [CLASSES[scheme][c] for c in path]
        biluo = tags if scheme == "BILOU" else iob_to_biluo(tags)
        expected = [(start, end + 1, TYPES.index(label)) for label, start, end in tags_to_entities(biluo)]
        assert [*zip(*SCHEMES[scheme].entities(np.asarray(path, dtype="int64")), strict=True)] == expected


@st.composite
def scored(draw, n_classes, elements, max_length):
    """Scores of a batch from either head."""
    shapes = draw(st.lists(st.integers(0, max_length).map(lambda length: (length, n_classes)), max_size=3))
    scores = [draw(arrays("float32", shape, elements=elements)) for shape in shapes]
    shapes = ((n_classes, n_classes), n_classes, n_classes)
    transitions = Transitions(*(draw(arrays("float32", shape, elements=elements)) for shape in shapes))
    return scores, draw(st.sampled_from([None, transitions]))


@given(data=st.data())
def test_the_best_valid_sequence_is_decoded(ner, scheme, data):
    n_classes = len(CLASSES[scheme])
    scores, transitions = data.draw(scored(n_classes, st.integers(-9, 9), max_length=3))
    decoded = decode(ner, scores, transitions)
    zero = Transitions(np.zeros((n_classes, n_classes)), np.zeros(n_classes), np.zeros(n_classes))
    assert len(decoded) == len(scores)
    for path, doc_scores in zip(decoded, scores, strict=True):
        candidates = valid_sequences(scheme, len(doc_scores))
        assert tuple(path) in candidates
        best = max(total(candidate, doc_scores, transitions or zero) for candidate in candidates)
        assert total(path, doc_scores, transitions or zero) == best


@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    favourite=st.sampled_from(["nothing", "O", "I", "all that continue"]),
)
def test_without_preferences_as_by_viterbi(scheme, lengths, seed, favourite):
    n, constraints = len(CLASSES[scheme]), SCHEMES[scheme].constraints(len(TYPES))
    scores = np.random.default_rng(seed).integers(-9, 9, size=(sum(lengths), n)).astype("float32")
    liked = {"nothing": "", "O": "O", "I": "I", "all that continue": "IL"}[favourite]
    scores[:, [tag[0] in liked for tag in CLASSES[scheme]]] += 9
    found = Chains(scores, lengths, constraints).decode()
    best = viterbi(scores, lengths, constraints)
    ends = np.cumsum(lengths)
    for path, expected, s in zip(*(np.split(x, ends) for x in (found, best, scores)), strict=True):
        assert total(path, s, constraints) == total(expected, s, constraints) > -np.inf


def test_each_valid_sequence_can_be_decoded(ner, scheme):
    paths = [np.asarray(path) for path in valid_sequences(scheme, 4)]
    scores = [np.eye(len(CLASSES[scheme]), dtype="float32")[path] for path in paths]
    np.testing.assert_array_equal(decode(ner, scores), paths)


TEXT = st.text(st.one_of(st.sampled_from(" \n\t\u00a0Aab.,'-"), st.characters(exclude_categories=["Cs"])), max_size=40)


@given(text=TEXT, data=st.data())
def test_any_scores_make_entities_that_spacy_takes(ner, scheme, text, data):
    doc = NLP.make_doc(text)
    token = st.integers(0, max(0, len(doc) - 1))
    bounds = data.draw(st.lists(st.tuples(token, token), max_size=2)) if len(doc) else []
    label = data.draw(st.sampled_from(["OLD", "PER"]))
    present = filter_spans([Span(doc, start, end + 1, label=label) for start, end in bounds if start <= end])
    doc.ents = present
    n_classes = len(CLASSES[scheme])
    seed, scale = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.sampled_from([0, 1, 100]))
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=scale, size=(len(doc), n_classes)).astype("float32")
    shapes = ((n_classes, n_classes), n_classes, n_classes)
    transitions = Transitions(*(rng.normal(scale=scale, size=shape).astype("float32") for shape in shapes))
    ner.model = scoring([scores], data.draw(st.sampled_from([None, transitions])))
    ner(doc)
    assert set(present) <= set(doc.ents)
    for ent in doc.ents:
        if ent not in present:
            assert not ent[0].is_space
            assert not ent[-1].is_space
    assert all(token.ent_iob_ for token in doc)
    tags = [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]
    for before, tag in pairwise(["O", *tags]):
        assert tag[0] != "I" or (before[0] in "BI" and before[1:] == tag[1:])


def path_of(scheme, ents, length):
    """The classes of some entities, O elsewhere."""
    path = [0] * length
    for start, end, label in ents:
        tags = ["U"] if end - start == 1 else ["B", *"I" * (end - start - 2), "L"]
        if scheme == "IOB2":
            tags = ["B" if tag == "U" else "I" if tag == "L" else tag for tag in tags]
        path[start:end] = [CLASSES[scheme].index(f"{tag}-{label}") if label in TYPES else 0 for tag in tags]
    return path


@given(data=st.data())
def test_around_a_present_entity_the_rest_is_the_best_sequence(ner, scheme, data):
    length, n = 4, len(CLASSES[scheme])
    start = data.draw(st.integers(0, length - 1))
    present = (start, data.draw(st.integers(start + 1, length)), data.draw(st.sampled_from([*TYPES, "OLD"])))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(-9, 9, size=(length, n)).astype("float32")
    transitions = data.draw(st.sampled_from([None, rng.integers(-9, 9, size=(n * n + 2 * n)).astype("float32")]))
    doc = Doc(NLP.vocab, words=["a"] * length)
    doc.ents = [Span(doc, *present[:2], label=present[2])]
    zeros = np.zeros(n * n + 2 * n) if transitions is None else transitions
    shaped = Transitions(zeros[: n * n].reshape(n, n), zeros[n * n : n * n + n], zeros[n * n + n :])
    ner.model = scoring([scores], None if transitions is None else shaped)
    fixed = path_of(scheme, [present], length)[present[0] : present[1]]
    goes_on = [i for i, tag in enumerate(CLASSES[scheme]) if tag[0] in "IL"]
    candidates = [
        path
        for path in valid_sequences(scheme, length)
        if list(path[present[0] : present[1]]) == fixed and (present[1] == length or path[present[1]] not in goes_on)
    ]
    best = max(total(path, scores, shaped) for path in candidates)
    ner(doc)
    ents = [(ent.start, ent.end, ent.label_) for ent in doc.ents]
    assert present in ents
    path = tuple(path_of(scheme, ents, length))
    assert path in candidates
    assert total(path, scores, shaped) == best
