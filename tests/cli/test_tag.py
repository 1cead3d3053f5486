"""`tag` prints what a pipeline finds, also one that is installed apart from the environment."""

import importlib
import shutil
import sys

import pytest
import spacy
from spacy.cli.package import package
from typer.testing import CliRunner

from spacy_seqtag.cli import app


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    nlp = spacy.blank("en", meta={"name": "seqtag_rules", "version": "1.2.3"})
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "MISC", "pattern": "World Cup"}])
    nlp.add_pipe("attribute_ruler").add([[{"ORTH": "won"}]], {"TAG": "VBD"})
    path = tmp_path_factory.mktemp("pipeline") / "rules"
    nlp.to_disk(path)
    return path


def tag(*args) -> str:
    result = CliRunner().invoke(app, ["tag", *map(str, args)], catch_exceptions=False)
    assert result.exit_code == 0
    return " ".join(result.output.split())


def test_folder(pipeline):
    output = tag(pipeline, "France won the World Cup")
    assert f"Loaded en_seqtag_rules 1.2.3 from {pipeline}" in output
    assert "France won VBD the World B-MISC Cup I-MISC" in output
    assert "Entities: World Cup (MISC)" in output


def test_no_entities(pipeline):
    assert "Entities: none" in tag(pipeline, "Nothing")


def test_installed_apart(pipeline, tmp_path, monkeypatch):
    package(pipeline, tmp_path, create_sdist=False, create_wheel=False, silent=True)
    target = tmp_path / "en_seqtag_rules-1.2.3"
    (target / "meta.json").rename(target / "en_seqtag_rules" / "meta.json")  # as the wheel has it
    metadata = target / "en_seqtag_rules-1.2.3.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: en-seqtag-rules\nVersion: 1.2.3\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    importlib.invalidate_caches()
    assert f"Loaded en_seqtag_rules 1.2.3 from {target}" in tag("en_seqtag_rules", "won", "--target", target)


@pytest.mark.parametrize("command", [["tag", "no_such_pipeline", "Some text"], ["evaluate", "no_such_pipeline", "."]])
def test_an_unknown_pipeline(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dev.spacy").touch()
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "'no_such_pipeline'" in result.output
    assert not isinstance(result.exception, OSError)


@pytest.mark.parametrize(("name", "content"), [("meta.json", '{"lang":'), ("config.cfg", "[nlp\nlang = ")])
def test_a_damaged_file_is_named(pipeline, tmp_path, name, content):
    folder = shutil.copytree(pipeline, tmp_path / "damaged")
    (folder / name).write_text(content, encoding="utf8")
    result = CliRunner().invoke(app, ["tag", str(folder), "France"])
    assert result.exit_code == 1
    assert f"{folder / name}," in "".join(result.output.split("\n"))
