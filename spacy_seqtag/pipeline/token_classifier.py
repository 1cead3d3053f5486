"""What the taggers share: every token gets one of a fixed list of classes."""

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import IS_SPACE
from spacy.language import Language
from spacy.strings import get_string_id
from spacy.tokens import Doc, Span, SpanGroup, Token
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab

from ..models.crf import segment_probabilities
from ..models.pytorch import IGNORE
from ..models.shim import has_weights
from ..models.types import ChainScores, PooledScores, Scorer, Scores, Transitions
from .chains import Chains, count_words
from .loss import chain_loss, pool_loss, token_loss
from .saving import SavedComponent

Classes = NDArray[np.int64]
"""A class for each token, as an index into the component's classes; `IGNORE` where there is no annotation."""


class Present(NamedTuple):
    """What the documents of a batch have of their tokens before a component sets its annotation."""

    is_word: NDArray[np.bool_]
    """Of each token, whether it is a word, which whitespace is not. *Shape:* ``(tokens,)``."""
    marks: NDArray[np.uint64]
    """The attributes that the component sets. *Shape:* ``(tokens, attributes)``."""


class Prediction(NamedTuple):
    """What is predicted for a batch of documents, which are to stay as they are until it is set."""

    classes: Classes
    """The classes of their tokens, one document after the other. *Shape:* ``(tokens,)``."""
    confidences: NDArray[np.float64] | None
    """The probability of each annotation that the classes stand for, in their order; None where it is not asked for."""
    present: Present


GetExamples = Callable[[], Iterable[Example]]


