"""The named entity recognizer: sets ``doc.ents``."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ENT_ID, ENT_IOB, ENT_KB_ID, ENT_TYPE
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from ..models.batches import by_document, ranges
from ..models.pytorch import IGNORE
from ..models.types import Scorer, Transitions
from .default_model import DEFAULT_MODEL
from .schemes import OUTSIDE, SCHEMES, Scheme
from .token_classifier import Classes, Prediction, Present, TokenClassifier, string_ids

IN, OUT, BEGIN = 1, 2, 3
"""spaCy's numbers of the IOB tags."""
NO_ENTITY = np.asarray([OUT, 0, 0, 0], dtype="uint64")
"""What it has of a token that is in no entity."""


@Language.factory(
    "seqtag_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": DEFAULT_MODEL,
        "scheme": "IOB2",
        "overwrite": False,
        "threshold": 0.0,
        "spans_key": None,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
)
def make_seqtag_ner(
    nlp: Language,
    name: str,
    model: Scorer,
    scheme: Literal["IOB2", "BILOU"],
    overwrite: bool,
    threshold: float,
    spans_key: str | None,
    scorer: Callable[..., dict[str, Any]] | None,
) -> "SeqNER":
    """Make the component.

    Args:
        nlp: The pipeline.
        name: Name of the component.
        model: Scores each token for each class of the scheme.
        scheme: Label scheme of the classes, "IOB2" or "BILOU"; annotations are spaCy's in either.
        overwrite: Whether to replace the entities that a document has; otherwise they are kept, and those that are
            found fit around them.
        threshold: Entities with a lower probability are not set.
        spans_key: Where in ``doc.spans`` the entities that are set go, with their probabilities in ``attrs["scores"]``
            and, for each token, in ``token._.ent_score``; None for nowhere.
        scorer: Scores examples for evaluation.
    """
    settings = {"overwrite": overwrite, "spans_key": spans_key, "scorer": scorer}
    return SeqNER(nlp.vocab, model, name, scheme=scheme, threshold=threshold, **settings)


