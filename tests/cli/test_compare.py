"""`compare` trains what is not trained yet, and writes the tables."""

import numpy as np
import pytest
import srsly
from spacy.cli.init_config import init_config
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.util import load_config, load_model_from_config
from typer.testing import CliRunner

from spacy_seqtag.cli import app
from spacy_seqtag.cli.compare import BASELINES, differences, differences_table
from spacy_seqtag.evaluation import randomization_test

from ..conftest import ROOT

TEXT = "Anna NNP O B-PER\nsings VBZ O O\n\nRome NNP O B-LOC\nsleeps VBZ O O\n"


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "source").mkdir()
    for name in ("train.txt", "valid.txt"):
        (tmp_path / "source" / name).write_text(TEXT, encoding="utf8")
    assert CliRunner().invoke(app, ["convert", str(tmp_path / "source"), str(tmp_path / "corpus")]).exit_code == 0
    return tmp_path / "corpus"


@pytest.fixture
def configs(tmp_path):
    (tmp_path / "configs").mkdir()
    quick = (ROOT / "configs" / "mlp.cfg").read_text(encoding="utf8").replace("max_steps = 1400", "max_steps = 1")
    (tmp_path / "configs" / "mlp.cfg").write_text(quick, encoding="utf8")
    (tmp_path / "configs" / "broken.cfg").write_text(quick.replace("MLP.v1", "MPL.v1"), encoding="utf8")
    return tmp_path / "configs"


def test_a_table_of_what_could_be_trained(corpus, configs, tmp_path):
    out = tmp_path / "training"
    command = ["compare", str(corpus), str(out), "--configs", str(configs)]
    result = CliRunner().invoke(app, [*command, "--systems", "broken,mlp"])
    assert result.exit_code == 1
    assert "Training failed: broken" in result.output
    results = srsly.read_json(out / "compare.json")
    assert results["corpus"].endswith("dev.spacy")
    assert set(results["systems"]) == {"mlp"}
    assert results["systems"]["mlp"]["speed"] > 0
    assert results["systems"]["mlp"]["megabytes"] > 0.1
    header, _, row = (out / "compare.md").read_text(encoding="utf8").split("\n\n")[0].splitlines()
    cells = table_row(header, row)
    assert cells["system"] == "`mlp`"
    assert cells["NER F1"] == f"{100 * results['systems']['mlp']['ents_f']:.2f}"
    assert cells["tag accuracy"] == f"{100 * results['systems']['mlp']['tag_acc']:.2f}"
    assert {"LOC", "PER", "words/s", "training min", "MB"} <= set(cells)
    by_training = results["systems"]["mlp"]["tag_acc_by_training"]
    assert by_training["seen"]["words"] == 4
    # The corpus has no word that is not in its training data.
    assert by_training["unseen"] == {"acc": None, "words": 0}
    assert cells["tag accuracy unseen"] == ""
    assert results["differences"]["tag_acc"] == {"best": "mlp", "differences": {"mlp": {}}}

    measured = srsly.read_json(out / "mlp" / "compare.json")
    assert len(measured.pop("documents")["tag_acc"]) == 1
    assert measured == results["systems"]["mlp"]

    # What is trained already is only measured.
    trained = (out / "mlp" / "training.json").stat().st_mtime_ns
    assert CliRunner().invoke(app, [*command, "--systems", "mlp"]).exit_code == 0
    assert (out / "mlp" / "training.json").stat().st_mtime_ns == trained


