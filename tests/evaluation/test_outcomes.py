"""Outcomes add up to the scores of spaCy and of seqeval, and each error is of one kind."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2
from spacy.scorer import PRFScore, Scorer, get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example

from spacy_seqtag.evaluation import KINDS, Outcome, Span, entity_outcomes, tag_outcomes

from .conftest import VOCAB, difficult_examples, iob2


def scores(outcomes):
    """The overall score and that by label."""
    total, by_label = PRFScore(), defaultdict(PRFScore)
    for gold, predicted in outcomes:
        for score in (total, by_label[(gold or predicted).label]):
            score.tp += gold == predicted
        if gold != predicted:
            for span, counted in ((gold, "fn"), (predicted, "fp")):
                for score in (total, by_label[span.label]) if span else ():
                    setattr(score, counted, getattr(score, counted) + 1)
    return total, by_label


@settings(deadline=None)
@given(difficult_examples())
def test_entities_are_counted_as_by_spacy(examples):
    total, by_label = scores(outcome for example in examples for outcome in entity_outcomes(example))
    spacys = get_ner_prf(examples)
    if spacys["ents_f"] is None:
        assert len(total) == 0
        return
    assert {f"ents_{key}": value for key, value in total.to_dict().items()} == {
        key: spacys[key] for key in ("ents_p", "ents_r", "ents_f")
    }
    # spaCy also names types whose predictions all lie where annotation is missing.
    scored = {label: value for label, value in spacys["ents_per_type"].items() if label in by_label}
    assert {label: score.to_dict() for label, score in by_label.items()} == scored
    assert all(not any(spacys["ents_per_type"][label].values()) for label in set(spacys["ents_per_type"]) - set(scored))


@settings(deadline=None)
@given(difficult_examples())
def test_tags_are_counted_as_by_spacy(examples):
    total, _ = scores(outcome for example in examples for outcome in tag_outcomes(example))
    spacys = Scorer.score_token_attr(examples, "tag")["tag_acc"]
    assert (total.fscore if len(total) else None) == spacys


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@settings(deadline=None)
@given(st.data())
def test_spacys_entity_scores_are_seqevals(data):
    lengths = data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))
    gold = [data.draw(iob2(n)) for n in lengths]
    predicted = [data.draw(iob2(n)) for n in lengths]
    if not any(tag != "O" for tags in (*gold, *predicted) for tag in tags):
        return
    examples = [
        Example(*(Doc(VOCAB, words=["x"] * len(tags), ents=tags) for tags in (ours, theirs)))
        for ours, theirs in zip(predicted, gold, strict=True)
    ]
    total, by_label = scores(outcome for example in examples for outcome in entity_outcomes(example))
    p, r, f, _ = precision_recall_fscore_support(gold, predicted, average="micro", scheme=IOB2)
    assert total.to_dict() == {"p": p, "r": r, "f": f}
    assert f == f1_score(gold, predicted, mode="strict", scheme=IOB2)
    each = precision_recall_fscore_support(gold, predicted, average=None, scheme=IOB2)
    for label, *values in zip(sorted(by_label), *each[:3], strict=True):
        assert by_label[label].to_dict() == dict(zip("prf", values, strict=True))


@settings(deadline=None)
@given(difficult_examples())
def test_each_entity_is_in_one_outcome(examples):
    for example in examples:
        outcomes = entity_outcomes(example)
        gold = Counter(outcome.gold for outcome in outcomes if outcome.gold)
        assert gold == Counter(Span(e.label_, e.start, e.end) for e in example.reference.ents)
        kinds = Counter(outcome.kind for outcome in outcomes)
        assert set(kinds) <= set(KINDS)
        total, _ = scores(outcomes)
        assert kinds["exact"] == total.tp
        mistaken = kinds["boundary"] + kinds["type"] + kinds["both"]
        assert mistaken + kinds["missed"] == total.fn
        assert mistaken + kinds["spurious"] == total.fp


@pytest.mark.parametrize(
    ("gold", "predicted", "kinds"),
    [
        ("B-PER I-PER O", "B-PER I-PER O", ["exact"]),
        ("B-PER I-PER O", "B-PER O O", ["boundary"]),
        ("B-PER I-PER O", "B-LOC I-LOC O", ["type"]),
        ("B-PER I-PER O", "O B-LOC O", ["both"]),
        ("B-PER I-PER O", "O O O", ["missed"]),
        ("O O O", "O B-LOC O", ["spurious"]),
        ("B-PER O B-LOC", "B-LOC O O", ["type", "missed"]),
        # In two parts: the larger is its partner, at a tie the one with its type, then the left one.
        ("B-PER I-PER I-PER", "B-PER B-LOC I-LOC", ["both", "spurious"]),
        ("B-PER I-PER O", "B-LOC B-PER O", ["boundary", "spurious"]),
        ("B-PER B-PER O", "B-PER I-PER O", ["boundary", "missed"]),
    ],
)
def test_kinds(gold, predicted, kinds):
    docs = [Doc(VOCAB, words=["x"] * 3, ents=tags.split()) for tags in (predicted, gold)]
    assert [outcome.kind for outcome in entity_outcomes(Example(*docs))] == kinds


def test_the_left_one_of_two_equals():
    docs = [Doc(VOCAB, words=["x"] * 4, ents=tags.split()) for tags in ("B-PER B-PER O O", "B-PER I-PER O O")]
    assert entity_outcomes(Example(*docs)) == [
        Outcome(Span("PER", 0, 2), Span("PER", 0, 1)),
        Outcome(None, Span("PER", 1, 2)),
    ]
