"""Files that are missing, damaged or of another pipeline are named, and none of them runs code."""

import gc
import pickle
import shutil

import numpy as np
import pytest
import spacy
import srsly
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thinc.api import Config

from spacy_seqtag.models.encoders import build_rnn
from spacy_seqtag.pipeline.saving import save_safely

from ..conftest import transformer_config
from ..pipeline.toy import make_nlp


@pytest.fixture(scope="module")
def unharmed(trained, tmp_path_factory):
    """The folder of a pipeline that was saved without checksums."""
    folder = tmp_path_factory.mktemp("unharmed") / "pipeline"
    trained.to_disk(folder)
    return folder


@pytest.fixture
def folder(unharmed, tmp_path):
    """A copy of it, to be harmed."""
    return shutil.copytree(unharmed, tmp_path / "pipeline")


def assert_error_names(path, folder, *further):
    with pytest.raises(ValueError, match="again") as caught:
        spacy.load(folder)
    for text in (str(path), *further):
        assert text in str(caught.value)


@pytest.mark.parametrize("name", ["cfg", "model"])
def test_a_missing_file(folder, name):
    (folder / "ner" / name).unlink()
    assert_error_names(folder / "ner" / name, folder, "missing")


@pytest.mark.parametrize("name", ["cfg", "model"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file(folder, name, share):
    path = folder / "ner" / name
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert_error_names(path, folder)
    assert gc.isenabled()


@pytest.mark.parametrize("labels", [[], ["PER"], ["LOC", "ORG", "PER", "MISC"]])
def test_labels_of_another_training(folder, labels):
    path = folder / "ner" / "cfg"
    srsly.write_json(path, {**srsly.read_json(path), "labels": labels})
    assert_error_names(path, folder, "'ner'", "classes", "weights")


def test_labels_that_do_not_fit_bytes(trained):
    data = srsly.msgpack_loads(trained.get_pipe("tagger").to_bytes())
    data["cfg"] = srsly.json_dumps({"labels": ["NNP"]})
    with pytest.raises(ValueError, match=r"labels of 'tagger'.* 1 classes.* scores 9"):
        make_nlp(trained.kind).get_pipe("tagger").from_bytes(srsly.msgpack_dumps(data))


@pytest.mark.parametrize(("saved", "loaded"), [(1, 2), (2, 1)])
def test_weights_of_a_network_with_more_or_less_layers(saved, loaded):
    X = [np.ones((4, 3), dtype="float32")]
    model = build_rnn(6, depth=saved)
    model.initialize(X=X)
    with pytest.raises(ValueError, match=r"not of this RNN: only one of the two has networks\.2\."):
        build_rnn(6, depth=loaded).from_bytes(model.to_bytes())


def test_weights_of_another_component(folder):
    shutil.copy(folder / "tagger" / "model", folder / "ner" / "model")
    assert_error_names(folder / "ner", folder)


@pytest.fixture(scope="module")
def checked(trained, tmp_path_factory):
    """The folder of a pipeline that was saved with checksums."""
    folder = tmp_path_factory.mktemp("checked") / "pipeline"
    nlp = save_safely(make_nlp(trained.kind).from_bytes(trained.to_bytes()))
    nlp.config["nlp"]["after_creation"] = {"@callbacks": "spacy-seqtag.SafeSaving.v1"}
    nlp.to_disk(folder)
    return folder


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_that_is_not_as_it_was_saved_is_noticed(checked, data):
    names = sorted(srsly.read_json(checked / "checksums.json")["sha256"])
    path = checked / data.draw(st.sampled_from(names))
    content = path.read_bytes()
    harmed = bytearray(content)
    if content and data.draw(st.booleans()):
        harmed[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        harmed = harmed[: data.draw(st.integers(0, len(content) - 1))] if content else b" "
    path.write_bytes(harmed)
    try:
        assert_error_names(path, checked, "checksums.json")
    finally:
        path.write_bytes(content)


def test_every_missing_file_is_named(checked, tmp_path):
    for name in srsly.read_json(checked / "checksums.json")["sha256"]:
        path = checked / name
        path.rename(tmp_path / "away")
        try:
            assert_error_names(path, checked, "missing")
        finally:
            (tmp_path / "away").rename(path)
    spacy.load(checked)


def test_damaged_checksums(checked):
    path = checked / "checksums.json"
    content = path.read_bytes()
    path.write_bytes(content[:10])
    try:
        assert_error_names(path, checked, "damaged")
    finally:
        path.write_bytes(content)


def test_components_that_are_left_out_are_not_checked(checked, tmp_path):
    folder = shutil.copytree(checked, tmp_path / "pipeline")
    shutil.rmtree(folder / "ner")
    assert "ner" not in spacy.load(folder, exclude=["ner"]).pipe_names


class Malicious:
    def __reduce__(self):
        return (print, ("this code must not run",))


@pytest.fixture(scope="module")
def with_transformer(tiny_bert):
    config = {"nlp": {"lang": "en", "pipeline": ["transformer"]}}
    config["components"] = {"transformer": transformer_config(tiny_bert)}
    nlp = spacy.util.load_model_from_config(Config(config), auto_fill=True)
    nlp.initialize()
    return nlp


def load_tampered(nlp, tamper):
    """Change what the transformer's shim has saved, and load that."""
    shim = nlp.get_pipe("transformer").model.layers[0].shims[0]
    msg = srsly.msgpack_loads(shim.to_bytes())
    tamper(msg)
    shim.from_bytes(srsly.msgpack_dumps(msg))


def test_weights_of_a_transformer_that_hold_code_are_refused(with_transformer, capsys):
    with pytest.raises(ValueError, match="weights_only"):
        load_tampered(with_transformer, lambda msg: msg.update(state=pickle.dumps(Malicious())))
    assert "must not run" not in capsys.readouterr().out


@pytest.mark.parametrize("part", ["tokenizer", "model"])
def test_code_that_comes_with_a_transformer_does_not_run(with_transformer, part, capsys, tmp_path):
    code = b"from transformers import *\nprint('this code must not run')\nclass Mine(BertTokenizerFast): pass\n"

    def tamper(msg):
        msg["tokenizer"]["mine.py"] = code
        if part == "tokenizer":
            msg["tokenizer"]["kwargs"]["trust_remote_code"] = True
            tokenizer_config = srsly.json_loads(msg["tokenizer"]["tokenizer_config.json"])
            tokenizer_config.update(auto_map={"AutoTokenizer": [None, "mine.Mine"]}, tokenizer_class="Mine")
            msg["tokenizer"]["tokenizer_config.json"] = srsly.json_dumps(tokenizer_config).encode()
        else:
            msg["config"].update(auto_map={"AutoConfig": "mine.Mine"}, model_type="mine")

    with pytest.raises(ValueError, match=r"trust_remote_code|model type"):
        load_tampered(with_transformer, tamper)
    assert "must not run" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside-of-the-pipeline.txt", "a/b"])
def test_a_transformer_writes_no_files_elsewhere(with_transformer, name):
    with pytest.raises(ValueError, match="no plain file name"):
        load_tampered(with_transformer, lambda msg: msg["tokenizer"].update({name: b"text"}))


def test_weights_that_a_transformer_lacks_are_named(with_transformer):
    from io import BytesIO

    import torch

    def tamper(msg):
        state = torch.load(BytesIO(msg["state"]), weights_only=True)
        state.pop("encoder.layer.1.output.dense.weight")
        stream = BytesIO()
        torch.save(state, stream)
        msg["state"] = stream.getvalue()

    with pytest.raises(ValueError, match=r"encoder\.layer\.1\.output\.dense\.weight"):
        load_tampered(with_transformer, tamper)


def test_a_transformer_that_is_not_tampered_with_loads(with_transformer):
    load_tampered(with_transformer, lambda msg: None)
    assert not with_transformer.get_pipe("transformer").model.transformer.training


@pytest.mark.parametrize("content", [{}, [], {"spacy-seqtag": "0.1.0", "sha256": 1}])
def test_checksums_that_are_none(checked, tmp_path, content):
    folder = shutil.copytree(checked, tmp_path / "pipeline")
    srsly.write_json(folder / "checksums.json", content)
    assert_error_names(folder / "checksums.json", folder)
