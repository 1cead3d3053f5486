"""spaCy's scores, taken apart: which words, entities and sentences they come from, and which errors are made."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.scorer import PRFScore, Scorer
from spacy.tokens import Doc
from spacy.tokens import Span as DocSpan
from spacy.training import Example

from .outcomes import KINDS, Outcome, Span, entity_outcomes, tag_outcomes
from .resampling import LEVEL, N_RESAMPLES, confidence_intervals
from .seen import Seen

PARTS = (
    "confidence",
    "tag_acc_by_training",
    "tag_confusion",
    "ents_by_training",
    "ents_errors",
    "ents_confusion",
    "by_sentence",
    "unsegmented",
    "documents",
)
"""What `BreakdownScorer` adds to spaCy's scores."""

LENGTHS = (5, 10, 20, 40)
"""The most tokens of a sentence in each bin of lengths but the last."""

Slices = Callable[[int, Span], Iterable[str]]
"""The names of the slices that a tag or entity is in, given the index of its document."""


class BreakdownScorer(Scorer):
    """spaCy's scorer, which also says where the scores come from: ``nlp.evaluate(examples, scorer=...)``.

    Every tag and entity, gold or predicted, is in one of the slices of a part (or none), so counts add up to those of
    the whole. What a pipeline or corpus has nothing for is left out. The parts, with ``""`` for no tag or type:

    - ``confidence``: intervals of the overall scores, by resampling documents; not for a single document.
    - ``tag_acc_by_training``: on words ``seen`` and ``unseen`` in training, and on ``ambiguous`` ones, which have more
      than one tag there.
    - ``ents_by_training``: on entities whose words were ``seen`` with their type in training, and on ``unseen`` ones.
    - ``by_sentence``: in sentences in ``capitals`` and of each length in tokens.
    - ``ents_errors``: how many outcomes are of each kind.
    - ``tag_confusion``, ``ents_confusion``: how often each gold label met each predicted one.
    - ``unsegmented``: documents without sentence boundaries, which ``by_sentence`` leaves out.
    - ``documents``: true positives, false positives and false negatives of each, for a paired test between pipelines.

    Args:
        nlp: The pipeline.
        seen: What its training data hold, if that is known.
    """

    def __init__(self, nlp: Language, seen: Seen | None = None) -> None:
        super().__init__(nlp)
        self.seen = seen

    def score(self, examples: Iterable[Example], *, per_component: bool = False) -> dict[str, Any]:
        examples = list(examples)
        scores = super().score(examples, per_component=per_component)
        if per_component:
            return scores
        docs = [example.reference for example in examples]
        tags = [tag_outcomes(example) for example in examples] if scores.get("tag_acc") is not None else None
        entities = [entity_outcomes(example) for example in examples] if scores.get("ents_f") is not None else None
        parts: dict[str, Any] = {"confidence": {"level": LEVEL, "resamples": N_RESAMPLES}, "documents": {}}
        if tags is not None:
            parts |= self.tag_parts(docs, tags)
            counts = parts["documents"]["tag_acc"] = counts_by_document(tags)
            parts["confidence"] |= intervals(counts, {2: "tag_acc"})
        if entities is not None:
            parts |= self.entity_parts(docs, entities)
            counts = parts["documents"]["ents_f"] = counts_by_document(entities)
            parts["confidence"] |= intervals(counts, {0: "ents_p", 1: "ents_r", 2: "ents_f"})
        if tags is not None or entities is not None:
            parts |= sentence_parts(docs, tags, entities)
        return scores | parts

    def tag_parts(self, docs: Sequence[Doc], outcomes: Sequence[list[Outcome]]) -> dict[str, Any]:
        """The parts that are about tags alone."""
        parts: dict[str, Any] = {"tag_confusion": confusion(outcomes)}
        if (seen := self.seen) is not None:
            scores = tally(outcomes, lambda i, span: seen.slices_of_word(docs[i][span.start].text))
            parts["tag_acc_by_training"] = {
                name: {"acc": accuracy(scores[name]), "words": scores[name].tp + scores[name].fn}
                for name in ("seen", "unseen", "ambiguous")
            }
        return parts

    def entity_parts(self, docs: Sequence[Doc], outcomes: Sequence[list[Outcome]]) -> dict[str, Any]:
        """The parts that are about entities alone."""
        kinds = Counter(outcome.kind for in_doc in outcomes for outcome in in_doc)
        parts: dict[str, Any] = {
            "ents_errors": {kind: kinds[kind] for kind in KINDS},
            "ents_confusion": confusion(outcomes),
        }
        if (seen := self.seen) is not None:
            scores = tally(outcomes, lambda i, span: seen.slices_of_entity(docs[i][span.start : span.end], span.label))
            parts["ents_by_training"] = {
                name: {**prf(scores[name]), "entities": scores[name].tp + scores[name].fn}
                for name in ("seen", "unseen")
            }
        return parts


