"""The named entity recognizer: sets ``doc.ents``."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..models.pytorch import IGNORE
from ..models.types import Scorer
from .default_model import DEFAULT_MODEL
from .iob import OUTSIDE, begin, inside, iob_classes, iob_constraints, is_valid, iter_entities
from .token_classifier import Classes, TokenClassifier
from .viterbi import viterbi


@Language.factory(
    "seqtag_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={"model": DEFAULT_MODEL, "scorer": {"@scorers": "spacy.ner_scorer.v1"}},
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_seqtag_ner(nlp: Language, name: str, model: Scorer, scorer: Callable[..., dict[str, Any]] | None) -> "SeqNER":
    """Make the component.

    Args:
        nlp: The pipeline.
        name: Name of the component.
        model: Scores each token for each IOB2 class.
        scorer: Scores examples for evaluation.
    """
    return SeqNER(nlp.vocab, model, name, scorer=scorer)


class SeqNER(TokenClassifier):
    """Finds entities; the labels are their types, the classes their IOB2 tags. Entities that a document already has
    are kept, and what overlaps with them or with blocked tokens is not set."""

    annotation = "entity"

    @property
    def classes(self) -> tuple[str, ...]:
        return iob_classes(self.labels)

    def labels_in(self, example: Example) -> Iterable[str]:
        return (ent.label_ for ent in example.reference.ents)

    def gold_classes(self, example: Example) -> Classes:
        index = {"O": OUTSIDE}
        for i, label in enumerate(self.labels):
            index.update({f"B-{label}": begin(i), f"U-{label}": begin(i)})
            index.update({f"I-{label}": inside(i), f"L-{label}": inside(i)})
        gold = np.full(len(example.predicted), IGNORE, dtype="int64")
        for i, tag in enumerate(example.get_aligned_ner()):
            if tag is not None and tag != "-":
                if tag not in index:
                    raise self.unknown_label(tag[2:])
                gold[i] = index[tag]
        return gold

    def decode(self, docs: Sequence[Doc], scores: Sequence[NDArray[np.float32]]) -> list[Classes]:
        # Where the best class of each token makes a valid sequence, that is the best sequence.
        decoded = [doc_scores.argmax(axis=1) for doc_scores in scores]
        invalid = [i for i, classes in enumerate(decoded) if not is_valid(classes)]
        best = viterbi([scores[i] for i in invalid], *iob_constraints(len(self.labels)))
        for i, classes in zip(invalid, best, strict=True):
            decoded[i] = classes
        return decoded

    def set_annotations(self, docs: Iterable[Doc], classes: Sequence[Classes]) -> None:
        """Set the entities.

        Args:
            docs: The documents to modify.
            classes: What :meth:`predict` returned for them.
        """
        for doc, doc_classes in zip(docs, classes, strict=True):
            labels = self.string_ids(doc, self.labels)
            spans = []
            for start, end, type_index in iter_entities(doc_classes):
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
