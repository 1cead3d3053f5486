"""IOB tags against seqeval, which reads entities off tags in its own way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB1, IOB2, Entities
from spacy.training.iob_utils import iob_to_biluo

from spacy_seqtag.corpus import CorpusError
from spacy_seqtag.corpus.iob import split_tag, to_iob2

TYPES = ("PER", "ORG", "B-side")
CHUNKS = st.lists(st.tuples(st.sampled_from(("", *TYPES)), st.integers(1, 3)), max_size=8)
"""Stretches of a sentence: the type, empty outside of entities, and the number of tokens."""
TAGS = st.sampled_from(["O", *(f"{prefix}-{type_}" for prefix in "BI" for type_ in TYPES)])


def iob1(chunks: list[tuple[str, int]]) -> list[str]:
    tags: list[str] = []
    before = ""
    for type_, length in chunks:
        tags += [f"I-{type_}"] * length if type_ else ["O"] * length
        if type_ and type_ == before:
            tags[-length] = f"B-{type_}"
        before = type_
    return tags


def spans(chunks: list[tuple[str, int]]) -> list[tuple[str, int, int]]:
    result, start = [], 0
    for type_, length in chunks:
        if type_:
            result.append((type_, start, start + length))
        start += length
    return result


def iob2_spans(tags: list[str]) -> list[tuple[str, int, int]]:
    """The entities that seqeval reads in strict IOB2."""
    (entities,) = Entities([tags], scheme=IOB2).entities
    return [(entity.tag, entity.start, entity.end) for entity in entities]


def convert(*sentences: list[str], strict: bool = False) -> tuple[list[list[str]], list[str]]:
    return to_iob2(sentences, locate=lambda place: f"{place.sentence}.{place.token}", strict=strict)


@settings(deadline=None)
@given(st.lists(CHUNKS, max_size=5))
def test_iob1_of_known_entities(sentences):
    converted, warnings = convert(*map(iob1, sentences), strict=True)
    assert [iob2_spans(tags) for tags in converted] == [spans(chunks) for chunks in sentences]
    assert warnings == []


@settings(deadline=None)
@given(CHUNKS)
def test_iob1_as_seqeval_reads_it(chunks):
    (entities,) = Entities([iob1(chunks)], scheme=IOB1).entities
    ((converted,), _) = convert(iob1(chunks))
    assert iob2_spans(converted) == [(entity.tag, entity.start, entity.end) for entity in entities]


@settings(deadline=None)
@given(st.lists(TAGS, max_size=12))
def test_any_iob_tags(tags):
    """As conlleval reads them; the result is valid, a fixed point, and what spaCy reads too."""
    ((converted,), _) = convert(tags)
    assert iob2_spans(converted) == [(type_, start, end + 1) for type_, start, end in get_entities(tags)]
    assert convert(converted, strict=True) == ([converted], [])
    starts = [i for i, tag in enumerate(iob_to_biluo(converted)) if tag[0] in "BU"]
    assert starts == [start for _, start, _ in iob2_spans(converted)]


@pytest.mark.parametrize("orphans", [["B-X", "I-Y"], ["O", "I-X"], ["I-X", "O"], ["B-X", "O", "I-X"]])
def test_orphans_are_refused_only_in_iob2(orphans):
    iob2 = ["B-X", "I-X", "O", "B-X"]
    (_, repaired), (warning,) = convert(iob2, orphans)
    assert repaired == [tag if tag == "O" else f"B-{tag[2:]}" for tag in orphans]
    assert "repaired 1 such tag to" in warning
    with pytest.raises(CorpusError, match=r"^1\.\d: 'I-.' continues no entity of its type"):
        convert(iob2, orphans, strict=True)


@pytest.mark.parametrize("tag", ["", "B", "I-", "-PER", "E-PER", "b-PER", "PER", "BPER", "O-PER", "0", "_"])
def test_no_iob_tag(tag):
    with pytest.raises(CorpusError, match=r"^1\.2: .*is no IOB tag"):
        convert(["O"], ["O", "B-X", tag])


def test_type_may_have_a_hyphen():
    assert split_tag("I-geo-political") == ("I", "geo-political")
