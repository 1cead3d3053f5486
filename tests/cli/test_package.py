"""`package`: what the meta of a package says. The wheel itself needs a package index, so it is left out here."""

import importlib

import pytest
import spacy
import srsly
from typer.testing import CliRunner

from spacy_seqtag.cli import app


@pytest.fixture
def no_wheel(monkeypatch):
    module = importlib.import_module("spacy.cli.package")
    package = module.package
    monkeypatch.setattr(module, "package", lambda *args, **kwargs: package(*args, **{**kwargs, "create_wheel": False}))


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize("transformer", [None, "someone/bert", "folder"])
def test_meta(tmp_path, transformer):
    nlp = spacy.blank("en")
    nlp.add_pipe("seqtag_tagger").add_label("NN")
    nlp.initialize()
    nlp.meta["performance"] = {"tag_acc": 0.5}
    if transformer == "folder":
        (tmp_path / "MiniLM").mkdir()
        transformer = str(tmp_path / "MiniLM")
    if transformer is not None:
        nlp.config["paths"]["transformer"] = transformer
    nlp.to_disk(tmp_path / "model")
    srsly.write_json(tmp_path / "training.json", {"source": "conll2003"})
    args = ["package", tmp_path / "model", tmp_path / "out", "--name", "demo", "--version", "1.2.3", "--license", "CC0"]
    result = CliRunner().invoke(app, [*map(str, args)], catch_exceptions=False)
    assert result.exit_code == 0
    folder = tmp_path / "out" / "en_demo-1.2.3"
    meta = srsly.read_json(folder / "meta.json")
    assert (meta["lang"], meta["name"], meta["version"], meta["license"]) == ("en", "demo", "1.2.3", "CC0")
    names = {None: [], "someone/bert": ["someone/bert"]}.get(transformer, ["MiniLM"])
    assert meta["sources"] == [{"name": name} for name in ["conll2003", *names]]
    assert meta["performance"] == {"tag_acc": 0.5}
    assert any(r.startswith("spacy-seqtag>=") and ",<" in r for r in meta["requirements"])
    assert spacy.load(folder / "en_demo" / "en_demo-1.2.3").pipe_names == ["seqtag_tagger"]