def sentence_parts(
    docs: Sequence[Doc], tags: Sequence[list[Outcome]] | None, entities: Sequence[list[Outcome]] | None
) -> dict[str, Any]:
    """The scores by kind of sentence. A sentence is one of the reference; an entity belongs to that of its first token,
    a predicted one to that of the first token that it is aligned to."""
    slices: list[list[list[str]]] = []  # of each token of each document; none where there are no sentences
    n_sentences: Counter[str] = Counter()
    n_words: Counter[str] = Counter()
    n_unsegmented = 0
    for doc in docs:
        if not doc.has_annotation("SENT_START"):
            n_unsegmented += 1
            slices.append([[] for _ in doc])
            continue
        slices.append([])
        for sentence in doc.sents:
            names = slices_of_sentence(sentence)
            slices[-1] += [names] * len(sentence)
            n_sentences.update(names)
            n_words.update(names * len(sentence))
    parts: dict[str, Any] = {"unsegmented": n_unsegmented} if n_unsegmented else {}
    if not n_sentences:
        return parts
    tag_scores = tally(tags, lambda i, span: slices[i][span.start]) if tags is not None else None
    entity_scores = tally(entities, lambda i, span: slices[i][span.start]) if entities is not None else None
    parts["by_sentence"] = {}
    for name in ("capitals", *map(length_bin, (*LENGTHS, LENGTHS[-1] + 1))):
        part: dict[str, Any] = {"sentences": n_sentences[name], "words": n_words[name]}
        if tag_scores is not None:
            part["tag_acc"] = accuracy(tag_scores[name])
        if entity_scores is not None:
            score = entity_scores[name]
            part |= {f"ents_{key}": value for key, value in prf(score).items()}
            part["entities"] = score.tp + score.fn
        parts["by_sentence"][name] = part
    return parts


def slices_of_sentence(sentence: DocSpan) -> list[str]:
    """The slices that a sentence is in: that of its length, and ``capitals`` if each of its tokens that has letters is
    upper-case and one of them has more than one letter ("I" alone tells nothing of the sentence)."""
    names = [length_bin(len(sentence))]
    words = [token.text for token in sentence if any(map(str.isalpha, token.text))]
    if all(map(str.isupper, words)) and any(sum(map(str.isalpha, word)) > 1 for word in words):
        names.append("capitals")
    return names


def length_bin(length: int) -> str:
    """The bin of a sentence of so many tokens, as ``6-10``."""
    least = 1
    for most in LENGTHS:
        if length <= most:
            return f"{least}-{most}"
        least = most + 1
    return f"{least}+"


def tally(outcomes: Iterable[list[Outcome]], slices: Slices) -> dict[str, PRFScore]:
    """The true positives, false positives and false negatives of each slice."""
    scores: dict[str, PRFScore] = defaultdict(PRFScore)
    for i, in_doc in enumerate(outcomes):
        for gold, predicted in in_doc:
            if gold is not None:
                for name in slices(i, gold):
                    scores[name] += PRFScore(tp=int(gold == predicted), fn=int(gold != predicted))
            if predicted is not None and gold != predicted:
                for name in slices(i, predicted):
                    scores[name] += PRFScore(fp=1)
    return scores


def accuracy(score: PRFScore) -> float | None:
    """spaCy's accuracy of tags, which is F1: with the same tokens on both sides, the share of the right ones."""
    return score.fscore if len(score) > 0 else None


def prf(score: PRFScore) -> dict[str, float | None]:
    """Precision, recall and F1; without anything to score none of them."""
    return {**score.to_dict()} if len(score) > 0 else dict.fromkeys("prf")


def confusion(outcomes: Iterable[list[Outcome]]) -> dict[str, dict[str, int]]:
    """How often each gold label met each predicted one; ``""`` is none."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for in_doc in outcomes:
        for gold, predicted in in_doc:
            counts[gold.label if gold else ""][predicted.label if predicted else ""] += 1
    return {gold: dict(counts[gold].most_common()) for gold in sorted(counts)}


def counts_by_document(outcomes: Sequence[list[Outcome]]) -> list[list[int]]:
    """True positives, false positives and false negatives of each document."""
    scores = tally(outcomes, lambda i, span: [str(i)])
    return [[score.tp, score.fp, score.fn] for score in (scores[str(i)] for i in range(len(outcomes)))]


def intervals(counts: list[list[int]], names: dict[int, str]) -> dict[str, list[float]]:
    """Confidence intervals of those of precision (0), recall (1) and F1 (2) that have a name; none of one document."""
    if len(counts) < 2:
        return {}
    ends = confidence_intervals(np.array(counts))
    return {name: [float(end) for end in ends[i]] for i, name in names.items()}
