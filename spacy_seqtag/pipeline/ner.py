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
from .chains import words_of
from .default_model import DEFAULT_MODEL
from .schemes import OUTSIDE, SCHEMES, Scheme
from .token_classifier import Classes, Prediction, TokenClassifier, confidences_of

MARKS = [ENT_IOB, ENT_TYPE, ENT_KB_ID, ENT_ID]
"""What a document has of the entity that a token is in."""
IN, OUT, BEGIN = 1, 2, 3
"""spaCy's numbers of the IOB tags."""


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

    def allowed(self, docs: Sequence[Doc]) -> NDArray[np.bool_] | None:
        iob, types = np.concatenate([doc.to_array([ENT_IOB, ENT_TYPE]) for doc in docs]).T
        if not is_blocked(iob, types).any() and (self.overwrite or not types.any()):
            return None
        return np.concatenate([self.allowed_in(doc) for doc in docs])

    def allowed_in(self, doc: Doc) -> NDArray[np.bool_]:
        """Which classes the present annotation of a document leaves its tokens. *Shape:* ``(tokens, classes)``."""
        present = () if self.overwrite else doc.ents
        blocked = is_blocked(*doc.to_array([ENT_IOB, ENT_TYPE]).T)
        index = self.scheme.encode(self.labels)
        continuing = ~self.followers
        words = np.flatnonzero(words_of([doc]))
        allowed = np.ones((len(doc), len(continuing)), dtype="bool")
        allowed[blocked] = np.arange(len(continuing)) == OUTSIDE
        after = np.searchsorted(words, np.flatnonzero(blocked), side="right")
        allowed[np.ix_(words[after[after < len(words)]], continuing)] = False
        for ent in present:
            first, after = np.searchsorted(words, [ent.start, ent.end])
            for word, prefix in zip(words[first:after], biluo(int(after - first)), strict=True):
                allowed[word] = np.arange(len(continuing)) == index.get(f"{prefix}-{ent.label_}", OUTSIDE)
            if after < len(words):  # what follows is not part of it
                allowed[words[after], continuing] = False
        return allowed

    def set_annotations(self, docs: Iterable[Doc], predictions: Sequence[Prediction]) -> None:
        """Set the entities.

        Args:
            docs: The documents to modify.
            predictions: What :meth:`predict` returned for them.
        """
        docs = list(docs)
        if not docs:
            return
        lengths = [len(doc) for doc in docs]
        # What spaCy has of all tokens of a batch, to set at once.
        marks = np.concatenate([doc.to_array(MARKS) for doc in docs])
        is_kept = self.keep(docs, marks)
        # No entity of a valid sequence goes on in the next document.
        classes = np.concatenate([classes for _, (classes, _) in zip(docs, predictions, strict=True)])
        starts, ends, labels = self.scheme.entities(classes)
        is_new = ~is_kept[starts]
        probabilities = confidences_of(predictions)
        if probabilities is not None:
            is_new &= probabilities >= self.threshold
            probabilities = probabilities[is_new]
        starts, ends, labels = starts[is_new], ends[is_new], labels[is_new]
        ids = self.string_ids(self.labels)
        of_docs = np.searchsorted(np.cumsum(lengths), starts, side="right")
        keys = np.stack([ids(doc.vocab) for doc in docs])[of_docs, labels]
        sizes = ends - starts
        inside = ranges(starts, sizes)
        marks[inside, 0], marks[inside, 1] = IN, np.repeat(keys, sizes)
        marks[starts, 0] = BEGIN
        for doc, of_doc in zip(docs, by_document(marks, lengths), strict=True):
            doc.from_array(MARKS, cast(Any, of_doc))
        self.set_scores(docs, starts, ends, keys, probabilities)

    def keep(self, docs: Sequence[Doc], marks: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Mark tokens as outside of entities, but those that are blocked or whose entity is kept.

        Args:
            docs: The documents.
            marks: What they have of their tokens, which is changed. *Shape:* ``(tokens, 4)``.

        Returns:
            Which tokens stay as they are. *Shape:* ``(tokens,)``.
        """
        iob, types = marks[:, 0], marks[:, 1]
        is_kept = is_blocked(iob, types)
        if not self.overwrite and types.any():
            for doc, of_doc in zip(docs, by_document(is_kept, map(len, docs)), strict=True):
                for ent in doc.ents:
                    of_doc[ent.start : ent.end] = True
        marks[~is_kept] = OUT, 0, 0, 0
        return is_kept


@lru_cache
def constraints_of(scheme: Scheme, n_types: int) -> Transitions:
    """The constraints of a scheme, made once for all that have as many types, so not to be written to."""
    constraints = scheme.constraints(n_types)
    for scores in constraints:
        scores.setflags(write=False)
    return constraints


def is_blocked(iob: NDArray[np.uint64], types: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which tokens may be in no entity. spaCy marks them as the beginning of one without a type. *Shape:*
    ``(tokens,)``."""
    blocked: NDArray[np.bool_] = (iob == BEGIN) & (types == 0)
    return blocked


def biluo(length: int) -> str:
    """The prefixes of an entity of so many words."""
    return f"B{'I' * (length - 2)}L" if length > 1 else "U" * length
