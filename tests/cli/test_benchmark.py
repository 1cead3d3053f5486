"""`benchmark` times any pipelines."""

import subprocess
import sys
from xml.etree import ElementTree

import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_seqtag.benchmark import growth, process, training
from spacy_seqtag.benchmark.stages import STAGES
from spacy_seqtag.cli import app

from ..pipeline import toy


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pipeline of ours, one of spaCy's, and the toy corpus."""
    folder = tmp_path_factory.mktemp("benchmark")
    toy.initialize(toy.make_nlp("shared")).to_disk(folder / "ours")
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    toy.initialize(nlp).to_disk(folder / "built_in")
    for split, text in {"dev": toy.TOY, "train": toy.TOY, "other": "Ha|UH|O"}.items():
        examples = toy.toy_examples(nlp, text)
        DocBin(docs=[example.reference for example in examples]).to_disk(folder / f"{split}.spacy")
    return folder


@pytest.fixture
def benchmark(folder, monkeypatch):
    """Runs the command in the folder, its processes within this one, and gives the output, or that of a failure."""

    def run(*args, fails=False):
        monkeypatch.chdir(folder)
        here = lambda pipeline, corpus, **settings: process.measure(pipeline, str(corpus), **settings)  # noqa: E731
        monkeypatch.setattr(process, "in_process", here)
        monkeypatch.setattr(growth, "in_process", here)
        monkeypatch.setattr(growth, "DOCUMENT_LENGTHS", (2, 20))
        monkeypatch.setattr(growth, "STREAM_LENGTHS", (10, 40))
        monkeypatch.setattr(training, "WORDS", 40)
        result = CliRunner().invoke(app, ["benchmark", *map(str, args)])
        assert result.exit_code == int(fails), result.output
        return result.output

    return run


def test_tables_and_json(benchmark, folder):
    command = ["built_in", "ours", "--corpus", "dev.spacy", "--runs", 2, "--growth", "--peers", "--training", "."]
    output = benchmark(*command, "--plot", "out/growth.svg", "--output", "out/speed.json")
    results = srsly.read_json(folder / "out" / "speed.json")
    n_words = sum(len(text.split()) for text in toy.TEXTS)
    assert results["corpus"] == {"path": "dev.spacy", "documents": len(toy.TEXTS), "words": n_words}
    assert list(results["pipelines"]) == ["built_in", "ours"]
    assert results["pipelines"]["built_in"]["ratio"] == results["pipelines"]["built_in"]["latency_ratio"] == 1
    for name, result in results["pipelines"].items():
        assert f"`{name}` | {result['words_per_second']:,.0f} | {result['ratio']:.2f}" in output
        assert set(result["stages"]) == set(STAGES)
        assert len(result["words_per_second_by_run"]) == 2
        assert set(result["load_seconds"]) == {"import torch", "import spacy", "load", "load again"}
        assert result["latency_ms"] > 0
    assert "modules_words_per_second" not in results["pipelines"]["built_in"]
    ours = results["pipelines"]["ours"]
    assert ours["modules_words_per_second"] > 0
    assert set(ours["components"]) == {"tokenizer", "nlp.pipe", "tok2vec", "tagger", "ner"}
    assert results["training"]["corpus"] == {"path": "train.spacy", "words": n_words}
    assert list(results["training"]["pipelines"]) == ["built_in", "ours"]
    for name, result in results["training"]["pipelines"].items():
        speed, seconds = result["words_per_second"], result["epoch_seconds"]
        assert speed * seconds == pytest.approx(n_words)
        assert f"`{name}` | {speed:,.0f} | {result['ratio']:.2f} | {seconds:,.1f} |" in output
    for kind, sizes in (("document", [2, 20]), ("stream", [10, 40])):
        for name in ("built_in", "ours"):
            points = results["growth"][kind][name]
            assert [point["words"] for point in points] == sizes
            assert all(point["words_per_second"] > 0 for point in points)
            assert all(0 <= point["megabytes_by_tagging"] < point["megabytes"] for point in points)
    root = ElementTree.parse(folder / "out" / "growth.svg").getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 8  # speed and memory, of two, in two ways


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["built_in", "--corpus", "nowhere.spacy"], "nowhere.spacy"),
        (["nobody", "--corpus", "dev.spacy"], "'nobody'"),
        (["built_in", "--corpus", "built_in/meta.json"], "meta.json is no DocBin"),
        (["built_in", "--corpus", "dev.spacy", "--plot", "a.svg"], "--growth"),
        (["built_in", "--corpus", "dev.spacy", "--training", "nowhere.spacy"], "nowhere.spacy"),
        (["ours", "--corpus", "dev.spacy", "--runs", "1", "--training", "other.spacy"], "'UH' in the training data"),
    ],
)
def test_errors(args, message, benchmark):
    assert message in " ".join(benchmark(*args, fails=True).split())


def test_the_package_imports_no_framework():
    code = "import sys, spacy_seqtag; print({'torch', 'datasets', 'spacy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
