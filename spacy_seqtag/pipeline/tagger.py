"""The part-of-speech tagger: sets ``token.tag_``."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
from spacy.attrs import IS_SPACE, TAG
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..models.pytorch import IGNORE
from ..models.types import Scorer
from .default_model import DEFAULT_MODEL
from .token_classifier import Classes, TokenClassifier

WHITESPACE_TAG = "_SP"
"""Tag of whitespace tokens, as in spaCy's own pipelines; corpora have no such tokens to learn it from."""


@Language.factory(
    "seqtag_tagger",
    assigns=["token.tag"],
    default_config={"model": DEFAULT_MODEL, "overwrite": False, "scorer": {"@scorers": "spacy.tagger_scorer.v1"}},
    default_score_weights={"tag_acc": 1.0},
)
def make_seqtag_tagger(
    nlp: Language, name: str, model: Scorer, overwrite: bool, scorer: Callable[..., dict[str, Any]] | None
) -> "SeqTagger":
    """Make the component.

    Args:
        nlp: The pipeline.
        name: Name of the component.
        model: Scores each token for each tag.
        overwrite: Whether to replace tags that are already set.
        scorer: Scores examples for evaluation.
    """
    return SeqTagger(nlp.vocab, model, name, scorer=scorer, overwrite=overwrite)


class SeqTagger(TokenClassifier):
    """Sets the tag of each token; the classes are the tags as they are."""

    annotation = "tag"

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

    def set_annotations(self, docs: Iterable[Doc], classes: Sequence[Classes]) -> None:
        """Set the tags.

        Args:
            docs: The documents to modify.
            classes: What :meth:`predict` returned for them.
        """
        for doc, doc_classes in zip(docs, classes, strict=True):
            keys = self.string_ids(doc, (*self.labels, WHITESPACE_TAG))
            tags = keys[doc_classes]
            tags[doc.to_array(IS_SPACE) != 0] = keys[-1]
            if not self.cfg["overwrite"]:
                present = doc.to_array(TAG)
                tags = np.where(present != 0, present, tags)
            doc.from_array([TAG], cast(Any, tags))
