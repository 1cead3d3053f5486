"""A training that ends too early leaves the best pipeline that it had."""

import shutil
import signal
import subprocess
import sys
import time

import pytest
import spacy
import spacy.training.loop
from typer.testing import CliRunner

from spacy_seqtag.cli import app

from ..conftest import ROOT

LSTM = ROOT / "configs" / "lstm.cfg"
SMALL = ["--components.tok2vec.model.embed.width", "8", "--components.tok2vec.model.encode.width", "8"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    result = CliRunner().invoke(app, ["convert", str(ROOT / "assets" / "sample"), str(folder)])
    assert result.exit_code == 0, result.output
    return folder


def command(corpus, out, *settings):
    return ["train", str(LSTM), str(out), "--corpus", str(corpus), *SMALL, *settings]


def assert_whole(folder):
    doc = spacy.load(folder)("France won the World Cup in Russia in 2018")
    assert all(token.tag_ for token in doc)


@pytest.mark.parametrize("interrupt", ["SIGINT", "SIGTERM"])
def test_a_signal(corpus, tmp_path, interrupt):
    out = tmp_path / "out"
    settings = ["--training.max_steps", "100000", "--training.patience", "0", "--training.eval_frequency", "1"]
    # A child inherits that a signal is ignored, as shells have it of what they run in the background, but no handler.
    before = signal.signal(getattr(signal, interrupt), signal.default_int_handler)
    try:
        process = subprocess.Popen([sys.executable, "-m", "spacy_seqtag", *command(corpus, out, *settings)])
    finally:
        signal.signal(getattr(signal, interrupt), before)
    try:
        deadline = time.monotonic() + 120
        while not (out / "model-best").is_dir():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(getattr(signal, interrupt))
        assert process.wait(timeout=60) != 0
    finally:
        process.kill()
        process.wait()
    assert_whole(out / "model-best")
    assert not (out / "training.json").exists()
    assert (out / ".unfinished").exists() is (interrupt != "SIGINT")


@pytest.mark.parametrize("when", ["removed", "copied"])
def test_an_interrupt_while_the_best_pipeline_is_saved(corpus, tmp_path, monkeypatch, when):
    out = tmp_path / "out"
    done = []

    def copytree(source, target):
        if not done:
            done.append(target)
            return shutil.copytree(source, target)
        if when == "copied":
            target.mkdir()
            shutil.copy(source / "config.cfg", target)
        raise KeyboardInterrupt

    class Shutil:
        rmtree = shutil.rmtree

    Shutil.copytree = staticmethod(copytree)
    monkeypatch.setattr(spacy.training.loop, "shutil", Shutil)
    result = CliRunner().invoke(
        app, command(corpus, out, "--training.max_steps", "40", "--training.eval_frequency", "4")
    )
    assert done
    assert result.exit_code == 130, result.output
    assert "has the best pipeline so far" in " ".join(result.output.split())
    assert sorted(path.name for path in out.iterdir()) == ["model-best", "model-last"]
    assert_whole(out / "model-best")


def test_an_interrupt_leaves_the_pipeline_of_an_earlier_training(corpus, tmp_path, monkeypatch):
    out = tmp_path / "out"
    quick = ["--training.max_steps", "1", "--training.eval_frequency", "1"]
    assert CliRunner().invoke(app, command(corpus, out, *quick)).exit_code == 0
    weights = (out / "model-best" / "ner" / "model").read_bytes()
    # What a killed training leaves, and another one that does not come to save anything.
    (out / ".unfinished" / "model-best").mkdir(parents=True)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patch:
        patch.setattr(spacy.training.loop, "train_while_improving", interrupted)
        assert CliRunner().invoke(app, [*command(corpus, out, *quick), "--force"]).exit_code == 130
    assert (out / "model-best" / "ner" / "model").read_bytes() == weights
    assert_whole(out / "model-best")
    assert CliRunner().invoke(app, command(corpus, out, *quick)).exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["model-best", "model-last", "training.json"]


def test_a_loss_that_is_no_number_says_what_to_try_and_keeps_the_best_pipeline(corpus, tmp_path):
    out = tmp_path / "out"
    settings = ["--training.max_steps", "9", "--training.eval_frequency", "1"]
    # Nothing clips the gradients, so the weights overflow after the first step.
    diverging = ["--training.optimizer.learn_rate", "1e38", "--training.optimizer.grad_clip", "0.0"]
    result = CliRunner().invoke(app, command(corpus, out, *settings, *diverging))
    output = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "try a lower learn_rate" in output
    assert "Traceback" not in output
    assert_whole(out / "model-best")
