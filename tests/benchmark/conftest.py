import pytest
import spacy
from spacy.tokens import Doc, DocBin

from ..pipeline import toy


@pytest.fixture(scope="session")
def ours():
    """A pipeline of ours that knows the toy corpus by heart."""
    nlp = toy.initialize(toy.make_nlp("shared crf"))
    toy.train(nlp, toy.toy_examples(nlp))
    return nlp


@pytest.fixture(scope="session")
def built_in():
    """spaCy's own tagger and ner on a shared tok2vec, not trained."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    nlp.add_pipe("tagger", config={"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}})
    parser = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner", "hidden_width": 16}
    model = {**parser, "extra_state_tokens": False, "maxout_pieces": 2, "use_upper": True, "tok2vec": listener}
    nlp.add_pipe("ner", config={"model": model})
    toy.initialize(nlp)
    nlp.add_pipe("sentencizer")
    return nlp


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """The toy corpus as a file, with bounds of sentences and a document without words."""
    nlp = spacy.blank("en")
    docs = [example.reference for example in toy.toy_examples(nlp)]
    path = tmp_path_factory.mktemp("corpus") / "dev.spacy"
    DocBin(docs=[Doc.from_docs(docs[:2]), *docs[2:], Doc(nlp.vocab)]).to_disk(path)
    return path
