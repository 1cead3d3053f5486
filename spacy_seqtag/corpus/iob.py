"""IOB tags: telling IOB1 from IOB2, and making all of it valid IOB2."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .annotation import CorpusError


class Place(NamedTuple):
    """Where a tag stands: the index of its sentence and its index in the sentence."""

    sentence: int
    token: int


def split_tag(tag: str) -> tuple[str, str]:
    """The prefix and the type of an IOB tag.

    Raises:
        ValueError: If it is none.
    """
    if tag == "O":
        return "O", ""
    prefix, dash, type_ = tag.partition("-")
    if prefix not in ("B", "I") or not dash or not type_:
        raise ValueError(f"{tag!r} is no IOB tag: expected O, B-TYPE or I-TYPE")
    return prefix, type_


def to_iob2(
    sentences: Sequence[Sequence[str]], *, locate: Callable[[Place], str], strict: bool = False
) -> tuple[list[list[str]], list[str]]:
    """Make IOB1 or IOB2 tags valid IOB2.

    In IOB1 (Ramshaw and Marcus 1995) an entity begins with ``B-`` only right after another of its type; in IOB2 always.
    So a ``B-`` elsewhere shows IOB2, and there an ``I-`` that continues no entity of its type is an error, repaired to
    ``B-``.

    Args:
        sentences: The tags of each sentence of a file.
        locate: Says where a tag is, for messages.
        strict: Whether to refuse what would be repaired.

    Returns:
        The IOB2 tags of each sentence, and warnings.

    Raises:
        CorpusError: If a tag is no IOB tag, or needs repair and ``strict`` is set.
    """
    is_iob2 = False
    orphans: list[Place] = []
    converted = []
    for i, tags in enumerate(sentences):
        before = ""
        new_tags = []
        for j, tag in enumerate(tags):
            try:
                prefix, type_ = split_tag(tag)
            except ValueError as err:
                raise CorpusError(f"{locate(Place(i, j))}: {err}") from None
            if prefix == "B" and before != type_:
                is_iob2 = True
            if prefix == "I" and before != type_:
                orphans.append(Place(i, j))
                tag = f"B-{type_}"
            new_tags.append(tag)
            before = type_
        converted.append(new_tags)
    if not is_iob2 or not orphans:
        return converted, []
    place = orphans[0]
    message = f"{locate(place)}: {sentences[place.sentence][place.token]!r} continues no entity of its type"
    if strict:
        raise CorpusError(f"{message}; without --strict it is repaired to B-")
    return converted, [f"{message}; repaired {len(orphans)} such tag{'s' * (len(orphans) > 1)} to B-"]