def test_a_system_without_config(corpus, configs, tmp_path):
    out = tmp_path / "training"
    command = ["compare", str(corpus), str(out), "--configs", str(configs), "--systems", "mlp,mpl"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "mpl" in result.output
    assert not out.exists()


def table_row(header, row):
    """The cells of a row of a Markdown table; of columns of one name the first."""
    cells = zip(header.split("|"), row.split("|"), strict=True)
    return {name.strip(): cell.strip() for name, cell in reversed([*cells])}


def test_differences():
    rng = np.random.default_rng(0)
    results = {}
    for name, accuracy in (("poor", 0.6), ("good", 0.9), ("best", 0.91)):
        correct = rng.binomial(50, accuracy, size=80)
        counts = np.stack([correct, 50 - correct, 50 - correct], axis=1)
        results[name] = {"ents_f": correct.sum() / 4000, "documents": {"ents_f": counts.tolist()}}
    results["poor"] |= {"tag_acc": 0.5, "documents": {**results["poor"]["documents"], "tag_acc": [[1, 1, 1]] * 80}}
    compared = differences(results)
    assert compared["tag_acc"] == {"best": "poor", "differences": {"poor": {}}}
    assert compared["ents_f"]["best"] == "best"
    above = compared["ents_f"]["differences"]
    for one in results:
        assert set(above[one]) == set(results) - {one}
        for other, found in above[one].items():
            assert found["difference"] == pytest.approx(results[one]["ents_f"] - results[other]["ents_f"])
            ours, theirs = (np.array(results[system]["documents"]["ents_f"]) for system in (one, other))
            assert found["p"] == randomization_test(ours, theirs)
    assert above["poor"]["best"]["p"] < 0.001 < above["best"]["good"]["p"]
    header, _, *rows = differences_table(list(results), compared).split("\n\n")[1].splitlines()
    poor, good, best = (table_row(header, row) for row in rows)
    assert poor["NER F1"] == f"{100 * above['poor']['best']['difference']:.2f}"
    assert poor["p"] == "0.0001"
    assert (best["NER F1"], best["p"]) == ("best", "")
    assert (poor["tag accuracy"], good["tag accuracy"], best["tag accuracy"]) == ("best", "", "")


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_train_on_a_converted_corpus(name, corpus, tiny_bert):
    config = load_config(ROOT / "configs" / f"{name}.cfg", overrides={"paths.corpus": str(corpus)})
    if "transformer" in config["paths"]:
        config["paths"]["transformer"] = str(tiny_bert)
    nlp = init_nlp(config)
    assert nlp.get_pipe("tagger").labels == ("NNP", "VBZ")
    assert set(nlp.get_pipe("ner").labels) == {"LOC", "PER"}
    losses = nlp.update(list(Corpus(corpus / "train.spacy")(nlp)))
    assert losses["tagger"] > 0
    assert losses["ner"] > 0


def filled_in(name):
    """What spaCy makes of a config."""
    config = load_model_from_config(load_config(ROOT / "configs" / f"{name}.cfg"), auto_fill=True).config
    return config.interpolate()


def test_the_baseline_is_what_spacy_makes():
    """All is as `spacy init config` writes it, but for the length of the training."""
    ours = filled_in("spacy_cnn")
    theirs = init_config(lang="en", pipeline=["tagger", "ner"], optimize="efficiency", gpu=False).interpolate()
    assert ours["nlp"] == theirs["nlp"]
    assert ours["components"] == theirs["components"]
    for training in (ours["training"], theirs["training"]):
        del training["max_steps"], training["gpu_allocator"]
    assert ours["training"] == theirs["training"]


def test_the_transformer_baseline_differs_from_bert_in_its_components():
    """Those are as `spacy init config` writes them."""
    ours, bert = filled_in("spacy_transformer"), filled_in("bert")
    theirs = init_config(lang="en", pipeline=["tagger", "ner"], optimize="efficiency", gpu=True).interpolate()
    for name in ("tagger", "ner"):
        assert ours["components"][name] == theirs["components"][name]
    assert ours["components"]["transformer"] == bert["components"]["transformer"]
    for training in (ours["training"], bert["training"]):  # of the weights spaCy adds those of further scores, as 0
        training["score_weights"] = {name: weight for name, weight in training["score_weights"].items() if weight}
    assert ours["training"] == bert["training"]
