"""spaCy's own commands on pipelines of these components."""

import pytest
import srsly
from spacy.cli._util import app
from spacy.tokens import DocBin
from thinc.api import Config
from typer.testing import CliRunner

from .toy import TAGS, TYPES, config_text, make_example, make_nlp, toy_examples


@pytest.fixture
def config(kind, tmp_path):
    """Path of a training config whose corpus has enough documents for spaCy."""
    nlp = make_nlp(kind)
    examples = toy_examples(nlp) * 25
    DocBin(docs=[eg.reference for eg in examples]).to_disk(tmp_path / "train.spacy")
    dev = make_example(nlp, "Lee|NNP|B-PER lives|VBZ|O in|IN|O Rome|NNP|B-LOC")
    DocBin(docs=[dev.reference]).to_disk(tmp_path / "dev.spacy")
    (tmp_path / "short.cfg").write_text(config_text(kind))
    invoke("init", "fill-config", tmp_path / "short.cfg", tmp_path / "config.cfg")
    config = Config().from_disk(tmp_path / "config.cfg", interpolate=False)
    config["paths"].update({split: str(tmp_path / f"{split}.spacy") for split in ("train", "dev")})
    config.to_disk(tmp_path / "config.cfg")
    return tmp_path / "config.cfg"


def invoke(*args):
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.output


def test_debug_data_reports(config):
    output = invoke("debug", "data", config, "--no-format", "--verbose")
    assert "Pipeline can be initialized with data" in output
    assert "No overlap between training and evaluation data" in output


def test_init_labels_writes_what_initialize_reads(config, kind, tmp_path):
    invoke("init", "labels", config, tmp_path / "labels")
    assert srsly.read_json(tmp_path / "labels" / "tagger.json") == list(TAGS)
    assert srsly.read_json(tmp_path / "labels" / "ner.json") == list(TYPES)
    nlp = make_nlp(kind)
    for name in ("tagger", "ner"):
        nlp.config["initialize"]["components"][name] = {
            "labels": {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "labels" / f"{name}.json")}
        }
    # Data with only some of the labels.
    nlp.initialize(lambda: toy_examples(nlp)[:1])
    assert nlp.get_pipe("tagger").labels == TAGS
    assert nlp.get_pipe("ner").labels == TYPES
    assert nlp.get_pipe("tagger").predict([nlp.make_doc("a b")]).classes.shape == (2,)