class TokenClassifier(SavedComponent):
    """A component whose model scores classes for each token.

    A subclass says how labels become classes, what the gold class of a token is, and how predicted classes become
    annotations.

    Args:
        vocab: The shared vocabulary.
        model: Scores each token for each class.
        name: Name of the component in the pipeline.
        scorer: Scores examples for evaluation.
        overwrite: Whether to replace annotation that is there already.
        spans_key: Where in ``doc.spans`` the annotations go with their probabilities, None for nowhere.
    """

    annotation: str
    """What the component predicts, in words."""
    extension: str
    """Name of the extension attribute of tokens that has the probability of their annotation."""
    attributes: tuple[int, ...]
    """The attributes of tokens that the component sets."""

    def __init__(
        self,
        vocab: Vocab,
        model: Scorer,
        name: str,
        *,
        scorer: Callable[..., dict[str, Any]] | None,
        overwrite: bool,
        spans_key: str | None,
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.overwrite = overwrite
        self.spans_key = spans_key
        if not Token.has_extension(self.extension):
            Token.set_extension(self.extension, getter=partial(score_of, self.extension))
        self.cfg: dict[str, Any] = {"labels": [], "temperature": 1.0}

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order in which they were added."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> tuple[str, ...]:
        """What ``spacy init labels`` saves and ``initialize`` takes back."""
        return self.labels

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """The classes that the model scores, in the order of its columns."""

    @abstractmethod
    def labels_in(self, example: Example) -> Iterable[str]:
        """The labels that an example's annotation uses."""

    @abstractmethod
    def gold_classes(self, example: Example) -> Classes:
        """The gold class of each token of the predicted document. *Shape:* ``(tokens,)``."""

    @property
    def constraints(self) -> Transitions:
        """Which sequences of classes are valid: zero for what may be, ``-inf`` for the rest."""
        n = len(self.classes)
        return Transitions(*(np.zeros(shape, dtype="float32") for shape in ((n, n), n, n)))

    @abstractmethod
    def segments(self, classes: Classes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The annotations that classes stand for.

        Args:
            classes: A valid sequence of classes.

        Returns:
            The first token of each annotation, and the token after its last one.
        """

    @property
    def followers(self) -> NDArray[np.bool_]:
        """Which classes may come after an annotation, so that it does not go on. *Shape:* ``(classes,)``."""
        return np.ones(len(self.classes), dtype="bool")

    def present(self, docs: Sequence[Doc]) -> Present:
        """What documents have of their tokens."""
        # For short documents a call for each is much of what they take, so there is one only.
        attributes = [IS_SPACE, *self.attributes]
        of_docs = [doc.to_array(attributes) for doc in docs] or [np.zeros((0, len(attributes)), dtype="uint64")]
        of_tokens = np.concatenate(of_docs)
        return Present(of_tokens[:, 0] == 0, of_tokens[:, 1:])

    def allowed(self, docs: Sequence[Doc], present: Present) -> NDArray[np.bool_] | None:
        """Which classes the present annotation of documents leaves their tokens, None if all of them. *Shape:*
        ``(tokens, classes)``."""
        return None

    @property
    def needs_confidences(self) -> bool:
        """Whether :meth:`predict` finds the probabilities of annotations."""
        return self.spans_key is not None

    def between_words(self, following: Classes) -> Classes:
        """The class of whitespace before a word of each class."""
        return np.zeros_like(following)

    def chains(self, docs: list[Doc], present: Present) -> Chains:
        """Score the words of documents.

        Args:
            docs: The documents; at least one has a token.
            present: What :meth:`present` returned for them.
        """
        ops, scores = self.model.ops, self.model.predict(docs)
        transitions = self.constraints
        if isinstance(scores, ChainScores):
            transitions += Transitions(*map(ops.to_numpy, scores.transitions))
            scores = scores.tokens
        # Of a long document each copy is large.
        flat = ops.to_numpy(scores[0] if len(scores) == 1 else ops.flatten(scores))
        allowed = self.allowed(docs, present)
        if allowed is not None:
            flat = np.where(allowed, flat, np.float32(-np.inf))
        if present.is_word.all():
            return Chains(flat, [len(doc) for doc in docs], transitions)
        return Chains(flat[present.is_word], count_words(present.is_word, docs), transitions)

    def confidences(self, chains: Chains, classes: Classes) -> NDArray[np.float64]:
        """The probability of each annotation, after temperature scaling.

        Args:
            chains: What :meth:`chains` returned.
            classes: The classes of its words. *Shape:* ``(words,)``.

        Returns:
            *Shape:* ``(annotations,)``, in their order.
        """
        starts, ends = self.segments(classes)
        scores, lengths, transitions = chains.scaled(self.cfg["temperature"])
        path = {"classes": classes, "starts": starts, "ends": ends}
        return segment_probabilities(scores, lengths, transitions, **path, followers=self.followers)

    def predict(self, docs: Iterable[Doc]) -> Prediction:
        """Find the classes of the tokens, without modifying the documents.

        Args:
            docs: The documents.
        """
        docs = list(docs)
        present = self.present(docs)
        if not len(present.is_word):
            return Prediction(np.zeros(0, dtype="int64"), np.zeros(0) if self.needs_confidences else None, present)
        chains = self.chains(docs, present)
        classes = chains.decode()
        confidences = self.confidences(chains, classes) if self.needs_confidences else None
        if not present.is_word.all():
            classes = self.over_tokens(classes, present.is_word)
        return Prediction(classes, confidences, present)

    def check_documents(self, docs: Sequence[Doc], prediction: Prediction) -> None:
        """Check that a prediction can be set in documents.

        Raises:
            ValueError: If they have not the tokens that it was made for.
        """
        n_tokens = sum(map(len, docs))
        if n_tokens != len(prediction.classes):
            raise ValueError(
                f"the documents have {n_tokens} tokens, and '{self.name}' predicted {len(prediction.classes)}: call "
                "predict() again where documents were changed or are others"
            )

    def over_tokens(self, classes: Classes, is_word: NDArray[np.bool_]) -> Classes:
        """The classes of tokens, from those of the words among them.

        Args:
            classes: The classes of the words. *Shape:* ``(words,)``.
            is_word: Of each token, whether it is a word. *Shape:* ``(tokens,)``.
        """
        over = np.zeros(len(is_word), dtype="int64")
        over[is_word] = classes
        n_before = np.cumsum(is_word)
        between = ~is_word & (n_before < len(classes))
        over[between] = self.between_words(classes[n_before[between]])
        return over

    def get_loss(self, examples: Iterable[Example], scores: Scores) -> tuple[float, Scores]:
        """Mean cross-entropy over the annotated tokens, the sum of those of several heads, or the negative
        log-likelihood of a CRF per annotated token, and its gradient. The mean makes a step's scale independent of how
        many tokens a batch holds or leaves out.

        Args:
            examples: The batch.
            scores: What the model predicted for its documents.

        Returns:
            The loss in nats a token, and its gradient by the scores.

        Raises:
            ValueError: If an annotation is not among the labels, or the loss is not a number.
        """
        examples = list(examples)
        docs = [example.predicted for example in examples]
        is_word, _ = self.present(docs)
        gold = np.concatenate([self.gold_classes(example) for example in examples])
        gold[~is_word] = IGNORE
        gradient: Scores
        if isinstance(scores, ChainScores):
            loss, gradient = chain_loss(
                self.model.ops, scores, self.constraints, gold, is_word, count_words(is_word, docs)
            )
        elif isinstance(scores, PooledScores):
            loss, gradient = pool_loss(self.model.ops, scores, gold)
        else:
            loss, gradient = token_loss(self.model.ops, scores, gold)
        if not np.isfinite(loss):
            raise ValueError(
                f"the loss of '{self.name}' is {loss}: try a lower learn_rate, a lower grad_clip, or no mixed precision"
            )
        return loss, gradient

    def initialize(
        self, get_examples: GetExamples, *, nlp: Language | None = None, labels: Iterable[str] | None = None
    ) -> None:
        """Set the labels and initialize the model.

        Args:
            get_examples: Returns a representative sample of the training data.
            nlp: The pipeline.
            labels: The labels, as saved by ``spacy init labels`` or ``convert``; if None they are collected from all
                of the examples, in alphabetical order.

        Raises:
            ValueError: If there are no labels.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        if labels is None:
            labels = sorted({label for example in get_examples() for label in self.labels_in(example)})
        for label in labels:
            self._append_label(label)
        if not self.labels:
            raise ValueError(
                f"'{self.name}' has no labels: the training data has no {self.annotation} annotation. "
                "Leave the component out of the pipeline, or give labels in [initialize.components]."
            )
        # The model takes its widths from the first document, of which a listener must have vectors.
        docs = list(islice((example.x for example in get_examples() if len(example.x)), 10))
        self.model.initialize(X=docs, Y=[self.model.ops.alloc2f(len(doc), len(self.classes)) for doc in docs])

    def add_label(self, label: str) -> int:
        """Add a label; a trained model keeps what it knows of the others, where its architecture can grow.

        Args:
            label: The label.

        Returns:
            1 if the label is new, 0 if the component has it.

        Raises:
            ValueError: If the label is no string, or the trained model cannot grow.
        """
        output_layer = self.model.get_ref("output_layer")
        initialized = output_layer.has_dim("nO") and has_weights(output_layer)
        if initialized and not self.is_resizable and label not in self.labels:
            raise ValueError(
                f"cannot add the label {label!r} to '{self.name}': the width of its trained model is the number of "
                f"classes. Give all labels to initialize()."
            )
        added = self._append_label(label)
        if added and initialized:
            self.set_output(len(self.classes))
        return added

    def _append_label(self, label: str) -> int:
        if not isinstance(label, str) or not label:
            raise ValueError(f"a label of '{self.name}' must be a non-empty string; got {label!r}")
        if label in self.labels:
            return 0
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

    def set_scores(
        self,
        docs: Sequence[Doc],
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        labels: NDArray[np.uint64],
        probabilities: NDArray[np.float64] | None,
    ) -> None:
        """Put annotations and their probabilities where the setting says, if it does.

        Args:
            docs: The documents, whose tokens are counted from the first one's on.
            starts: The first token of each annotation. *Shape:* ``(annotations,)``.
            ends: The token after the last one. *Shape:* ``(annotations,)``.
            labels: The labels, as IDs. *Shape:* ``(annotations,)``.
            probabilities: None where they were not found. *Shape:* ``(annotations,)``.
        """
        if self.spans_key is None or probabilities is None:
            return
        offsets = np.cumsum([0, *map(len, docs)])
        bounds = np.searchsorted(starts, offsets).tolist()
        for doc, offset, (first, last) in zip(docs, offsets.tolist(), pairwise(bounds), strict=False):
            at = slice(first, last)
            values = ((starts[at] - offset).tolist(), (ends[at] - offset).tolist(), labels[at].tolist())
            spans = [Span(doc, start, end, label=label) for start, end, label in zip(*values, strict=True)]
            scores = probabilities[first:last].astype("float32")
            attrs = {"scores": scores, "extension": self.extension, "tokens": len(doc)}
            doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, spans=spans, attrs=attrs)

    def unknown_label(self, label: str) -> ValueError:
        """The error for an annotation that is not among the labels."""
        return ValueError(
            f"the {self.annotation} {label!r} in the training data is not among the labels of '{self.name}': "
            f"{', '.join(self.labels)}. Add it to the labels file, or leave `labels` out of [initialize.components] "
            "to take them from the data."
        )


def string_ids(labels: tuple[str, ...], docs: Sequence[Doc]) -> NDArray[np.uint64]:
    """The IDs of labels, which the vocabularies of documents know then. These are not the component's own where the
    component was sourced from another pipeline."""
    for vocab in {doc.vocab for doc in docs}:
        for label in labels:
            vocab.strings.add(label)
    return np.asarray([get_string_id(label) for label in labels], dtype="uint64")


def score_of(extension: str, token: Token) -> float | None:
    """The probability of the annotation that a token is part of, None if no component left it. It is read from the span
    groups of the document, with which it is saved."""
    for group in token.doc.spans.values():
        if group.attrs.get("extension") != extension:
            continue
        # spaCy leaves span groups as they are when tokens are merged or split, which makes them useless, and scores as
        # they are when spans are added or removed.
        if group.attrs["tokens"] == len(token.doc) and len(group.attrs["scores"]) == len(group):
            i = bisect_right(range(len(group)), token.i, key=lambda i: group[i].start) - 1
            if i >= 0 and token.i < group[i].end:
                return float(group.attrs["scores"][i])
    return None
