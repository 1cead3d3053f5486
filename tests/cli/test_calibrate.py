"""`calibrate` end to end: what it prints and saves, and that it changes no annotation."""

import json

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_seqtag.cli import app

from ..pipeline.toy import TEXTS, annotations, initialize, make_nlp, toy_examples, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate")
    nlp = initialize(make_nlp("shared"))
    train(nlp, toy_examples(nlp), steps=15)
    nlp.to_disk(folder / "pipeline")
    (folder / "corpus").mkdir()
    DocBin(docs=[example.reference for example in toy_examples(nlp)]).to_disk(folder / "corpus" / "dev.spacy")
    spacy.blank("en").to_disk(folder / "blank")
    return folder


def calibrate(*arguments):
    return CliRunner().invoke(app, ["calibrate", *map(str, arguments)])


def test_temperatures_are_fitted_and_saved(folder):
    done = calibrate(folder / "pipeline", folder / "corpus", folder / "out")
    assert done.exit_code == 0, done.output
    rows = [line.split("|")[1:-1] for line in done.output.splitlines() if line.startswith("| `")]
    assert [row[0].strip() for row in rows] == ["`tagger`", "`ner`"]
    before, after = spacy.load(folder / "pipeline"), spacy.load(folder / "out")
    for row in rows:
        name = row[0].strip(" `")
        saved = json.loads((folder / "out" / name / "cfg").read_text())["temperature"]
        assert float(row[1]) == pytest.approx(saved, abs=0.005)
        assert before.get_pipe(name).cfg["temperature"] == 1.0 != saved
    assert annotations(after.pipe(TEXTS)) == annotations(before.pipe(TEXTS))
    assert int(rows[0][2]) == sum(len(example.reference) for example in toy_examples(before))


def test_a_component_without_gold_annotation_is_left_as_it_is(folder):
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=["Anna", "lives"], tags=["NNP", "VBZ"])]
    DocBin(docs=docs).to_disk(folder / "tags.spacy")
    done = calibrate(folder / "pipeline", folder / "tags.spacy", folder / "tags")
    assert done.exit_code == 0, done.output
    assert "ner is left as it is" in " ".join(done.output.split())
    saved = spacy.load(folder / "tags")
    assert saved.get_pipe("ner").cfg["temperature"] == 1.0 != saved.get_pipe("tagger").cfg["temperature"]


@pytest.mark.parametrize(
    ("pipeline", "corpus", "message"),
    [
        ("pipeline", "no-corpus", "no-corpus has no dev.spacy"),
        ("no-pipeline", "corpus", "no-pipeline"),
        ("blank", "corpus", "has no seqtag_tagger or seqtag_ner that can be calibrated"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(folder, pipeline, corpus, message):
    done = calibrate(folder / pipeline, folder / corpus, folder / "nothing")
    assert done.exit_code == 1
    assert message in " ".join(done.output.split())
    assert not (folder / "nothing").exists()
