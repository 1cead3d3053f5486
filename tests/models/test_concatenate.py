"""Vectors side by side, of our layers, spaCy's own and a transformer's."""

import numpy as np
import pytest
import spacy
from spacy.ml.models import MultiHashEmbed
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Config, fix_random_seed

from spacy_seqtag.models.characters import build_char_cnn
from spacy_seqtag.models.concatenate import build_concatenate

from ..conftest import transformer_config

WORDS = ["Paris", "is", "near", "Rome"]


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    nlp.vocab.reset_vectors(width=5)
    nlp.vocab.set_vector("Paris", np.arange(5, dtype="float32"))
    return nlp


@pytest.fixture
def docs(nlp):
    return [Doc(nlp.vocab, words=WORDS), Doc(nlp.vocab, words=[]), Doc(nlp.vocab, words=WORDS[:2])]


def layers():
    fix_random_seed(0)
    return [
        build_char_cnn(width=6),
        MultiHashEmbed(8, ["NORM", "SHAPE"], [50, 20], include_static_vectors=True),
    ]


def test_vectors_stand_side_by_side(docs):
    parts = layers()
    model = build_concatenate(*parts)
    model.initialize(X=docs)
    assert model.get_dim("nO") == 14
    for vectors, characters, attributes in zip(
        model.predict(docs), parts[0].predict(docs), parts[1].predict(docs), strict=True
    ):
        assert vectors.shape == (len(characters), 14)
        if len(vectors):
            np.testing.assert_array_equal(vectors, np.hstack([characters, attributes]))


def test_each_layer_gets_its_part_of_the_gradient(docs):
    rng = np.random.default_rng(0)
    d_vectors = [rng.normal(size=(len(doc), 14)).astype("float32") for doc in docs]
    together, apart = layers(), layers()
    model = build_concatenate(*together)
    model.initialize(X=docs)
    for layer in apart:
        layer.initialize(X=docs)
    for one, other in zip(apart, together, strict=True):
        one.from_bytes(other.to_bytes())
    model.begin_update(docs)[1](d_vectors)
    apart[0].begin_update(docs)[1]([d[:, :6] for d in d_vectors])
    apart[1].begin_update(docs)[1]([d[:, 6:] for d in d_vectors])
    for one, other in zip(apart, together, strict=True):
        for a, b in zip(one.walk(), other.walk(), strict=True):
            assert a.grad_names == b.grad_names
            for name in a.grad_names:
                np.testing.assert_allclose(a.get_grad(name), b.get_grad(name), atol=1e-5)


def test_dropout_is_for_training(docs):
    model = build_concatenate(*layers(), dropout=0.5)
    model.initialize(X=docs)
    expected = model.predict(docs)[0]
    trained, backprop = model.begin_update(docs)
    dropped = trained[0] == 0
    assert 0.2 < dropped.mean() < 0.8
    np.testing.assert_allclose(trained[0][~dropped], 2 * expected[~dropped], rtol=1e-5)
    np.testing.assert_array_equal(model.predict(docs)[0], expected)
    backprop(trained)


CONFIG = """
[nlp]
lang = "en"
pipeline = ["transformer", "tok2vec", "ner"]

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy.Tok2Vec.v2"

[components.tok2vec.model.embed]
@architectures = "spacy-seqtag.Concatenate.v1"

[components.tok2vec.model.embed.*.transformer]
@architectures = "spacy-transformers.TransformerListener.v1"

[components.tok2vec.model.embed.*.transformer.pooling]
@layers = "POOLING"

[components.tok2vec.model.embed.*.attributes]
@architectures = "spacy.MultiHashEmbed.v2"
width = 8
attrs = ["SHAPE"]
rows = [50]
include_static_vectors = false

[components.tok2vec.model.encode]
@architectures = "spacy-seqtag.MLP.v1"
width = 12

[components.ner]
factory = "seqtag_ner"

[components.ner.model]
@architectures = "spacy-seqtag.CRF.v1"

[components.ner.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 12
"""


def pipeline(folder, *, layers=1, scale=1.0, pooling="reduce_mean.v1"):
    fix_random_seed(0)
    transformer = transformer_config(folder, mixed_layers=layers, learn_rate_scale=scale)
    config = Config().from_str(CONFIG.replace("POOLING", pooling)).merge({"components": {"transformer": transformer}})
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    example = Example.from_dict(nlp.make_doc("Paris is near Rome"), {"entities": [(0, 5, "LOC"), (14, 18, "LOC")]})
    optimizer = nlp.initialize(lambda: [example])
    return nlp, example, optimizer


def update(nlp, example, optimizer):
    """A step of a given optimizer for all components at once, as `spacy train` takes it."""
    nlp.update([example], sgd=False)
    for _, component in nlp.pipeline:
        component.finish_update(optimizer)


def weights(nlp):
    transformer = nlp.get_pipe("transformer").model.transformer
    return {name: p.detach().clone() for name, p in transformer.named_parameters()}


