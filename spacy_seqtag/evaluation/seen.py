"""What a pipeline has seen in its training data."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab


@dataclass(frozen=True)
class Seen:
    """The words and entities of training data.

    Attributes:
        words: The words, as they are written.
        ambiguous: Those that have more than one tag there.
        entities: The words of each entity and its type.
    """

    words: frozenset[str]
    ambiguous: frozenset[str]
    entities: frozenset[tuple[tuple[str, ...], str]]

    @classmethod
    def in_file(cls, path: Path) -> "Seen":
        """What a DocBin holds."""
        # In a vocabulary of its own: that of a pipeline must not grow by being evaluated.
        return cls.in_docs(DocBin().from_disk(path).get_docs(Vocab()))

    @classmethod
    def in_docs(cls, docs: Iterable[Doc]) -> "Seen":
        """What documents hold."""
        tags: dict[str, set[str]] = defaultdict(set)
        entities: set[tuple[tuple[str, ...], str]] = set()
        for doc in docs:
            for token in doc:
                tags[token.text].update({token.tag_} - {""})
            entities.update((words_of(entity), entity.label_) for entity in doc.ents)
        return cls(
            words=frozenset(tags),
            ambiguous=frozenset(word for word, its_tags in tags.items() if len(its_tags) > 1),
            entities=frozenset(entities),
        )

    def slices_of_word(self, word: str) -> list[str]:
        """The slices of the tag accuracy that a word is in: ``seen`` or ``unseen``, and perhaps ``ambiguous``."""
        if word not in self.words:
            return ["unseen"]
        return ["seen", "ambiguous"] if word in self.ambiguous else ["seen"]

    def slices_of_entity(self, entity: Span, label: str) -> list[str]:
        """The slice of the entities that one is in: ``seen`` if the same words were an entity of this type."""
        return ["seen" if (words_of(entity), label) in self.entities else "unseen"]


def words_of(span: Span) -> tuple[str, ...]:
    return tuple(token.text for token in span)
