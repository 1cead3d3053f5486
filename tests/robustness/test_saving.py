"""An interrupted save leaves what was there before, whole."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
import srsly

from spacy_seqtag.pipeline.saving import save_safely, written_aside

from ..pipeline.toy import TEXTS, annotations, initialize, make_nlp, toy_examples, train


class Interrupted(BaseException):
    """Stands for whatever ends a process in the middle."""


@pytest.fixture(scope="module")
def trained():
    nlp = initialize(make_nlp("shared"))
    train(nlp, toy_examples(nlp))
    return nlp


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def interrupt_at(monkeypatch, owner, method):
    def interrupt(*args, **kwargs):
        raise Interrupted

    monkeypatch.setattr(owner, method, interrupt)


def test_a_component_is_replaced_only_when_it_is_written(trained, tmp_path, monkeypatch):
    saved = tmp_path / "ner"
    trained.get_pipe("ner").to_disk(saved)
    before = files(saved)
    assert before
    other = initialize(make_nlp("shared")).get_pipe("ner")
    with monkeypatch.context() as patch:
        interrupt_at(patch, type(other.model), "to_disk")
        with pytest.raises(Interrupted):
            other.to_disk(saved)
    assert files(tmp_path) == {"ner" / path: content for path, content in before.items()}
    other.to_disk(saved)
    assert files(saved) != before


@pytest.mark.parametrize("part", ["tokenizer", "tok2vec", "tagger", "ner", "vocab"])
def test_a_pipeline_that_saves_safely_is_replaced_only_when_it_is_written(trained, part, tmp_path, monkeypatch):
    nlp = save_safely(make_nlp("shared").from_bytes(trained.to_bytes()))
    saved = tmp_path / "pipeline"
    nlp.to_disk(saved)
    before = files(saved)
    other = save_safely(initialize(make_nlp("shared")))
    owner = other.get_pipe(part) if part in other.pipe_names else getattr(other, part)
    if part in ("tokenizer", "vocab"):  # compiled, so their methods cannot be replaced

        class Interrupting:
            def __getattr__(self, name):
                return getattr(owner, name)

            def to_disk(self, *args, **kwargs):
                raise Interrupted

        monkeypatch.setattr(other, part, Interrupting())
    else:
        interrupt_at(monkeypatch, owner, "to_disk")
    with pytest.raises(Interrupted):
        other.to_disk(saved)
    monkeypatch.undo()
    assert files(tmp_path) == {"pipeline" / path: content for path, content in before.items()}
    assert annotations(spacy.load(saved).pipe(TEXTS)) == annotations(trained.pipe(TEXTS))
    other.to_disk(saved)
    assert annotations(spacy.load(saved).pipe(TEXTS)) == annotations(other.pipe(TEXTS))


def test_the_callback_makes_every_save_of_a_config_safe(trained, tmp_path):
    config = trained.config.copy()
    config["nlp"]["after_creation"] = {"@callbacks": "spacy-seqtag.SafeSaving.v1"}
    nlp = spacy.util.load_model_from_config(config).from_bytes(trained.to_bytes(exclude=["config"]))
    nlp.to_disk(tmp_path / "pipeline")
    model = tmp_path / "pipeline" / "tok2vec" / "model"
    assert annotations(spacy.load(tmp_path / "pipeline").pipe(TEXTS)) == annotations(trained.pipe(TEXTS))
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"tok2vec.model"):
        spacy.load(tmp_path / "pipeline")


def test_other_files_in_the_folder_stay(trained, tmp_path):
    nlp = save_safely(make_nlp("shared").from_bytes(trained.to_bytes()))
    saved = tmp_path / "pipeline"
    (saved / ".git").mkdir(parents=True)
    (saved / ".git" / "HEAD").write_text("ref", encoding="utf8")
    (saved / "README.md").write_text("Mine", encoding="utf8")
    nlp.to_disk(saved)
    nlp.to_disk(saved, exclude=["vocab"])
    assert (saved / ".git" / "HEAD").read_text(encoding="utf8") == "ref"
    assert (saved / "README.md").read_text(encoding="utf8") == "Mine"
    assert (saved / "vocab" / "strings.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline"]
    assert annotations(spacy.load(saved).pipe(TEXTS)) == annotations(trained.pipe(TEXTS))


KILLED = """
import os, sys
from pathlib import Path
from spacy_seqtag.pipeline.saving import written_aside

with written_aside(sys.argv[1]) as folder:
    (folder / "model").write_text("half of the n")
    os._exit(9)
"""


def test_the_folder_of_the_process_stays_where_it_is(trained, tmp_path, monkeypatch):
    nlp = save_safely(make_nlp("shared").from_bytes(trained.to_bytes()))
    (tmp_path / "mine.txt").write_text("mine", encoding="utf8")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        nlp.to_disk(".")
    assert {path.name for path in Path(".").iterdir()} >= {"mine.txt", "meta.json", "ner", "checksums.json"}
    assert not any(path.name.startswith(".") for path in tmp_path.iterdir())
    assert annotations(spacy.load(tmp_path).pipe(TEXTS)) == annotations(trained.pipe(TEXTS))


def test_what_a_killed_process_leaves_does_not_matter(tmp_path):
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "model").write_text("old", encoding="utf8")
    assert subprocess.run([sys.executable, "-c", KILLED, str(saved)]).returncode == 9
    assert (saved / "model").read_text(encoding="utf8") == "old"
    with written_aside(saved) as folder:
        assert not list(folder.iterdir())
        (folder / "model").write_text("new", encoding="utf8")
    assert (saved / "model").read_text(encoding="utf8") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


def test_a_folder_that_cannot_be_moved_is_not_lost(tmp_path, monkeypatch):
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "model").write_text("old", encoding="utf8")
    with pytest.raises(FileNotFoundError), written_aside(saved) as folder:
        folder.rmdir()
    assert (saved / "model").read_text(encoding="utf8") == "old"


def test_a_pipeline_that_saves_safely_is_copied_and_pickled_like_any(trained):
    nlp = save_safely(make_nlp("shared").from_bytes(trained.to_bytes()))
    copy = pickle.loads(pickle.dumps(nlp))
    assert annotations(copy.pipe(TEXTS)) == annotations(trained.pipe(TEXTS))
    assert copy.to_disk.args[0] is copy


def test_the_checksums_are_of_all_files_but_those_that_people_edit(trained, tmp_path):
    nlp = save_safely(make_nlp("shared").from_bytes(trained.to_bytes()))
    nlp.to_disk(tmp_path / "pipeline")
    checksums = srsly.read_json(tmp_path / "pipeline" / "checksums.json")["sha256"]
    names = {path.as_posix() for path in files(tmp_path / "pipeline")}
    assert names - checksums.keys() == {"meta.json", "config.cfg", "checksums.json"}
    listing = "".join(f"{digest}  {name}\n" for name, digest in checksums.items())
    subprocess.run(["sha256sum", "--check", "--quiet"], input=listing.encode(), cwd=tmp_path / "pipeline", check=True)
