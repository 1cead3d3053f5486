"""What an update changes, and what it leaves alone."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam

from spacy_seqtag.models.types import ChainScores, Transitions

from .toy import (
    PIPES,
    PREFIXES,
    TEXTS,
    annotations,
    changed,
    gradients,
    initialize,
    make_example,
    make_nlp,
    toy_examples,
    train,
    update,
    weights,
)

FULL = "Anna|NNP|B-PER Lee|NNP|I-PER visits|VBZ|O Rome|NNP|B-LOC .|.|O"
PARTIAL = "Anna|NNP|B-PER Lee||I-PER visits|VBZ| Rome|| .|.|O"
MISSING = "Anna|| Lee|| visits|| Rome|| .||"
# Heads that look at each token on its own, and that look at a document as a whole.
INDEPENDENT, CRF = (
    pytest.mark.parametrize("kind", kinds, indirect=True, scope="session")
    for kinds in (["shared", "own"], ["shared crf", "own crf"])
)


def assert_equal_gradients(one, other, scale=1.0):
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_allclose(one[key], scale * other[key], atol=1e-6, rtol=1e-4)


@pytest.fixture
def untrained(kind):
    return initialize(make_nlp(kind))


@INDEPENDENT
@pytest.mark.parametrize("line", [FULL, PARTIAL])
def test_loss_is_the_mean_cross_entropy_of_the_annotated_tokens(trained, name, line):
    pipe = trained.get_pipe(name)
    examples = [make_example(trained, line), make_example(trained, MISSING), make_example(trained, line)]
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=(5, len(pipe.classes))).astype("float32") for _ in examples]
    loss, d_scores = pipe.get_loss(examples, scores)

    gold = [token.split("|")[1 if name == "tagger" else 2] for token in line.split()]
    losses, expected = [], [np.zeros_like(s) for s in scores]
    for i in (0, 2):
        for t, label in enumerate(gold):
            if label:
                p = np.exp(scores[i][t]) / np.exp(scores[i][t]).sum()
                losses.append(-np.log(p[pipe.classes.index(label)]))
                expected[i][t] = p - (np.arange(len(p)) == pipe.classes.index(label))
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
    for found, wanted in zip(d_scores, expected, strict=True):
        np.testing.assert_allclose(found, wanted / len(losses), atol=1e-6)


@INDEPENDENT
def test_tokens_without_annotation_count_as_if_removed(trained, name):
    pipe = trained.get_pipe(name)
    scores = np.random.default_rng(0).normal(size=(5, len(pipe.classes))).astype("float32")
    partial = make_example(trained, "Anna|NNP|B-PER Lee|NNP|I-PER visits|| Rome|| .|.|O")
    removed = make_example(trained, "Anna|NNP|B-PER Lee|NNP|I-PER .|.|O")
    kept = [0, 1, 4]
    loss, (d_scores,) = pipe.get_loss([partial], [scores])
    expected_loss, (expected,) = pipe.get_loss([removed], [scores[kept]])
    assert loss == pytest.approx(expected_loss)
    np.testing.assert_allclose(d_scores[kept], expected, rtol=1e-6)
    assert not d_scores[[2, 3]].any()


ANNOTATED = [
    # Words, tags, entities in IOB2 and as classes of BILOU; an underscore is missing annotation.
    ("Anna Lee visits", "NNP NNP VBZ", "B-PER I-PER O", "B-PER L-PER O"),
    ("Anna Lee Acme", "_ NNP _", "B-PER _ B-ORG", "U-PER _ U-ORG"),
    ("Tom Lee in", "_ _ _", "_ _ _", "_ _ _"),
    ("", "", "", ""),
    ("visits New York", "VBZ _ NNP", "_ _ O", "_ _ O"),
    ("Rome", "NNP", "B-LOC", "U-LOC"),
]


def valid_paths(pipe, length):
    """All sequences of classes that may be predicted."""

    def may_follow(before, after):
        if before[:2] in ("B-", "I-") and (after[:2] in ("I-", "L-")):
            return before[2:] == after[2:]
        opened = before[:2] in ("B-", "I-") and any(c.startswith("L-") for c in pipe.classes)
        return not opened and after[:2] not in ("I-", "L-")

    paths = []
    for path in product(range(len(pipe.classes)), repeat=length):
        tags = ["O", *(pipe.classes[c] for c in path), "O"]
        if pipe.name == "tagger" or all(may_follow(*pair) for pair in pairwise(tags)):
            paths.append(path)
    return torch.tensor(paths)


@CRF
@pytest.mark.parametrize("batch", [[0], [1], [4], [0, 1, 2, 3, 4, 5]])
def test_loss_of_a_crf_is_the_share_of_the_valid_sequences_that_agree_with_the_annotation(trained, kind, name, batch):
    pipe = trained.get_pipe(name)
    examples, gold = [], []
    for i in batch:
        words, *annotation = (column.split() for column in ANNOTATED[i])
        tags, ents, bilou = ([label.strip("_") for label in column] for column in annotation)
        doc = Doc(trained.vocab, words=words, tags=tags, ents=ents)
        examples.append(Example(Doc(trained.vocab, words=words), doc))
        gold.append(tags if name == "tagger" else bilou if "L" in PREFIXES[kind] else ents)
    rng, n = np.random.default_rng(0), len(pipe.classes)
    tokens = [rng.normal(size=(len(eg.x), n)).astype("float32") for eg in examples]
    transitions = Transitions(*(rng.normal(size=shape).astype("float32") for shape in ((n, n), n, n)))
    loss, (d_tokens, d_transitions) = pipe.get_loss(examples, ChainScores(tokens, transitions))

    leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (*tokens, *transitions)]
    *token_leaves, between, start, end = leaves
    expected = torch.zeros(())
    for scores, labels in zip(token_leaves, gold, strict=True):
        if labels:
            paths = valid_paths(pipe, len(labels))
            totals = start[paths[:, 0]] + end[paths[:, -1]] + between[paths[:, :-1], paths[:, 1:]].sum(dim=1)
            totals = totals + scores[torch.arange(len(labels)), paths].sum(dim=1)
            agrees = torch.tensor(
                [all(not gold or pipe.classes[c] == gold for c, gold in zip(p, labels, strict=True)) for p in paths]
            )
            expected = expected + totals.logsumexp(0) - totals[agrees].logsumexp(0)
    expected = expected / sum(bool(label) for labels in gold for label in labels)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    gradients = torch.autograd.grad(expected, leaves, allow_unused=True)
    for found, wanted in zip((*d_tokens, *d_transitions), gradients, strict=True):
        np.testing.assert_allclose(found, 0 if wanted is None else wanted, atol=1e-6)
    for i, d in zip(batch, d_tokens, strict=True):
        if i == 2:  # Not annotated.
            assert not d.any()


# An "x" is what the tag before it says or where there is none, and the last "y" is another than those before.
CHAINED = """
mr|A|B-PER x|AX|I-PER x|AX|I-PER
in|B|B-LOC x|BX|I-LOC
the|C|O x|CX|O x|CX|O x|CX|O x|CX|O
mr|A|B-PER the|C|O x|CX|O
mr|A|B-PER the|C|O
in|B|B-LOC the|C|O
in|B|B-LOC
x|SX|O x|SX|O
y|YM|O y|YM|O y|YE|O
y|YE|O
"""


@pytest.mark.parametrize("kind", ["own", "own crf", "shared crf"])
def test_only_a_crf_learns_what_only_the_tag_before_tells(kind):
    nlp = initialize(make_nlp(kind, encoder="MLP"), CHAINED)
    train(nlp, toy_examples(nlp, CHAINED), steps=100)
    scores = nlp.evaluate(toy_examples(nlp, CHAINED))
    if kind.endswith("crf"):
        assert scores["tag_acc"] == scores["ents_f"] == 1.0
    else:
        assert 0.5 < scores["tag_acc"] < 0.9
        assert 0.5 < scores["ents_f"] < 0.9


@pytest.mark.parametrize(
    ("lines", "same_as"),
    [
        pytest.param([FULL, FULL], [FULL], id="twice the same"),
        pytest.param([FULL, MISSING], [FULL], id="one without annotation"),
        pytest.param([PARTIAL] * 3, [PARTIAL], id="partial annotation"),
    ],
)
def test_batch_composition_does_not_change_the_step(untrained, lines, same_as):
    losses, found = gradients(untrained, [make_example(untrained, line) for line in lines])
    expected_losses, expected = gradients(untrained, [make_example(untrained, line) for line in same_as])
    for name in ("tagger", "ner"):
        assert losses[name] == pytest.approx(expected_losses[name], rel=1e-5)
    assert_equal_gradients(found, expected)
    assert any(gradient.any() for gradient in expected.values())


def test_empty_docs_in_a_batch_do_not_count(untrained):
    empty = Example(untrained.make_doc(""), untrained.make_doc(""))
    losses, found = gradients(untrained, [empty, make_example(untrained, FULL), empty])
    expected_losses, expected = gradients(untrained, [make_example(untrained, FULL)])
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    assert_equal_gradients(found, expected)
    assert untrained.update([empty])["ner"] == 0.0


@pytest.mark.parametrize("line", [MISSING, "\u00a0|_SP| \u2003|_SP|"])
def test_a_batch_without_annotation_changes_nothing(nlp, kind, line):
    before = {name: weights(nlp, name) for name in PIPES[kind]}
    optimizer = Adam(0.1, L2=0)
    losses = update(nlp, [make_example(nlp, line)] * 2, optimizer)
    assert set(losses.values()) == {0.0}
    assert not any(changed(nlp, name, before[name]) for name in before)
    # Nor does it leave anything behind that breaks the next step.
    assert np.isfinite(list(update(nlp, toy_examples(nlp), optimizer).values())).all()
    assert all(changed(nlp, name, before[name]) for name in before)


def test_gold_tokens_that_do_not_align_are_missing_annotation(trained, kind):
    gold = Doc(trained.vocab, words=["In", "NewYork"], tags=["IN", "NNP"], ents=["O", "B-LOC"])
    eg = Example(Doc(trained.vocab, words=["In", "New", "York"], spaces=[True, False, False]), gold)
    tagger, ner = trained.get_pipe("tagger"), trained.get_pipe("ner")
    assert [tagger.classes[c] for c in tagger.gold_classes(eg)] == ["IN", "NNP", "NNP"]
    assert [ner.classes[c] for c in ner.gold_classes(eg)] == [
        "O",
        "B-LOC",
        "L-LOC" if "L" in PREFIXES[kind] else "I-LOC",
    ]
    eg = Example(Doc(trained.vocab, words=["InNewYork"]), gold)
    assert tagger.gold_classes(eg).tolist() == ner.gold_classes(eg).tolist() == [-100]


def test_frozen_components_do_not_change(nlp, kind, name):
    frozen = [pipe for pipe in PIPES[kind] if pipe != name]
    before = {pipe: weights(nlp, pipe) for pipe in PIPES[kind]}
    annotating = [pipe for pipe in PIPES[kind] if pipe == "tok2vec"]
    nlp.update(toy_examples(nlp), sgd=Adam(0.1), exclude=frozen, annotates=annotating)
    assert [pipe for pipe in PIPES[kind] if changed(nlp, pipe, before[pipe])] == [name]


class Onlooker:
    """A component that notes the annotation on the documents of an update."""

    def __call__(self, doc):
        return doc

    def update(self, examples, *, losses, **kwargs):
        self.seen = annotations(eg.predicted for eg in examples)


Language.factory("toy_onlooker", func=lambda nlp, name: Onlooker())


@pytest.mark.parametrize("frozen", [False, True])
def test_annotating_components_annotate_the_examples(nlp, kind, frozen):
    onlooker = nlp.add_pipe("toy_onlooker")
    before = weights(nlp, "ner")
    examples = toy_examples(nlp)
    nlp.update(examples, sgd=Adam(0.0001), annotates=PIPES[kind], exclude=PIPES[kind] if frozen else [])
    assert onlooker.seen == annotations(eg.reference for eg in examples)
    assert changed(nlp, "ner", before) is not frozen
    nlp.update(examples, sgd=Adam(0.0001))
    assert {annotation for doc in onlooker.seen for annotation in doc} == {("", "", "")}


def test_training_resumes_from_the_weights(nlp, untrained):
    optimizer = nlp.resume_training()
    expected = annotations(eg.reference for eg in toy_examples(nlp))
    assert annotations(nlp.pipe(TEXTS)) == expected
    losses = nlp.update(toy_examples(nlp), sgd=optimizer)
    fresh = untrained.update(toy_examples(untrained))
    for name in ("tagger", "ner"):
        assert losses[name] < 0.1 < 1 < fresh[name]
    train(nlp, [*toy_examples(nlp), make_example(nlp, "Eve|NNP|B-PER hired|VBD|O Bob|NNP|B-PER .|.|O")])
    assert [ent.text for ent in nlp("Eve hired Bob .").ents] == ["Eve", "Bob"]
    assert annotations(nlp.pipe(TEXTS)) == expected


def arrays(scores):
    """The scores of either head, transitions included."""
    return [*scores.tokens, *scores.transitions] if isinstance(scores, ChainScores) else scores


def test_averaged_parameters_are_used_and_taken_back(kind, untrained):
    nlp = untrained
    optimizer = Adam(0.02, use_averages=True)
    for _ in range(10):
        update(nlp, toy_examples(nlp), optimizer)
    docs = list(nlp.pipe(TEXTS))
    last = {name: weights(nlp, name) for name in PIPES[kind]}
    last_scores = {name: arrays(nlp.get_pipe(name).model.predict(docs)) for name in ("tagger", "ner")}
    with nlp.use_params(optimizer.averages):
        averaged = {name: weights(nlp, name) for name in PIPES[kind]}
        assert all(changed(nlp, name, last[name]) for name in PIPES[kind])
        saved = make_nlp(kind).from_bytes(nlp.to_bytes())
        docs = list(nlp.pipe(TEXTS))
        for name, scores in last_scores.items():
            for average, score in zip(arrays(nlp.get_pipe(name).model.predict(docs)), scores, strict=True):
                assert not np.allclose(average, score)
    assert not any(changed(nlp, name, last[name]) for name in PIPES[kind])
    assert not any(changed(saved, name, averaged[name]) for name in PIPES[kind])
    expected = [array for name in PIPES[kind] for array in averaged[name]]
    assert len(expected) == len(optimizer.averages)
    for array in expected:
        assert any(np.array_equal(array, average) for average in optimizer.averages.values())


def test_updates_leave_parameters_where_they_are_in_memory(nlp, kind):
    def pointers():
        return [
            parameter.data_ptr()
            for name in PIPES[kind]
            for node in nlp.get_pipe(name).model.walk()
            for shim in node.shims
            for parameter in shim._model.parameters()
        ]

    before = pointers()
    train(nlp, toy_examples(nlp), steps=3)
    assert pointers() == before


def test_a_loss_that_is_no_number_is_an_error(trained, name):
    pipe = trained.get_pipe(name)
    scores = np.full((5, len(pipe.classes)), np.nan, dtype="float32")
    with pytest.raises(ValueError, match=f"the loss of '{name}' is nan: try a lower learn_rate"):
        pipe.get_loss([make_example(trained, FULL)], [scores])


@CRF
def test_a_loss_of_a_crf_that_is_no_number_is_an_error(trained, name):
    pipe = trained.get_pipe(name)
    scores = pipe.model.predict([make_example(trained, FULL).x])
    scores = scores._replace(transitions=Transitions(*(t + np.nan for t in scores.transitions)))
    with pytest.raises(ValueError, match=f"the loss of '{name}' is nan: try a lower learn_rate"):
        pipe.get_loss([make_example(trained, FULL)], scores)
