"""A corpus that a small pipeline learns by heart, and pipelines of each kind to learn it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import srsly
from numpy.typing import NDArray
from spacy.language import Language
from spacy.lookups import Lookups
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_model_from_config
from thinc.api import Adam, Config, Model, fix_random_seed

from spacy_seqtag.models.dictionary import TABLE, TAG_TABLE
from spacy_seqtag.models.types import ChainScores, Transitions

from ..conftest import transformer_config

TOY = """
Anna|NNP|B-PER Lee|NNP|I-PER lives|VBZ|O in|IN|O New|NNP|B-LOC York|NNP|I-LOC .|.|O
Tom|NNP|B-PER visits|VBZ|O Rome|NNP|B-LOC .|.|O
Old|JJ|O books|NNS|O are|VBP|O expensive|JJ|O .|.|O
Acme|NNP|B-ORG hired|VBD|O Anna|NNP|B-PER Lee|NNP|I-PER in|IN|O Rome|NNP|B-LOC .|.|O
He|PRP|O visits|VBZ|O New|NNP|B-LOC York|NNP|I-LOC Acme|NNP|B-ORG .|.|O
"""
TAGS = (".", "IN", "JJ", "NNP", "NNS", "PRP", "VBD", "VBP", "VBZ")
TYPES = ("LOC", "ORG", "PER")
TEXTS = [" ".join(token.split("|")[0] for token in line.split(" ")) for line in TOY.strip().splitlines()]

EMBED = """
@architectures = "spacy.MultiHashEmbed.v2"
width = 16
attrs = ["ORTH", "SHAPE"]
rows = [200, 50]
include_static_vectors = false
"""
ENCODE = """
@architectures = "spacy-seqtag.RNN.v1"
width = 16
"""
TOK2VEC = f"""
[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy.Tok2Vec.v2"

[components.tok2vec.model.embed]
{EMBED}
[components.tok2vec.model.encode]
{ENCODE}"""
# Of each kind: the model's section of a component's config, in which NAME is the component's.
MODELS = {
    # Listens to a tok2vec that the components share.
    "shared": """
[components.NAME.model]
@architectures = "spacy-seqtag.Linear.v1"

[components.NAME.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = ${components.tok2vec.model.encode.width}
""",
    # Has a tok2vec of its own.
    "own": f"""
[components.NAME.model]
@architectures = "spacy-seqtag.Linear.v1"

[components.NAME.model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[components.NAME.model.tok2vec.embed]
{EMBED}
[components.NAME.model.tok2vec.encode]
{ENCODE}""",
    # Has an encoder of its own whose output is the scores.
    "direct": """
[components.NAME.model]
@architectures = "spacy-seqtag.Direct.v1"

[components.NAME.model.embed]
@architectures = "spacy-seqtag.DictionaryEmbed.v1"
width = 16
unk_alpha = 0

[components.NAME.model.encode]
@architectures = "spacy-seqtag.RNN.v1"
cell = "gru"
bidirectional = false
""",
}
# Pools a linear layer with a log-linear model, as the taggers of the flagships do.
MODELS["pooled"] = """
[components.NAME.model]
@architectures = "spacy-seqtag.OpinionPool.v1"
weights = [0.5, 1.0]

[components.NAME.model.*.loglinear]
@architectures = "spacy-seqtag.MEMM.v1"
rows = 5000
""" + MODELS["own"].replace("NAME.model", "NAME.model.*.neural")
# The same with a CRF over the scores.
MODELS.update({f"{kind} crf": MODELS[kind].replace("Linear", "CRF") for kind in ("shared", "own")})
# Those that most tests run with.
KINDS = ["shared", "own", "shared crf"]
FACTORIES = {"tagger": "seqtag_tagger", "ner": "seqtag_ner"}
PIPES = {kind: ["tok2vec"] * kind.startswith("shared") + ["tagger", "ner"] for kind in MODELS}
# Label scheme of the recognizer where it is not the default.
SCHEMES = {"shared crf": "BILOU"}
PREFIXES = {kind: "BILU" if kind in SCHEMES else "BI" for kind in MODELS}


def scoring(scores: list[NDArray[np.float32]], transitions: Transitions | None = None) -> Model[Any, Any]:
    """A model that gives documents these scores, as either head does."""
    predicted = scores if transitions is None else ChainScores(scores, transitions)
    return Model("scoring", lambda model, docs, is_train: (predicted, lambda d_scores: docs))


def config_text(kind: str, encoder: str = "RNN") -> str:
    text = f'[nlp]\nlang = "en"\npipeline = {srsly.json_dumps(PIPES[kind])}\n\n[components]\n'
    if "tok2vec" in PIPES[kind]:
        text += TOK2VEC
    for name, factory in FACTORIES.items():
        text += f'\n[components.{name}]\nfactory = "{factory}"\n'
        if name == "ner" and kind in SCHEMES:
            text += f'scheme = "{SCHEMES[kind]}"\n'
        text += MODELS[kind].replace("NAME", name)
    return text.replace("spacy-seqtag.RNN.v1", f"spacy-seqtag.{encoder}.v1")


def make_nlp(kind: str, encoder: str = "RNN") -> Language:
    nlp = load_model_from_config(Config().from_str(config_text(kind, encoder), interpolate=False), auto_fill=True)
    lookups = Lookups()
    lookups.add_table(TABLE, {word: 1 for text in TEXTS for word in text.split()})
    lookups.add_table(TAG_TABLE, {"Anna": {"NNP": 2}, "visits": {"VBZ": 2}})
    nlp.vocab.lookups = lookups
    return nlp


def listening_to_a_transformer(folder: Path) -> Language:
    """The taggers on a transformer that computes in half precision, where the machine does."""
    config = Config().from_str(config_text("own crf"), interpolate=False)
    config["nlp"]["pipeline"] = ["transformer", "tagger", "ner"]
    config["components"]["transformer"] = transformer_config(folder, mixed_precision=True)
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    for name in ("tagger", "ner"):
        config["components"][name]["model"]["tok2vec"] = listener
    return load_model_from_config(config, auto_fill=True)


def make_example(nlp: Language, line: str) -> Example:
    """An example of ``word|tag|iob`` tokens; an empty tag or IOB tag is missing annotation."""
    words, tags, ents = map(list, zip(*(token.split("|") for token in line.split(" ")), strict=True))
    return Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, tags=tags, ents=ents))


def toy_examples(nlp: Language, text: str = TOY) -> list[Example]:
    return [make_example(nlp, line) for line in text.strip().splitlines()]


def initialize(nlp: Language, text: str = TOY) -> Language:
    fix_random_seed(0)
    nlp.initialize(lambda: toy_examples(nlp, text))
    return nlp


def update(nlp: Language, examples: list[Example], optimizer: Any) -> dict[str, float]:
    """A step as ``spacy train`` takes it: all components pass their gradients back before any of them learns."""
    losses = nlp.update(examples, sgd=False)
    for _, pipe in nlp.pipeline:
        pipe.finish_update(optimizer)
    return losses


def train(nlp: Language, examples: list[Example], steps: int = 60) -> None:
    optimizer = Adam(0.02)
    for _ in range(steps):
        update(nlp, examples, optimizer)


def annotations(docs: Iterable[Doc]) -> list[list[tuple[str, str, str]]]:
    return [[(token.tag_, token.ent_iob_, token.ent_type_) for token in doc] for doc in docs]


def weights(nlp: Language, name: str) -> list[NDArray[np.float32]]:
    """Copies of all that a component has learnt."""
    found = []
    for node in nlp.get_pipe(name).model.walk():
        found += [node.get_param(param).copy() for param in node.param_names]
        modules = [shim._model for shim in node.shims if shim._model is not None]
        found += [p.detach().numpy().copy() for module in modules for p in module.parameters()]
    return found


def changed(nlp: Language, name: str, before: list[NDArray[np.float32]]) -> bool:
    return not all(np.array_equal(new, old) for new, old in zip(weights(nlp, name), before, strict=True))


def gradients(nlp: Language, examples: list[Example]) -> tuple[dict[str, float], dict[tuple[int, str], Any]]:
    """The losses of an update and its gradient of each parameter; nothing is learnt."""
    recorded = {}

    def record(key, parameter, gradient, *, lr_scale=1.0):
        recorded[key] = gradient.copy()
        gradient *= 0
        return parameter, gradient

    return update(nlp, examples, record), recorded
