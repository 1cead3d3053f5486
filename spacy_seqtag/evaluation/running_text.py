"""What a pipeline finds of a corpus in its text alone, when its tokens may differ.

spaCy compares annotation by the tokens that it aligns, so that an entity on half a token of the corpus may be right.
Here all is compared by characters: a token, its tag and an entity are right where the corpus has just them.
"""

from collections.abc import Iterable
from typing import Any

from spacy.scorer import PRFScore, Scorer
from spacy.tokens import Doc
from spacy.training import Example


def score_running_text(examples: Iterable[Example]) -> dict[str, float]:
    """The scores of what was predicted for texts:

    - ``token_p``, ``token_r``, ``token_f``: the tokens, as ``spacy.scorer.Scorer.score_tokenization`` counts them; the
      recall is the share of the corpus's tokens that were recovered.
    - ``ents_p``, ``ents_r``, ``ents_f``: the entities, each by its characters and its label. A predicted one that
      touches a token without annotation does not count.
    - ``tag_acc``: the share of the corpus's tagged tokens that are tokens of the prediction with the same tag.

    What the corpus does not annotate is left out.

    Args:
        examples: Predictions and annotated documents of the same text.
    """
    examples = list(examples)
    entities = PRFScore()
    n_tagged = n_right = 0
    for example in examples:
        gold, predicted = example.reference, example.predicted
        entities.score_set(
            {entity for entity in entity_characters(predicted) if is_annotated(gold, *entity[:2])},
            set(entity_characters(gold)),
        )
        tags = {(token.idx, len(token)): token.tag_ for token in predicted}
        for token in gold:
            if token.tag_:
                n_tagged += 1
                n_right += tags.get((token.idx, len(token))) == token.tag_
    tokens: dict[str, Any] = Scorer.score_tokenization(examples)
    scores: dict[str, float] = {name: tokens[name] for name in ("token_p", "token_r", "token_f")}
    if len(entities) > 0:
        scores |= {"ents_p": entities.precision, "ents_r": entities.recall, "ents_f": entities.fscore}
    if n_tagged > 0:
        scores["tag_acc"] = n_right / n_tagged
    return scores


def entity_characters(doc: Doc) -> list[tuple[int, int, str]]:
    """The first character of each entity, that after its last, and its label."""
    return [(entity.start_char, entity.end_char, entity.label_) for entity in doc.ents]


def is_annotated(gold: Doc, start: int, end: int) -> bool:
    """Whether all tokens that share characters with a span have annotation of entities."""
    span = gold.char_span(start, end, alignment_mode="expand")
    return span is not None and all(token.ent_iob != 0 for token in span)
