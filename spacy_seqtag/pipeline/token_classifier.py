"""What the taggers share: every token gets one of a fixed list of classes."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Ops, xp2torch
from thinc.types import Floats2d

from ..models.crf import negative_log_likelihood
from ..models.pytorch import IGNORE, token_cross_entropy
from ..models.shim import has_weights, to_floats
from ..models.types import ChainScores, Scorer, Scores, Transitions
from .viterbi import viterbi

Classes = NDArray[np.int64]
"""A class for each token, as an index into the component's classes; `IGNORE` where there is no annotation."""
GetExamples = Callable[[], Iterable[Example]]


class TokenClassifier(TrainablePipe):  # type: ignore[misc]
    """A component whose model scores classes for each token.

    A subclass says how labels become classes, what the gold class of a token is, and how predicted classes become
    annotations.

    Args:
        vocab: The shared vocabulary.
        model: Scores each token for each class.
        name: Name of the component in the pipeline.
        scorer: Scores examples for evaluation.
        cfg: Further settings, saved with the component.
    """

    annotation: str
    """What the component predicts, in words."""

    def __init__(
        self, vocab: Vocab, model: Scorer, name: str, *, scorer: Callable[..., dict[str, Any]] | None, **cfg: Any
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": [], **cfg}

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

    def decode(self, scores: Sequence[NDArray[np.float32]], transitions: Transitions | None = None) -> list[Classes]:
        """The best valid class of each token.

        Args:
            scores: Scores of each document. *Shape:* ``(tokens, classes)``.
            transitions: Their scores, from a CRF head.
        """
        constraints = self.constraints
        if transitions is not None:
            return viterbi(scores, transitions + constraints)
        # Where the best class of each token makes a valid sequence, that is the best sequence.
        decoded = [doc_scores.argmax(axis=1) for doc_scores in scores]
        invalid = [i for i, classes in enumerate(decoded) if not is_valid(classes, constraints)]
        best = viterbi([scores[i] for i in invalid], constraints)
        for i, classes in zip(invalid, best, strict=True):
            decoded[i] = classes
        return decoded

    def predict(self, docs: Iterable[Doc]) -> list[Classes]:
        """Find the classes of the tokens, without modifying the documents.

        Args:
            docs: The documents.

        Returns:
            The classes of each document's tokens, each of *Shape:* ``(tokens,)``.
        """
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return [np.zeros(0, dtype="int64") for _ in docs]
        scores = self.model.predict(docs)
        if not isinstance(scores, ChainScores):
            return self.decode([self.model.ops.to_numpy(doc_scores) for doc_scores in scores])
        transitions = Transitions(*map(self.model.ops.to_numpy, scores.transitions))
        return self.decode([self.model.ops.to_numpy(doc_scores) for doc_scores in scores.tokens], transitions)

    def get_loss(self, examples: Iterable[Example], scores: Scores) -> tuple[float, Scores]:
        """Mean cross-entropy over the annotated tokens, or the negative log-likelihood of a CRF per annotated token,
        and its gradient. The mean makes a step's scale independent of how many tokens a batch holds or leaves out.

        Args:
            examples: The batch.
            scores: What the model predicted for its documents.

        Returns:
            The loss in nats a token, and its gradient by the scores.

        Raises:
            ValueError: If an annotation is not among the labels, or the loss is not a number.
        """
        gold = np.concatenate([self.gold_classes(example) for example in examples])
        if isinstance(scores, ChainScores):
            loss, gradient = chain_loss(self.model.ops, scores, self.constraints, gold)
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
        docs = [example.x for example in islice(get_examples(), 10)]
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

    def string_ids(self, doc: Doc, labels: tuple[str, ...]) -> NDArray[np.uint64]:
        """The IDs of labels in the vocabulary of a document, which is not the component's own where the component was
        sourced from another pipeline."""
        return np.asarray([doc.vocab.strings.add(label) for label in labels], dtype="uint64")

    def unknown_label(self, label: str) -> ValueError:
        """The error for an annotation that is not among the labels."""
        return ValueError(
            f"the {self.annotation} {label!r} in the training data is not among the labels of '{self.name}': "
            f"{', '.join(self.labels)}. Add it to the labels file, or leave `labels` out of [initialize.components] "
            "to take them from the data."
        )


def token_loss(ops: Ops, scores: list[Floats2d], gold: Classes) -> tuple[float, Scores]:
    """The loss of a head that looks at each token on its own, and its gradient."""
    flat = xp2torch(ops.flatten(scores), requires_grad=True)
    loss = token_cross_entropy(flat, torch.from_numpy(gold).to(flat.device), ignore_index=IGNORE)
    (gradient,) = torch.autograd.grad(loss, flat)
    return loss.item(), ops.unflatten(to_floats(gradient), ops.asarray1i([len(s) for s in scores]))


def chain_loss(ops: Ops, scores: ChainScores, constraints: Transitions, gold: Classes) -> tuple[float, Scores]:
    """The loss of a CRF head, which a document's annotation is one sequence to, and its gradient."""
    lengths = [len(s) for s in scores.tokens]
    is_known = gold != IGNORE
    n_known = max(1, int(is_known.sum()))
    allowed = ~is_known[:, None] | (gold[:, None] == np.arange(len(constraints.start)))
    transitions = Transitions(*map(ops.to_numpy, scores.transitions)) + constraints
    loss, d_tokens, d_transitions = negative_log_likelihood(
        np.concatenate([*map(ops.to_numpy, scores.tokens)]), lengths, transitions, allowed
    )
    return loss / n_known, ChainScores(
        ops.unflatten(ops.asarray2f(d_tokens / n_known), ops.asarray1i(lengths)),
        Transitions(*(ops.asarray_f(d / n_known) for d in d_transitions)),
    )


def is_valid(classes: Classes, constraints: Transitions) -> bool:
    """Whether the constraints allow a sequence of classes."""
    if not len(classes):
        return True
    score = constraints.start[classes[0]] + constraints.end[classes[-1]]
    return bool(score + constraints.between[classes[:-1], classes[1:]].sum() > -np.inf)
