"""The named entity recognizer: sets ``doc.ents``."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from ..models.pytorch import IGNORE
from ..models.types import Scorer, Transitions
from .default_model import DEFAULT_MODEL
from .schemes import SCHEMES, Scheme
from .token_classifier import Classes, TokenClassifier


@Language.factory(
    "seqtag_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={"model": DEFAULT_MODEL, "scheme": "IOB2", "scorer": {"@scorers": "spacy.ner_scorer.v1"}},
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_seqtag_ner(
    nlp: Language,
    name: str,
    model: Scorer,
    scheme: Literal["IOB2", "BILOU"],
    scorer: Callable[..., dict[str, Any]] | None,
) -> "SeqNER":
    """Make the component.

    Args:
        nlp: The pipeline.
        name: Name of the component.
        model: Scores each token for each class of the scheme.
        scheme: Label scheme of the classes, "IOB2" or "BILOU"; annotations are spaCy's in either.
        scorer: Scores examples for evaluation.
    """
    return SeqNER(nlp.vocab, model, name, scorer=scorer, scheme=scheme)


class SeqNER(TokenClassifier):
    """Finds entities; the labels are their types, the classes their tags in a label scheme. Entities that a document
    already has are kept, and what overlaps with them or with blocked tokens is not set.

    Args:
        vocab: The shared vocabulary.
        model: Scores each token for each class.
        name: Name of the component in the pipeline.
        scheme: The label scheme, "IOB2" or "BILOU".
        settings: As for :class:`~spacy_seqtag.pipeline.token_classifier.TokenClassifier`.
    """

    annotation = "entity"

    def __init__(self, vocab: Vocab, model: Scorer, name: str, *, scheme: str = "IOB2", **settings: Any) -> None:
        super().__init__(vocab, model, name, **settings)
        self.scheme: Scheme = SCHEMES[scheme]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.scheme.classes(self.labels)

    @property
    def constraints(self) -> Transitions:
        return self.scheme.constraints(len(self.labels))

    def labels_in(self, example: Example) -> Iterable[str]:
        return (ent.label_ for ent in example.reference.ents)

    def gold_classes(self, example: Example) -> Classes:
        index = self.scheme.encode(self.labels)
        gold = np.full(len(example.predicted), IGNORE, dtype="int64")
        for i, tag in enumerate(example.get_aligned_ner()):
            if tag is not None and tag != "-":
                if tag not in index:
                    raise self.unknown_label(tag[2:])
                gold[i] = index[tag]
        return gold

    def set_annotations(self, docs: Iterable[Doc], classes: Sequence[Classes]) -> None:
        """Set the entities.

        Args:
            docs: The documents to modify.
            classes: What :meth:`predict` returned for them.
        """
        for doc, doc_classes in zip(docs, classes, strict=True):
            labels = self.string_ids(doc, self.labels)
            spans = []
            for start, end, type_index in self.scheme.entities(doc_classes):
                # spaCy allows no entity to start or end with whitespace, of which its tokenizer makes tokens.
                while start < end and doc[start].is_space:
                    start += 1
                while start < end and doc[end - 1].is_space:
                    end -= 1
                if start < end:
                    spans.append(Span(doc, start, end, label=int(labels[type_index])))
            # Tokens of no entity that begin one are how spaCy marks those that may be in none.
            blocked = [
                doc[i : i + 1] for i in np.flatnonzero((doc.to_array(ENT_IOB) == 3) & (doc.to_array(ENT_TYPE) == 0))
            ]
            present = list(doc.ents)
            taken = {i for span in (*present, *blocked) for i in range(span.start, span.end)}
            spans = [span for span in spans if taken.isdisjoint(range(span.start, span.end))]
            doc.set_ents(present + spans, blocked=blocked)
