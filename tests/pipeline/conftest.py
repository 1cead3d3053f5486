import pytest

from . import toy


@pytest.fixture(scope="session", params=toy.KINDS)
def kind(request):
    """Whether the components listen to a shared tok2vec or own their model, and have a CRF; all kinds of
    ``toy.MODELS`` where a test asks for it."""
    return request.param


@pytest.fixture(scope="session")
def trained(kind):
    """A pipeline that knows the toy corpus by heart. Not to be changed."""
    nlp = toy.initialize(toy.make_nlp(kind))
    toy.train(nlp, toy.toy_examples(nlp))
    return nlp


@pytest.fixture
def nlp(kind, trained):
    """A copy of the trained pipeline, to be changed."""
    return toy.make_nlp(kind).from_bytes(trained.to_bytes())


@pytest.fixture(params=["tagger", "ner"])
def name(request):
    """Name of a component."""
    return request.param
