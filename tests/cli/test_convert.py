"""`convert` as a user calls it: exit codes, messages, and nothing left behind by a run that failed."""

import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
import srsly
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from spacy.tokens import DocBin
from spacy.vocab import Vocab
from typer.testing import CliRunner
from weasel.cli.run import project_run

from spacy_seqtag.cli import app

ROOT = Path(__file__).parents[2]
GOOD = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP I-ORG\nrejects VBZ B-VP O\n\nRome NNP B-NP I-LOC\nfell VBD B-VP O\n"


def convert(*args) -> tuple[int, str]:
    """The exit code and the output, without line breaks and other layout."""
    result = CliRunner().invoke(app, ["convert", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def make_source(folder: Path, **files: str | bytes) -> Path:
    """A folder of column files, those of both splits good where nothing else is given."""
    folder.mkdir()
    for stem, text in {"train": GOOD, "valid": GOOD, **files}.items():
        (folder / f"{stem}.txt").write_bytes(text if isinstance(text, bytes) else text.encode("utf8"))
    return folder


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_folder(tmp_path):
    source = make_source(tmp_path / "source", test=GOOD + GOOD)
    code, output = convert(source, tmp_path / "deep" / "out")
    assert code == 0
    out = tmp_path / "deep" / "out"
    assert f"Converted '{source}' to {out}".replace(" ", "") in output.replace(" ", "")
    assert "demonstration" not in output
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    stats = srsly.read_json(out / "stats.json")
    assert stats["source"] == str(source)
    assert {split: s["documents"] for split, s in stats["splits"].items()} == {"train": 1, "dev": 1, "test": 2}
    for split, s in stats["splits"].items():
        docs = list(DocBin().from_disk(out / f"{split}.spacy").get_docs(Vocab()))
        assert [t.text for doc in docs for t in doc] == ["EU", "rejects", "Rome", "fell"] * s["documents"]
        assert [(e.text, e.label_) for doc in docs for e in doc.ents] == [("EU", "ORG"), ("Rome", "LOC")] * len(docs)


def test_options(tmp_path):
    source = make_source(tmp_path / "source", train="\n\n".join(["Rom NE O B-LOC"] * 5))
    assert convert(source, tmp_path / "out", "--group-size", 2, "--lang", "de")[0] == 0
    assert srsly.read_json(tmp_path / "out" / "stats.json")["splits"]["train"]["documents"] == 3
    assert convert(source, tmp_path / "none", "--group-size", 0)[0] == 2
    code, output = convert(source, tmp_path / "none", "--lang", "xyz")
    assert code == 1
    assert "xyz" in output
    assert not (tmp_path / "none").exists()


def test_sample(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, output = convert("sample", tmp_path / "out")
    assert code == 0
    assert "demonstration corpus" in output
    splits = srsly.read_json(tmp_path / "out" / "stats.json")["splits"]
    for split, path in {"train": "train.txt", "dev": "valid.txt", "test": "test.txt"}.items():
        lines = (ROOT / "assets" / "sample" / path).read_text(encoding="utf8").splitlines()
        assert splits[split]["documents"] == sum(line.startswith("-DOCSTART-") for line in lines)
        assert splits[split]["tokens"] == sum(bool(line) and not line.startswith("-DOCSTART-") for line in lines)
        assert splits[split]["entities"] == sum(line.split(" ")[-1].startswith("B-") for line in lines)
        docs = DocBin().from_disk(tmp_path / "out" / f"{split}.spacy").get_docs(Vocab())
        assert not any(token.text == "-DOCSTART-" for doc in docs for token in doc)


def test_sample_away_from_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output = convert("sample", "out")
    assert code == 1
    assert "run the command in the project's own folder" in output


def test_saved_dataset(tmp_path):
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-X", "B-Y"]))})
    split = Dataset.from_dict({"tokens": [["a", "b"]], "ner_tags": [[0, 2]]}, features=features)
    DatasetDict(train=split, validation=split).save_to_disk(tmp_path / "saved")
    assert convert(tmp_path / "saved", tmp_path / "out")[0] == 0
    assert srsly.read_json(tmp_path / "out" / "labels" / "ner.json") == ["X", "Y"]


def test_dataset_without_the_columns(tmp_path):
    split = Dataset.from_dict({"words": [["a"]], "tags": [["O"]]})
    DatasetDict(train=split, validation=split).save_to_disk(tmp_path / "saved")
    code, output = convert(tmp_path / "saved", tmp_path / "out")
    assert code == 1
    assert "no column tokens or ner_tags; it has words, tags" in output
    assert not (tmp_path / "out").exists()


def test_hub_out_of_reach(tmp_path, monkeypatch):
    def fail(name):
        raise ConnectionError(f"Couldn't reach {name!r} on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    code, output = convert("conll2003", tmp_path / "out")
    assert code == 1
    assert "Couldn't reach 'lhoestq/conll2003' on the Hub" in output
    assert "use local files" in output
    assert "train.txt and valid.txt" in output
    assert list(tmp_path.iterdir()) == []


BAD_FILES = {
    "few": ("EU NNP B-NP B-ORG\nrejects O\n", ":2: 2 columns"),
    "many": ("EU NNP B-NP B-ORG x\n", ":1: 5 columns"),
    "tag": ("EU NNP B-NP ORG\n", ":1: 'ORG' is no IOB tag"),
    "bytes": (b"EU NNP B-NP B-ORG\n\nZ\xfcrich NNP B-NP B-LOC\n", ":3: not UTF-8"),
    "empty": ("", " has no sentences"),
}


@pytest.mark.parametrize("stem", ["train", "valid", "test"])
@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_file(tmp_path, stem, text, message):
    source = make_source(tmp_path / "source", **{stem: text})
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.md").write_text("mine")
    before = tree(tmp_path)
    code, output = convert(source, out)
    assert code == 1
    assert f"{source / stem}.txt{message}" in output
    assert tree(tmp_path) == before


def test_bad_file_over_an_earlier_conversion(tmp_path):
    source = make_source(tmp_path / "source")
    assert convert(source, tmp_path / "out")[0] == 0
    (source / "valid.txt").write_text("EU NNP\n")
    before = tree(tmp_path)
    code, output = convert(source, tmp_path / "out", "--force")
    assert code == 1
    assert f"{source / 'valid.txt'}:1: 'NNP' is no IOB tag" in output
    assert tree(tmp_path) == before


def test_invalid_iob2_is_repaired_or_refused(tmp_path):
    source = make_source(tmp_path / "source", train="EU B-ORG\nPeter I-PER\n\nRome I-LOC\n", valid="a O\n")
    message = f"{source / 'train.txt'}:2: 'I-PER' continues no entity of its type"
    code, output = convert(source, tmp_path / "strict", "--strict")
    assert code == 1
    assert message in output
    assert not (tmp_path / "strict").exists()
    code, output = convert(source, tmp_path / "out")
    assert code == 0
    assert f"{message}; repaired 2 such tags" in output
    (doc,) = DocBin().from_disk(tmp_path / "out" / "train.spacy").get_docs(Vocab())
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("EU", "ORG"), ("Peter", "PER"), ("Rome", "LOC")]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("./missing", "no such folder: ./missing"),
        ("some/where/missing", "no such folder: some/where/missing"),
        ("empty", "empty has no train split: none of train.txt"),
        ("half", "half has no dev split: none of valid.txt"),
        ("good/train.txt", "good/train.txt is no folder"),
        ("folders", "folders/train.txt is a folder"),
    ],
)
def test_missing_files_and_folders(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    make_source(tmp_path / "good")
    (make_source(tmp_path / "half") / "valid.txt").unlink()
    (tmp_path / "empty").mkdir()
    (tmp_path / "folders" / "train.txt").mkdir(parents=True)
    (tmp_path / "folders" / "valid.txt").write_text(GOOD)
    before = tree(tmp_path)
    code, output = convert(source, "deep/out")
    assert code == 1
    assert message in output
    assert tree(tmp_path) == before


@pytest.mark.parametrize("out", ["file", "file/out"])
def test_output_is_a_file(tmp_path, out):
    source = make_source(tmp_path / "source")
    (tmp_path / "file").write_text("mine")
    before = tree(tmp_path)
    code, output = convert(source, tmp_path / out, "--force")
    assert code == 1
    assert f"{tmp_path / 'file'} is a file; give a folder" in output
    assert tree(tmp_path) == before


def test_existing_output(tmp_path):
    source = make_source(tmp_path / "source", test=GOOD)
    out = tmp_path / "out"
    assert convert(source, out)[0] == 0
    (out / "notes.md").write_text("mine")
    before = tree(tmp_path)
    code, output = convert(source, out)
    assert code == 1
    assert f"{out} already holds a conversion" in output
    assert "use --force" in output
    assert tree(tmp_path) == before

    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert convert(source, out, "--force")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == times

    (source / "test.txt").unlink()
    (source / "train.txt").write_text(GOOD.replace("EU", "UN"))
    assert convert(source, out, "--force")[0] == 0
    assert not (out / "test.spacy").exists()
    assert "UN" in srsly.read_json(out / "dictionary.json")
    assert (out / "notes.md").read_text() == "mine"


def test_as_a_module(tmp_path):
    """The real process: no traceback, exit code 1; and a progress bar where all is well."""
    source = make_source(tmp_path / "source")
    command = [sys.executable, "-m", "spacy_seqtag", "convert", str(source), str(tmp_path / "out")]
    first = subprocess.run(command, capture_output=True, text=True, encoding="utf8")
    assert first.returncode == 0
    assert "train: 100%" in first.stderr
    second = subprocess.run(command, capture_output=True, text=True, encoding="utf8")
    assert second.returncode == 1
    assert "--force" in second.stdout + second.stderr
    assert "Traceback" not in second.stdout + second.stderr


def test_column_files_come_before_other_files_of_the_folder(tmp_path):
    for name in ("train.txt", "valid.txt"):
        (tmp_path / name).write_text("Anna B-PER\n", encoding="utf8")
    (tmp_path / "notes.jsonl").write_text('{"text": "no corpus"}\n', encoding="utf8")
    assert CliRunner().invoke(app, ["convert", str(tmp_path), str(tmp_path / "out")]).exit_code == 0


def test_the_project_takes_a_folder_with_spaces(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(ROOT / "project.yml", project)
    source = tmp_path / "my own corpus"
    source.mkdir()
    for name in ("train.txt", "valid.txt"):
        (source / name).write_text("Anna B-PER\n", encoding="utf8")
    project_run(project, "convert", overrides={"vars.corpus": str(source)}, capture=True)
    assert srsly.read_json(project / "corpus" / "stats.json")["source"] == str(source)
