"""The part-of-speech tagger: sets ``token.tag_``."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import TAG
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..models.batches import by_document
from ..models.pytorch import IGNORE
from ..models.types import Scorer
from .default_model import DEFAULT_MODEL
from .token_classifier import Classes, Prediction, TokenClassifier, string_ids

WHITESPACE_TAG = "_SP"
"""Tag of whitespace tokens, as in spaCy's own pipelines; corpora have no such tokens to learn it from."""


@Language.factory(
    "seqtag_tagger",
    assigns=["token.tag"],
    default_config={
        "model": DEFAULT_MODEL,
        "overwrite": False,
        "spans_key": None,
        "scorer": {"@scorers": "spacy.tagger_scorer.v1"},
    },
    default_score_weights={"tag_acc": 1.0},
)
def make_seqtag_tagger(
    nlp: Language,
    name: str,
    model: Scorer,
    overwrite: bool,
    spans_key: str | None,
    scorer: Callable[..., dict[str, Any]] | None,
) -> "SeqTagger":
    """Make the component.

    Args:
        nlp: The pipeline.
        name: Name of the component.
        model: Scores each token for each tag.
        overwrite: Whether to replace tags that are already set.
        spans_key: Where in ``doc.spans`` the tags that are set go, with their probabilities in ``attrs["scores"]`` and,
            for each token, in ``token._.tag_score``; None for nowhere.
        scorer: Scores examples for evaluation.
    """
    return SeqTagger(nlp.vocab, model, name, scorer=scorer, overwrite=overwrite, spans_key=spans_key)


class SeqTagger(TokenClassifier):
    """Sets the tag of each token; the classes are the tags as they are."""

    annotation = "tag"
    extension = "tag_score"
    attributes = (TAG,)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.labels

    def labels_in(self, example: Example) -> Iterable[str]:
        return (token.tag_ for token in example.reference if token.tag_ not in ("", WHITESPACE_TAG))

    def gold_classes(self, example: Example) -> Classes:
        index = {tag: i for i, tag in enumerate(self.labels)}
        gold = np.full(len(example.predicted), IGNORE, dtype="int64")
        for i, tag in enumerate(example.get_aligned("TAG", as_string=True)):
            if tag and tag != WHITESPACE_TAG:
                if tag not in index:
                    raise self.unknown_label(tag)
                gold[i] = index[tag]
        return gold

    def segments(self, classes: Classes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        starts = np.arange(len(classes))
        return starts, starts + 1

    def set_annotations(self, docs: Iterable[Doc], prediction: Prediction) -> None:
        """Set the tags.

        Args:
            docs: The documents to modify.
            prediction: What :meth:`predict` returned for them.

        Raises:
            ValueError: If they have not the tokens that it was made for.
        """
        docs = list(docs)
        self.check_documents(docs, prediction)
        classes, probabilities, (is_word, marks) = prediction
        ids = string_ids((*self.labels, WHITESPACE_TAG), docs)
        tags = np.where(is_word, ids[classes], ids[-1])
        is_new = is_word
        if not self.overwrite and marks.any():
            tags = np.where(marks[:, 0] != 0, marks[:, 0], tags)
            is_new = is_word & (marks[:, 0] == 0)
        for doc, of_doc in zip(docs, by_document(tags, map(len, docs)), strict=True):
            doc.from_array([*self.attributes], cast(Any, of_doc))
        if probabilities is not None:
            starts = np.flatnonzero(is_new)
            self.set_scores(docs, starts, starts + 1, tags[starts], probabilities[is_new[is_word]])
