"""`quantize` makes a pipeline that computes in int8."""

import re

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_seqtag.cli import app
from spacy_seqtag.cli.quantize import quantize as quantize_nlp
from spacy_seqtag.models.characters import build_char_lstm
from spacy_seqtag.models.word_types import build_word_types

from ..conftest import transformer_config
from ..pipeline import toy


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder of a pipeline that knows the toy corpus by heart, with the corpus beside it."""
    folder = tmp_path_factory.mktemp("trained")
    nlp = toy.initialize(toy.make_nlp("shared crf"))
    toy.train(nlp, toy.toy_examples(nlp))
    nlp.to_disk(folder / "nlp")
    DocBin(docs=[example.reference for example in toy.toy_examples(nlp)]).to_disk(folder / "dev.spacy")
    return folder


def quantize(*args, fails=False):
    result = CliRunner().invoke(app, ["quantize", *map(str, args)])
    assert result.exit_code == int(fails), result.output
    return " ".join(result.output.split())


def vectors(nlp):
    return np.concatenate([doc.tensor for doc in nlp.pipe(toy.TEXTS)])


def test_scores_and_speed_before_and_after(trained, tmp_path):
    output = quantize(trained / "nlp", tmp_path / "int8", "--corpus", trained / "dev.spacy")
    for name in ("before", "in int8"):
        assert re.search(rf"\| {name} \| 100.00 \| 100.00 \| [\d,]+ \| [\d.]+ \|", output)
    assert [path.name for path in tmp_path.iterdir()] == ["int8"]


def test_it_annotates_nearly_the_same(trained, tmp_path):
    quantize(trained / "nlp", tmp_path / "int8")
    nlp, int8 = spacy.load(trained / "nlp"), spacy.load(tmp_path / "int8")
    assert toy.annotations(int8.pipe(toy.TEXTS)) == toy.annotations(nlp.pipe(toy.TEXTS))
    difference = np.abs(vectors(int8) - vectors(nlp))
    assert 1e-6 < difference.max() < 0.1
    # What it computes is saved with it, in bytes as on disk.
    copy = toy.make_nlp("shared crf").from_bytes(int8.to_bytes())
    np.testing.assert_array_equal(vectors(copy), vectors(int8))
    with pytest.raises(ValueError, match="quantized"):
        int8.update(toy.toy_examples(int8), sgd=None)


@pytest.mark.parametrize("encoder", ["MLP", "CNN", "Transformer"])
def test_other_encoders(encoder, tmp_path):
    nlp = toy.initialize(toy.make_nlp("shared", encoder))
    nlp.to_disk(tmp_path / "nlp")
    quantize(tmp_path / "nlp", tmp_path / "int8")
    np.testing.assert_allclose(vectors(spacy.load(tmp_path / "int8")), vectors(nlp), atol=0.1)


def test_a_pretrained_transformer(tiny_bert, tmp_path):
    config = {"nlp": {"lang": "en", "pipeline": ["transformer"]}}
    components = {"transformer": transformer_config(tiny_bert, mixed_precision=True)}
    nlp = spacy.util.load_model_from_config({**config, "components": components}, auto_fill=True)
    nlp.initialize()
    nlp.to_disk(tmp_path / "nlp")
    quantize(tmp_path / "nlp", tmp_path / "int8")
    states = [
        next(pipeline.pipe(toy.TEXTS))._.trf_data.model_output.last_hidden_state
        for pipeline in (spacy.load(tmp_path / "nlp"), spacy.load(tmp_path / "int8"))
    ]
    assert states[1].dtype == "float32"
    assert 1e-6 < np.abs(states[0] - states[1]).max() < 0.3


def test_errors(trained, tmp_path):
    (tmp_path / "here").mkdir()
    assert "exists already" in quantize(trained / "nlp", tmp_path / "here", fails=True)
    spacy.blank("en").to_disk(tmp_path / "blank")
    assert "none of its layers" in quantize(tmp_path / "blank", tmp_path / "int8", fails=True)
    (tmp_path / "dev.spacy").write_bytes(b"words")
    quantize(trained / "nlp", tmp_path / "int8", "--corpus", tmp_path / "dev.spacy", fails=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blank", "dev.spacy", "here"]


def test_words_that_were_embedded_before_count_no_more():
    nlp = spacy.blank("en")
    tok2vec = nlp.add_pipe("tok2vec")
    tok2vec.model = build_word_types(build_char_lstm(width=8))
    docs = [nlp.make_doc(text) for text in toy.TEXTS]
    tok2vec.model.initialize(X=docs)
    saved = tok2vec.model.to_bytes()
    before = vectors(nlp)
    quantize_nlp(nlp)
    after = vectors(nlp)
    assert not np.array_equal(after, before)
    tok2vec.model = build_word_types(build_char_lstm(width=8)).from_bytes(saved)
    quantize_nlp(nlp)
    np.testing.assert_array_equal(vectors(nlp), after)
