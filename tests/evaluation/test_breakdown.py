"""Each slice is what spaCy's own scorer says of the corpus reduced to it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.scorer import PRFScore, Scorer, get_ner_prf
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_seqtag.evaluation import PARTS, BreakdownScorer, Seen

from .conftest import NLP, TAGS, TYPES, VOCAB, WORDS, difficult_examples, joined, sentences

LENGTHS = {
    "1-5": range(1, 6),
    "6-10": range(6, 11),
    "11-20": range(11, 21),
    "21-40": range(21, 41),
    "41+": range(41, 99),
}
PRF = ("ents_p", "ents_r", "ents_f")


@st.composite
def training_data(draw):
    words = frozenset(draw(st.sets(st.sampled_from(WORDS))))
    ambiguous = frozenset(word for word in words if draw(st.booleans()))
    entities = st.tuples(st.tuples(st.sampled_from(WORDS)), st.sampled_from(TYPES))
    return Seen(words, ambiguous, frozenset(draw(st.sets(entities))))


def without_entities(doc, keep):
    """A copy with only those entities that are to be kept; what is not annotated stays so."""
    copy = doc.copy()
    missing = [copy[token.i : token.i + 1] for token in doc if token.ent_iob == 0]
    kept = [span for span in copy.ents if keep(span)]
    copy.set_ents(kept, missing=missing, default="outside")
    return copy


def without_tags(doc, keep):
    copy = doc.copy()
    for token in copy:
        if not keep(token):
            token.tag_ = ""
    return copy


@settings(max_examples=30, deadline=None)
@given(difficult_examples())
def test_spacys_scores_are_not_changed(examples):
    scores = BreakdownScorer(NLP).score(examples)
    expected = Scorer(NLP).score(examples)
    assert {key: value for key, value in scores.items() if key not in PARTS} == expected
    by_component = BreakdownScorer(NLP).score(examples, per_component=True)
    assert by_component == Scorer(NLP).score(examples, per_component=True)


@settings(max_examples=30, deadline=None)
@given(sentences(), training_data())
def test_entities_seen_in_training(examples, seen):
    parts = BreakdownScorer(NLP, seen).score(examples).get("ents_by_training")
    for name in ("seen", "unseen") if parts is not None else ():

        def keep(span, name=name):
            words = tuple(token.text for token in span)
            return ((words, span.label_) in seen.entities) == (name == "seen")

        reduced = [
            Example(without_entities(eg.predicted, keep), without_entities(eg.reference, keep)) for eg in examples
        ]
        expected = get_ner_prf(reduced)
        assert [parts[name][key] for key in "prf"] == [expected[key] for key in PRF]
        assert parts[name]["entities"] == sum(len(eg.reference.ents) for eg in reduced)


@settings(max_examples=30, deadline=None)
@given(sentences(), training_data())
def test_words_seen_in_training(examples, seen):
    parts = BreakdownScorer(NLP, seen).score(examples).get("tag_acc_by_training")
    chosen = {
        "seen": lambda token: token.text in seen.words,
        "unseen": lambda token: token.text not in seen.words,
        "ambiguous": lambda token: token.text in seen.ambiguous,
    }
    for name, keep in chosen.items() if parts is not None else ():
        reduced = [Example(eg.predicted, without_tags(eg.reference, keep)) for eg in examples]
        assert parts[name]["acc"] == Scorer.score_token_attr(reduced, "tag")["tag_acc"]
        assert parts[name]["words"] == sum(bool(token.tag_) for eg in reduced for token in eg.reference)


@settings(max_examples=30, deadline=None)
@given(sentences())
def test_sentences(examples):
    parts = BreakdownScorer(NLP).score([joined(examples)]).get("by_sentence")
    if parts is None:
        return
    assert list(parts) == ["capitals", *LENGTHS]
    chosen = {name: [eg for eg in examples if len(eg.reference) in lengths] for name, lengths in LENGTHS.items()}
    assert sum(map(len, chosen.values())) == len(examples)
    chosen["capitals"] = [
        eg
        for eg in examples
        if not any(char.islower() for char in eg.reference.text)
        and any(len(token) > 1 and token.text.isalpha() for token in eg.reference)
    ]
    for name, its in chosen.items():
        assert parts[name]["sentences"] == len(its)
        assert parts[name]["words"] == sum(len(eg.reference) for eg in its)
        # An overall score is left out of all slices where the corpus has nothing of its kind.
        if "tag_acc" in parts[name]:
            assert parts[name]["tag_acc"] == Scorer.score_token_attr(its, "tag")["tag_acc"]
        if "ents_f" in parts[name]:
            expected = get_ner_prf(its)
            assert [parts[name][key] for key in PRF] == [expected[key] for key in PRF]
            assert parts[name]["entities"] == sum(len(eg.reference.ents) for eg in its)


@pytest.mark.parametrize(
    ("words", "capitals"),
    [
        ("LONDON 1996-08-30", True),
        ("U.S. 3 , EU 1", True),
        ("A B", False),
        ("I .", False),
        ("3 - 1", False),
        ("LONDON said", False),
        ("LONDON McDonald", False),
        ("ÅSA ÖBERG", True),
        ("東京 大阪", False),
    ],
)
def test_capitals(words, capitals):
    words = words.split()
    reference = Doc(VOCAB, words=words, tags=["NN"] * len(words), sent_starts=[True] + [False] * (len(words) - 1))
    predicted = Doc(VOCAB, words=words, tags=["NN"] * len(words))
    parts = BreakdownScorer(NLP).score([Example(predicted, reference)])["by_sentence"]
    assert parts["capitals"]["sentences"] == capitals


@settings(max_examples=30, deadline=None)
@given(sentences())
def test_confusion(examples):
    scores = BreakdownScorer(NLP).score(examples)
    for labels, confusion in ((TYPES, scores.get("ents_confusion")), (TAGS, scores.get("tag_confusion"))):
        if confusion is None:
            continue
        for label in labels:
            n = sum(sum(ent.label_ == label for ent in eg.reference.ents) for eg in examples)
            n += sum(sum(token.tag_ == label for token in eg.reference) for eg in examples)
            assert sum(confusion.get(label, {}).values()) == n
    if "tag_confusion" in scores:
        pairs = [
            (gold.tag_, ours.tag_) for eg in examples for gold, ours in zip(eg.reference, eg.predicted, strict=True)
        ]
        for gold, row in scores["tag_confusion"].items():
            assert all(pairs.count((gold, ours)) == n for ours, n in row.items())
    if "ents_confusion" in scores:
        errors = scores["ents_errors"]
        confusion = scores["ents_confusion"]
        assert errors["exact"] + errors["boundary"] == sum(row.get(label, 0) for label, row in confusion.items())
        assert errors["missed"] == sum(row.get("", 0) for row in confusion.values())
        assert errors["spurious"] == sum(confusion.get("", {}).values())


@settings(max_examples=30, deadline=None)
@given(difficult_examples())
def test_counts_of_documents_add_up(examples):
    scores = BreakdownScorer(NLP).score(examples)
    for metric, counts in scores["documents"].items():
        assert len(counts) == len(examples)
        tp, fp, fn = map(sum, zip(*counts, strict=True))
        assert PRFScore(tp=tp, fp=fp, fn=fn).fscore == scores[metric]


def test_training_data(tmp_path):
    docs = [
        Doc(VOCAB, words=["New", "York", "runs"], tags=["NNP", "NNP", "VBZ"], ents=["B-LOC", "I-LOC", "O"]),
        Doc(VOCAB, words=["runs", "york", "York"], tags=["NNS", "", ""], ents=["O", "O", "B-ORG"]),
    ]
    DocBin(docs=docs).to_disk(tmp_path / "train.spacy")
    seen = Seen.in_file(tmp_path / "train.spacy")
    assert seen.words == {"New", "York", "runs", "york"}
    assert seen.ambiguous == {"runs"}
    assert seen.entities == {(("New", "York"), "LOC"), (("York",), "ORG")}


def test_what_there_is_nothing_for_is_left_out():
    doc = Doc(VOCAB, words=["Anna", "sings"], tags=["NNP", "VBZ"])
    scores = BreakdownScorer(NLP).score([Example(doc, doc)])
    assert scores["ents_f"] is None
    assert not any(part.startswith("ents") for part in scores if part in PARTS)
    assert "by_sentence" not in scores
    assert scores["unsegmented"] == 1
    assert set(scores["documents"]) == {"tag_acc"}
    # Of one document there is nothing to resample.
    assert "tag_acc" not in scores["confidence"]
    assert BreakdownScorer(NLP).score([Example(doc, doc)] * 2)["confidence"]["tag_acc"] == [1.0, 1.0]
