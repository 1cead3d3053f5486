"""A trained pipeline predicts the same after it is saved and loaded."""

import pickle

import pytest
import spacy

from .toy import MODELS, PIPES, TEXTS, annotations, changed, initialize, make_nlp, weights

pytestmark = pytest.mark.parametrize("kind", MODELS, indirect=True, scope="session")


def through_disk(nlp, kind, path):
    nlp.to_disk(path)
    return spacy.load(path)


def through_bytes(nlp, kind, path):
    return make_nlp(kind).from_bytes(nlp.to_bytes())


def through_pickle(nlp, kind, path):
    # In the process that trained it, a listener of spaCy's holds on to its last update and cannot be pickled.
    return pickle.loads(pickle.dumps(through_bytes(nlp, kind, path)))


@pytest.mark.parametrize("saved", [through_disk, through_bytes, through_pickle])
def test_saved_pipelines_annotate_the_same(trained, kind, saved, tmp_path):
    # Words that the pipeline has not seen, for scores without a clear winner.
    texts = [*TEXTS, "Lee hired expensive books in York and Paris", "Rome lives", ""]
    loaded = saved(trained, kind, tmp_path)
    assert annotations(loaded.pipe(texts)) == annotations(trained.pipe(texts))
    for name in ("tagger", "ner"):
        assert loaded.get_pipe(name).labels == trained.get_pipe(name).labels
        assert not changed(loaded, name, weights(trained, name))


def test_a_component_is_saved_apart(trained, kind, name):
    other = make_nlp(kind)
    pipes = [pipe for pipe in PIPES[kind] if pipe in ("tok2vec", name)]
    for pipe in pipes:
        other.get_pipe(pipe).from_bytes(trained.get_pipe(pipe).to_bytes())
    with other.select_pipes(enable=pipes):
        docs = list(other.pipe(TEXTS))
    for doc, expected in zip(docs, trained.pipe(TEXTS), strict=True):
        if name == "tagger":
            assert [t.tag_ for t in doc] == [t.tag_ for t in expected]
        else:
            assert [(e.text, e.label_) for e in doc.ents] == [(e.text, e.label_) for e in expected.ents]


def test_an_untrained_pipeline_saves_and_can_be_initialized_then(kind, tmp_path):
    make_nlp(kind).to_disk(tmp_path)
    loaded = initialize(spacy.load(tmp_path))
    assert annotations([loaded(TEXTS[0])])[0][0][0] in loaded.get_pipe("tagger").labels
