import pytest

from ..pipeline import toy


@pytest.fixture(scope="session", params=["shared", "own crf"])
def trained(request):
    """A pipeline that knows the toy corpus by heart, with independent heads over a shared encoder or with a CRF. Not to
    be changed."""
    nlp = toy.initialize(toy.make_nlp(request.param))
    toy.train(nlp, toy.toy_examples(nlp))
    nlp.kind = request.param
    return nlp
