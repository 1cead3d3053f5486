"""Further training examples, made from those of the corpus."""

from collections.abc import Callable, Iterator
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

Augmenter = Callable[[Language, Example], Iterator[Example]]


def build_sentences_augmenter() -> Augmenter:
    """Train on each document, and on each of its sentences as a document of its own: a pipeline that has seen both
    knows where sentences start and end, and does not need a document around one. A document whose sentences are not
    annotated, or that has one only, is left as it is.

    The sentences have the annotation of tokens and the entities; an entity that goes beyond a sentence is no annotation
    in it. Span groups and categories they do not have, so a ``spancat`` should not be trained on them.

    An augmenter for spaCy's corpus readers, as in ``[corpora.train.augmenter]``.
    """
    return add_sentences


def add_sentences(nlp: Language, example: Example) -> Iterator[Example]:
    """An example, and one for each of its sentences if there are several."""
    yield example
    document: Any = example.reference
    if not document.has_annotation("SENT_START"):
        return
    sentences = list(document.sents)
    if len(sentences) > 1:
        attributes = document._get_array_attrs()  # once, where `as_doc` would for each sentence
        values = document.to_array(attributes)
        for sentence in sentences:
            reference: Doc = sentence.as_doc(array_head=attributes, array=values)
            if document.has_unknown_spaces:
                predicted = Doc(nlp.vocab, words=[token.text for token in reference])
            else:
                predicted = nlp.make_doc(reference.text)
            yield Example(predicted, reference)
