"""Corpora as users have them are trained on, or an error says what is missing."""

import math

import pytest
import spacy
from spacy.training import Corpus
from thinc.api import Adam
from typer.testing import CliRunner

from spacy_seqtag.cli import app
from spacy_seqtag.models.encoders import WINDOW

from ..conftest import ROOT
from ..pipeline.toy import MODELS, annotations, initialize, make_example, make_nlp, toy_examples, train, update

LSTM = ROOT / "configs" / "lstm.cfg"
TRAIN = """
Anna NNP O B-PER
visits VBZ O O
Rome NNP O B-LOC

books NNS O O
are VBP O O
old JJ O O
"""


def trained_on(tmp_path, train_text, dev_text, *settings):
    """Convert a corpus and train on it for a few steps."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.txt").write_text(train_text, encoding="utf8")
    (tmp_path / "source" / "valid.txt").write_text(dev_text, encoding="utf8")
    result = CliRunner().invoke(app, ["convert", str(tmp_path / "source"), str(tmp_path / "corpus")])
    assert result.exit_code == 0, result.output
    quick = ["--training.max_steps", "3", "--training.eval_frequency", "1", *settings]
    return CliRunner().invoke(
        app, ["train", str(LSTM), str(tmp_path / "out"), "--corpus", str(tmp_path / "corpus"), *quick]
    )


def test_a_label_only_in_dev_counts_as_missed(tmp_path):
    result = trained_on(tmp_path, TRAIN, TRAIN + "\nAcme NNPX O B-ORG\nvisits VBZ O O\n")
    assert result.exit_code == 0, result.output
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert "NNPX" not in nlp.get_pipe("tagger").labels
    assert "ORG" not in nlp.get_pipe("ner").labels
    scores = nlp.evaluate(list(Corpus(tmp_path / "corpus" / "dev.spacy")(nlp)))
    assert scores["tag_acc"] < 1
    assert scores["ents_per_type"]["ORG"]["r"] == 0


@pytest.mark.parametrize(
    ("column", "left", "missing"), [(1, ["tok2vec", "ner"], "tagger"), (3, ["tok2vec", "tagger"], "ner")]
)
def test_a_corpus_with_one_kind_of_annotation_trains_one_component(tmp_path, column, left, missing):
    lines = [line.split() for line in TRAIN.splitlines()]
    if column == 1:
        text = "\n".join(" ".join(line[:1] + line[3:]) for line in lines)
    else:
        text = "\n".join(" ".join([*line[:3], "O"] if line else []) for line in lines)
    result = trained_on(tmp_path, text, text)
    assert result.exit_code == 0, result.output
    assert f"Training only {', '.join(left)}" in " ".join(result.output.split())
    assert spacy.load(tmp_path / "out" / "model-best").pipe_names == left


def test_batches_of_one_sentence(tmp_path):
    result = trained_on(
        tmp_path, TRAIN, TRAIN, "--training.batcher.size.start", "1", "--training.batcher.size.stop", "1"
    )
    assert result.exit_code == 0, result.output
    spacy.load(tmp_path / "out" / "model-best")


def test_a_corpus_of_one_token(tmp_path):
    result = trained_on(tmp_path, "Anna NNP O B-PER\n", "Anna NNP O B-PER\n")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("kind", MODELS)
def test_a_sentence_longer_than_the_window_is_learnt(kind):
    sentence = "Anna|NNP|B-PER Lee|NNP|I-PER visits|VBZ|O Rome|NNP|B-LOC"
    line = " ".join([sentence] * (3 * WINDOW // 4 + 1))
    nlp = initialize(make_nlp(kind), line)
    train(nlp, toy_examples(nlp, line), steps=15)
    (example,) = toy_examples(nlp, line)
    assert len(example.reference) > 2 * WINDOW
    doc = example.predicted
    for _, pipe in nlp.pipeline:
        doc = pipe(doc)
    assert annotations([doc]) == annotations([example.reference])


@pytest.mark.parametrize("kind", MODELS)
def test_batches_of_odd_sizes_are_steps_like_any(kind):
    nlp = initialize(make_nlp(kind))
    optimizer = Adam(0.01)
    batches = [
        ["Anna|NNP|B-PER"],
        ["Anna|NNP|B-PER"] * 3,
        ["Anna|NNP|B-PER " * 200 + "visits|VBZ|O", "Rome|NNP|B-LOC"],
    ]
    for lines in batches:
        losses = update(nlp, [make_example(nlp, line) for line in lines], optimizer)
        assert all(math.isfinite(loss) for loss in losses.values())
