"""Each system's own config, from a corpus to a trained, saved and loaded pipeline."""

import pytest
import spacy
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from thinc.api import Adam

from spacy_seqtag.cli.compare import BASELINES, SYSTEMS
from spacy_seqtag.corpus import convert, read_folder

from .conftest import ROOT

POS_TOY = """
i PRON O O
want VERB O O
a DET O O
dog NOUN O O

books NOUN O O
are VERB O O
expensive ADJ O O
"""
NER_TOY = """
karpathy B-PER
is O
working O
in O
openai B-ORG

geoffrey B-PER
hinton I-PER
is O
from O
canada B-LOC
"""


def toy_corpus(folder, text):
    for name in ("train.txt", "dev.txt"):
        (folder / name).write_text(text, encoding="utf8")
    stats = convert(read_folder(folder), folder / "corpus", spacy.blank("en"), source="toy")
    assert stats["splits"]["train"]["sentences"] == 2
    return folder / "corpus"


def learn(system, corpus, task, transformer):
    config = ROOT / "configs" / f"{system}.cfg"
    shared = [pipe for pipe in load_config(config)["nlp"]["pipeline"] if pipe not in ("tagger", "ner")]
    overrides = {"paths.corpus": str(corpus), "nlp.pipeline": [*shared, task]}
    if "transformer" in load_config(config)["paths"]:
        overrides["paths.transformer"] = str(transformer)
    nlp = init_nlp(load_config(config, overrides=overrides))
    examples = list(Corpus(corpus / "train.spacy")(nlp))
    optimizer = Adam(0.002, use_averages=False)
    for _ in range(250):
        nlp.update(examples, sgd=False)
        for _name, pipe in nlp.pipeline:
            pipe.finish_update(optimizer)
    return nlp, list(Corpus(corpus / "dev.spacy")(nlp))


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("task", "toy", "score"), [("tagger", POS_TOY, "tag_acc"), ("ner", NER_TOY, "ents_f")])
def test_each_system_learns_the_lecture_toys(system, task, toy, score, tmp_path, tiny_bert):
    nlp, examples = learn(system, toy_corpus(tmp_path, toy), task, tiny_bert)
    assert nlp.evaluate(examples)[score] == 1.0
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    text = "i want a dog from canada . geoffrey hinton sold openai an unheard-of book"
    docs = [pipeline(text) for pipeline in (nlp, loaded)]
    for annotation in ("tag_", "ent_iob_", "ent_type_"):
        ours, theirs = ([getattr(token, annotation) for token in doc] for doc in docs)
        assert ours == theirs


def test_there_is_a_config_for_each_system():
    assert {path.stem for path in (ROOT / "configs").glob("*.cfg")} == {*SYSTEMS, *BASELINES}


@pytest.mark.parametrize("system", SYSTEMS)
def test_spacy_fills_in_each_config(system):
    config = load_config(ROOT / "configs" / f"{system}.cfg")
    filled = spacy.util.load_model_from_config(config, auto_fill=True).config
    assert {"tagger", "ner"} <= set(filled["nlp"]["pipeline"])
    assert {filled["components"][name]["factory"] for name in ("tagger", "ner")} == {"seqtag_tagger", "seqtag_ner"}


def test_a_transformer_that_cannot_be_had(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    overrides = {"paths.corpus": str(toy_corpus(tmp_path, POS_TOY)), "paths.transformer": "no-such/transformer"}
    config = load_config(ROOT / "configs" / "bert.cfg", overrides=overrides)
    with pytest.raises(ValueError, match=r"(?s)'no-such/transformer'.*--vars\.transformer FOLDER"):
        init_nlp(config)
