"""Where a pipeline's time goes."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import _pipe, raise_error
from thinc.api import Model

from .documents import Text, make_docs
from .stopwatch import Stopwatch

TOKENIZER, EMBEDDING, ENCODER, HEAD, ANNOTATION, REST = STAGES = (
    "tokenizer",
    "embedding",
    "encoder",
    "head and decoding",
    "annotation",
    "rest",
)
"""The stages. The embedding of a pretrained transformer is the making of its word pieces. What predicts and is no part
of an embedding or an encoder counts as head, which for components written in C (as spaCy's parser and ner) includes
setting the annotations. The rest is batching, and components without a model."""


class Part(NamedTuple):
    """What a moment of a pipeline's time was spent on."""

    component: str
    stage: str


def time_stages(nlp: Language, texts: Sequence[Text], *, batch_size: int | None, watch: Stopwatch) -> dict[Part, float]:
    """Time a pipeline on documents with gold tokens, and its tokenizer on their text.

    Args:
        nlp: The pipeline.
        texts: The documents.
        batch_size: Documents of a batch; None for the pipeline's own.
        watch: A stopwatch that has not been used.

    Returns:
        Seconds of each part; they add up to the whole.
    """
    docs = list(make_docs(nlp.vocab, texts))
    raw = [doc.text for doc in docs]
    with watch.stage(Part("tokenizer", TOKENIZER)):
        for text in raw:
            nlp.tokenizer(text)
    with instrumented(nlp, watch), watch.stage(Part("nlp.pipe", REST)):
        for _ in nlp.pipe(docs, batch_size=batch_size):
            pass
    return {part: seconds for part, seconds in watch.seconds.items() if isinstance(part, Part)}


@contextmanager
def instrumented(nlp: Language, watch: Stopwatch) -> Iterator[None]:
    """Let a stopwatch know what a pipeline is doing."""
    components = nlp._components
    with ExitStack() as undo:
        undo.callback(setattr, nlp, "_components", components)
        timed: list[Any] = [(name, instrument(name, component, watch, undo)) for name, component in components]
        nlp._components = timed
        yield


class Instrumented:
    """A component in whose place the stopwatch counts its time.

    Args:
        name: Name of the component.
        component: The component.
        stage: What counts for no other stage.
        watch: The stopwatch.
    """

    def __init__(self, name: str, component: Any, stage: str, watch: Stopwatch) -> None:
        self.name, self.component, self.stage, self.watch = name, component, stage, watch

    def pipe(self, docs: Iterable[Doc], **kwargs: Any) -> Iterator[Doc]:
        stream = _pipe(docs, self.component, self.name, raise_error, kwargs)
        return self.watch.drawn(Part(self.name, self.stage), stream)


def instrument(name: str, component: Any, watch: Stopwatch, undo: ExitStack) -> Instrumented:
    model = getattr(component, "model", None)
    if not isinstance(model, Model):
        return Instrumented(name, component, REST, watch)
    for layer, stage in layer_stages(model):
        undo.callback(setattr, layer, "_func", layer._func)
        layer._func = watch.timed(Part(name, stage), layer._func)
    # What has listeners is an encoder without a head.
    predicting = ENCODER if getattr(component, "listener_map", None) is not None else HEAD
    for method, stage in (("predict", predicting), ("set_annotations", ANNOTATION)):
        try:
            setattr(component, method, watch.timed(Part(name, stage), getattr(component, method)))
        except AttributeError:  # of a class written in C
            return Instrumented(name, component, predicting, watch)
        undo.callback(delattr, component, method)
    return Instrumented(name, component, REST, watch)


def layer_stages(model: Model[Any, Any]) -> list[tuple[Model[Any, Any], str]]:
    """The layers of a model that embed or encode, by the names that spaCy's architectures give them."""
    found = {}
    for layer in model.walk():
        for reference, stage in (("embed", EMBEDDING), ("encode", ENCODER)):
            if layer.has_ref(reference):
                found[id(layer.get_ref(reference))] = layer.get_ref(reference), stage
        if "set_transformer" in layer.attrs:  # of spacy-transformers
            found[id(layer)] = layer, EMBEDDING
            found[id(layer.layers[0])] = layer.layers[0], ENCODER
    return list(found.values())
