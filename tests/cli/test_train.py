"""`train` gives spaCy's training what the corpus has, and records what it did."""

import pytest
import spacy
import srsly
from spacy.util import load_config, load_model_from_config
from typer.testing import CliRunner

from spacy_seqtag.cli import app
from spacy_seqtag.cli.compare import BASELINES, SYSTEMS
from spacy_seqtag.cli.train import is_trained, training_overrides

from ..conftest import ROOT

LSTM = ROOT / "configs" / "lstm.cfg"
QUICK = ["--training.max_steps", "2", "--training.eval_frequency", "1"]


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "source").mkdir()
    for name in ("train.txt", "valid.txt"):
        (tmp_path / "source" / name).write_text("Anna B-PER\nsings O\n", encoding="utf8")
    assert CliRunner().invoke(app, ["convert", str(tmp_path / "source"), str(tmp_path / "corpus")]).exit_code == 0
    return tmp_path / "corpus"


def test_a_corpus_without_tags_trains_the_recognizer_alone(corpus, tmp_path):
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["train", str(LSTM), str(out), "--corpus", str(corpus), *QUICK])
    assert result.exit_code == 0, result.output
    assert "Training only tok2vec, ner" in result.output
    assert spacy.load(out / "model-best").pipe_names == ["tok2vec", "ner"]
    record = srsly.read_json(out / "training.json")
    assert record["minutes"] >= 0
    assert record["device"] == "CPU"
    # The record is of a training with other settings.
    assert not is_trained(LSTM, corpus, out, training_overrides(LSTM, corpus, None))


@pytest.mark.parametrize(
    ("lang", "config", "tokenizer"),
    [
        ("en", "lstm", "spacy-seqtag.PennTokenizer.v1"),
        ("de", "lstm", "spacy.Tokenizer.v1"),
        ("de", "spacy_cnn", "spacy.Tokenizer.v1"),
        ("en", "spacy_cnn", "spacy.Tokenizer.v1"),
    ],
)
def test_the_tokenizer_is_of_the_language(corpus, tmp_path, lang, config, tokenizer):
    source, converted = str(tmp_path / "source"), str(tmp_path / "in-lang")
    assert CliRunner().invoke(app, ["convert", source, converted, "--lang", lang]).exit_code == 0
    config = ROOT / "configs" / f"{config}.cfg"
    overrides = training_overrides(config, tmp_path / "in-lang", None)
    nlp = load_model_from_config(load_config(config, overrides).interpolate(), auto_fill=True)
    assert nlp.lang == lang
    assert nlp.config["nlp"]["tokenizer"] == {"@tokenizers": tokenizer}


@pytest.mark.parametrize("config", [*SYSTEMS, *BASELINES])
def test_the_systems_have_the_tokens_of_the_corpus(config):
    """The baselines are spaCy's throughout."""
    tokenizer = load_config(ROOT / "configs" / f"{config}.cfg")["nlp"].get("tokenizer")
    assert tokenizer == (None if config in BASELINES else {"@tokenizers": "spacy-seqtag.PennTokenizer.v1"})


def test_a_record_is_of_one_config_and_corpus(corpus, tmp_path):
    config = tmp_path / "quick.cfg"
    config.write_text(LSTM.read_text(encoding="utf8").replace("max_steps = 1400", "max_steps = 1"), encoding="utf8")
    out = tmp_path / "out"
    command = ["train", str(config), str(out), "--corpus", str(corpus)]
    assert CliRunner().invoke(app, command).exit_code == 0
    trained = (out / "training.json").stat().st_mtime_ns
    again = CliRunner().invoke(app, [*command, "--transformer", "one that the config does not use"])
    assert again.exit_code == 0
    assert "trained already" in again.output
    assert (out / "training.json").stat().st_mtime_ns == trained
    assert not is_trained(LSTM, corpus, out, training_overrides(LSTM, corpus, None))
    corpus = corpus.rename(tmp_path / "moved")
    assert is_trained(config, corpus, out, training_overrides(config, corpus, None))
    (corpus / "dev.spacy").write_bytes((corpus / "dev.spacy").read_bytes() + b" ")
    assert not is_trained(config, corpus, out, training_overrides(config, corpus, None))


def test_a_corpus_without_annotation(tmp_path):
    for name in ("train.txt", "valid.txt"):
        (tmp_path / name).write_text("Anna O\nsings O\n", encoding="utf8")
    assert CliRunner().invoke(app, ["convert", str(tmp_path), str(tmp_path / "corpus")]).exit_code == 0
    command = ["train", str(LSTM), str(tmp_path / "out"), "--corpus", str(tmp_path / "corpus")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "neither tags nor entities" in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_no_corpus(tmp_path):
    result = CliRunner().invoke(app, ["train", str(LSTM), str(tmp_path / "out"), "--corpus", str(tmp_path)])
    assert result.exit_code == 1
    assert "train.spacy" in result.output
    assert "convert" in result.output
    assert not (tmp_path / "out").exists()


def test_a_transformer_that_cannot_be_had(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    command = ["train", str(ROOT / "configs" / "bert.cfg"), str(tmp_path / "out"), "--corpus", str(corpus)]
    result = CliRunner().invoke(app, [*command, "--transformer", "no-such/transformer"])
    assert result.exit_code == 1
    assert "no-such/transformer" in result.output
    assert "--vars.transformer FOLDER" in " ".join(result.output.split())
