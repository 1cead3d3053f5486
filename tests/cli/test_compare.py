"""`compare` trains what is not trained yet, and writes the table."""

import pytest
import srsly
from typer.testing import CliRunner

from spacy_seqtag.cli import app

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
    header, _, row = (out / "compare.md").read_text(encoding="utf8").splitlines()
    cells = {name.strip(): cell.strip() for name, cell in zip(header.split("|"), row.split("|"), strict=True)}
    assert cells["system"] == "`mlp`"
    assert cells["NER F1"] == f"{100 * results['systems']['mlp']['ents_f']:.2f}"
    assert cells["tag accuracy"] == f"{100 * results['systems']['mlp']['tag_acc']:.2f}"
    assert {"LOC", "PER", "words/s", "training min", "MB"} <= set(cells)

    assert srsly.read_json(out / "mlp" / "compare.json") == results["systems"]["mlp"]

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