class SeqNER(TokenClassifier):
    """Finds entities; the labels are their types, the classes their tags in a label scheme. Blocked tokens are in none.

    Args:
        vocab: The shared vocabulary.
        model: Scores each token for each class.
        name: Name of the component in the pipeline.
        scheme: The label scheme, "IOB2" or "BILOU".
        threshold: The lowest probability of an entity that is set.
        settings: As for :class:`~spacy_seqtag.pipeline.token_classifier.TokenClassifier`.
    """

    annotation = "entity"
    extension = "ent_score"
    attributes = (ENT_IOB, ENT_TYPE, ENT_KB_ID, ENT_ID)

    def __init__(
        self, vocab: Vocab, model: Scorer, name: str, *, scheme: str, threshold: float, **settings: Any
    ) -> None:
        super().__init__(vocab, model, name, **settings)
        self.scheme: Scheme = SCHEMES[scheme]
        if not 0 <= threshold <= 1:
            raise ValueError(f"the threshold of '{name}' is {threshold}: give a probability, from 0 to 1")
        self.threshold = threshold

    @property
    def classes(self) -> tuple[str, ...]:
        return self.scheme.classes(self.labels)

    @property
    def constraints(self) -> Transitions:
        return constraints_of(self.scheme, len(self.labels))

    @property
    def followers(self) -> NDArray[np.bool_]:
        starts: NDArray[np.bool_] = np.isfinite(self.constraints.start)
        return starts

    @property
    def needs_confidences(self) -> bool:
        return self.threshold > 0 or super().needs_confidences

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

    def segments(self, classes: Classes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        starts, ends, _ = self.scheme.entities(classes)
        return starts, ends

    def between_words(self, following: Classes) -> Classes:
        return self.scheme.before(following)

    def allowed(self, docs: Sequence[Doc], present: Present) -> NDArray[np.bool_] | None:
        marks = present.marks
        has_entities = not self.overwrite and marks[:, 1].any()
        if not marks.any() or not (has_entities or is_blocked(marks).any()):
            return None
        lengths = [len(doc) for doc in docs]
        parts = by_document(marks, lengths), by_document(present.is_word, lengths)
        return np.concatenate([self.allowed_in(*of_doc) for of_doc in zip(docs, *parts, strict=True)])

    def allowed_in(self, doc: Doc, marks: NDArray[np.uint64], is_word: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which classes the present annotation of a document leaves its tokens. *Shape:* ``(tokens, classes)``."""
        kept = () if self.overwrite else doc.ents
        blocked = is_blocked(marks)
        index = self.scheme.encode(self.labels)
        continuing = ~self.followers
        words = np.flatnonzero(is_word)
        allowed = np.ones((len(doc), len(continuing)), dtype="bool")
        allowed[blocked] = np.arange(len(continuing)) == OUTSIDE
        after = np.searchsorted(words, np.flatnonzero(blocked), side="right")
        allowed[np.ix_(words[after[after < len(words)]], continuing)] = False
        for ent in kept:
            first, after = np.searchsorted(words, [ent.start, ent.end])
            for word, prefix in zip(words[first:after], biluo(int(after - first)), strict=True):
                allowed[word] = np.arange(len(continuing)) == index.get(f"{prefix}-{ent.label_}", OUTSIDE)
            if after < len(words):  # what follows is not part of it
                allowed[words[after], continuing] = False
        return allowed

    def set_annotations(self, docs: Iterable[Doc], prediction: Prediction) -> None:
        """Set the entities.

        Args:
            docs: The documents to modify.
            prediction: What :meth:`predict` returned for them.

        Raises:
            ValueError: If they have not the tokens that it was made for.
        """
        docs = list(docs)
        self.check_documents(docs, prediction)
        classes, probabilities, (_, marks) = prediction
        # No entity of a valid sequence goes on in the next document.
        starts, ends, types = self.scheme.entities(classes)
        if marks.any():
            is_kept = self.kept(docs, marks)
            marks = np.where(is_kept[:, None], marks, NO_ENTITY)
            is_new = ~is_kept[starts]
        else:
            marks = np.tile(NO_ENTITY, (len(classes), 1))
            is_new = np.ones(len(starts), dtype="bool")
        if probabilities is not None:
            is_new &= probabilities >= self.threshold
            probabilities = probabilities[is_new]
        starts, ends = starts[is_new], ends[is_new]
        labels = string_ids(self.labels, docs)[types[is_new]]
        sizes = ends - starts
        inside = ranges(starts, sizes)
        marks[inside, 0], marks[inside, 1] = IN, np.repeat(labels, sizes)
        marks[starts, 0] = BEGIN
        for doc, of_doc in zip(docs, by_document(marks, map(len, docs)), strict=True):
            doc.from_array([*self.attributes], cast(Any, of_doc))
        self.set_scores(docs, starts, ends, labels, probabilities)

    def kept(self, docs: Sequence[Doc], marks: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which tokens stay as they are: those that are blocked, or whose entity is kept. *Shape:* ``(tokens,)``."""
        is_kept = is_blocked(marks)
        if not self.overwrite:
            for doc, of_doc in zip(docs, by_document(is_kept, map(len, docs)), strict=True):
                for ent in doc.ents:
                    of_doc[ent.start : ent.end] = True
        return is_kept


@lru_cache
def constraints_of(scheme: Scheme, n_types: int) -> Transitions:
    """The constraints of a scheme, made once for all that have as many types, so not to be written to."""
    constraints = scheme.constraints(n_types)
    for scores in constraints:
        scores.setflags(write=False)
    return constraints


def is_blocked(marks: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which tokens may be in no entity. spaCy marks them as the beginning of one without a type. *Shape:*
    ``(tokens,)``."""
    blocked: NDArray[np.bool_] = (marks[:, 0] == BEGIN) & (marks[:, 1] == 0)
    return blocked


def biluo(length: int) -> str:
    """The prefixes of an entity of so many words."""
    return f"B{'I' * (length - 2)}L" if length > 1 else "U" * length