@pytest.mark.parametrize("pooling", ["reduce_mean.v1", "reduce_first.v1", "reduce_last.v1"])
def test_a_transformer_beside_attributes_is_trained_with_them(tiny_bert, pooling, tmp_path):
    nlp, example, optimizer = pipeline(tiny_bert, pooling=pooling)
    before = weights(nlp)
    losses = []
    for _ in range(30):
        loss = {}
        nlp.update([example], sgd=optimizer, losses=loss)
        losses.append(loss["ner"])
    assert losses[-1] < 0.5 * losses[0]
    after = weights(nlp)
    assert not np.allclose(before["embeddings.word_embeddings.weight"], after["embeddings.word_embeddings.weight"])
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    text = "Rome is near Paris"
    assert loaded(text).to_json()["ents"] == nlp(text).to_json()["ents"]


def test_the_pretrained_weights_learn_more_slowly(tiny_bert):
    moved = {}
    for scale in (1.0, 0.1, 0.0):
        nlp, example, _ = pipeline(tiny_bert, scale=scale)
        optimizer = spacy.registry.optimizers.get("spacy-seqtag.Adam.v1")(0.01)
        before = weights(nlp)
        update(nlp, example, optimizer)
        moved[scale] = max((after - before[name]).abs().max().item() for name, after in weights(nlp).items())
    assert moved[0.0] == 0
    assert moved[0.1] == pytest.approx(0.1 * moved[1.0], rel=1e-2)


def test_layers_are_mixed(tiny_bert, tmp_path):
    nlp, example, _ = pipeline(tiny_bert, layers=2)
    layer = nlp.get_pipe("transformer").model.layers[0]
    doc = nlp.get_pipe("transformer")(nlp.make_doc("Paris is near Rome"))
    hidden = []
    layer.shims[0].module.register_forward_hook(lambda module, args, output: hidden.extend(output.hidden_states))
    layer.set_param("mix", np.asarray([0.0, 1.0], dtype="float32"))
    doc = nlp.get_pipe("transformer")(nlp.make_doc("Paris is near Rome"))
    share = np.exp([0.0, 1.0]) / np.exp([0.0, 1.0]).sum()
    expected = share[0] * hidden[-2].numpy() + share[1] * hidden[-1].numpy()
    np.testing.assert_allclose(doc._.trf_data.model_output.last_hidden_state, expected, atol=1e-5)

    optimizer = spacy.registry.optimizers.get("spacy-seqtag.Adam.v1")(0.01)
    for _ in range(3):
        update(nlp, example, optimizer)
    learnt = layer.get_param("mix")
    assert not np.allclose(learnt, [0.0, 1.0], atol=1e-3)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    np.testing.assert_array_equal(loaded.get_pipe("transformer").model.layers[0].get_param("mix"), learnt)
    first, second = (pipe("Rome is near Paris")._.trf_data.model_output.last_hidden_state for pipe in (nlp, loaded))
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_the_mix_has_the_gradient_of_finite_differences(tiny_bert):
    nlp, _, _ = pipeline(tiny_bert, layers=2)
    model = nlp.get_pipe("transformer").model
    layer = model.layers[0]
    layer.shims[0].module.config.hidden_dropout_prob = 0.0
    for module in layer.shims[0].module.modules():
        if hasattr(module, "p"):
            module.p = 0.0
        if hasattr(module, "dropout_prob"):
            module.dropout_prob = 0.0
    docs = [nlp.make_doc("Paris is near Rome")]
    direction = np.random.default_rng(0).normal(size=model.predict(docs).model_output.last_hidden_state.shape)

    def projected(mix):
        layer.set_param("mix", np.asarray(mix, dtype="float32"))
        return float((model.predict(docs).model_output.last_hidden_state.numpy() * direction).sum())

    expected = [(projected(0.01 * e) - projected(-0.01 * e)) / 0.02 for e in np.eye(2)]
    layer.set_param("mix", np.zeros(2, dtype="float32"))
    output, backprop = model.begin_update(docs)
    backprop(output.unsplit_by_doc([[direction.astype("float32")]]))
    np.testing.assert_allclose(layer.get_grad("mix"), expected, rtol=1e-2, atol=1e-3)


def test_a_batch_of_empty_documents_is_no_update(tiny_bert):
    nlp, example, optimizer = pipeline(tiny_bert)
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    nlp.update([empty], sgd=optimizer)
    nlp.update([empty, example], sgd=optimizer)
    assert [len(doc) for doc in nlp.pipe(["", "Paris is near Rome", ""])] == [0, 4, 0]


def test_more_layers_than_there_are_cannot_be_mixed(tiny_bert):
    with pytest.raises(ValueError, match="mixed_layers is 9, but the transformer has"):
        pipeline(tiny_bert, layers=9)


def test_no_layers():
    with pytest.raises(ValueError, match="Concatenate needs layers"):
        build_concatenate()
