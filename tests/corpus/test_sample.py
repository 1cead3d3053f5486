"""The bundled corpus keeps what it promises."""

import re
from collections import Counter
from pathlib import Path

import pytest

from spacy_seqtag.corpus import read_folder

SAMPLE = Path(__file__).parents[2] / "assets" / "sample"
FILES = [SAMPLE / f"{name}.txt" for name in ("train", "valid", "test")]
PENN = {
    *("CC", "CD", "DT", "EX", "FW", "IN", "JJ", "JJR", "JJS", "LS", "MD", "NN", "NNP", "NNPS", "NNS", "PDT", "POS"),
    *("PRP", "PRP$", "RB", "RBR", "RBS", "RP", "SYM", "TO", "UH", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "WDT"),
    *("WP", "WP$", "WRB", "#", "$", "''", "``", "(", ")", ",", ".", ":", '"', "NN|SYM"),
}
"""The Penn Treebank's tags as they occur in CoNLL-2003."""


@pytest.fixture(scope="module")
def corpus():
    return read_folder(SAMPLE, strict=True)


@pytest.fixture(scope="module")
def split_sentences(corpus):
    return {split: [s for document in documents for s in document] for split, documents in corpus.splits.items()}


def test_size(corpus, split_sentences):
    assert set(corpus.splits) == {"train", "dev", "test"}
    for split, least in {"train": 400, "dev": 80, "test": 80}.items():
        assert len(split_sentences[split]) >= least
        assert len(corpus.splits[split]) > 1
    assert sum(len(s.words) for sentences in split_sentences.values() for s in sentences) >= 8000


def test_tags(split_sentences):
    tags = {tag for sentences in split_sentences.values() for s in sentences for tag in s.tags}
    assert tags <= PENN
    assert len(tags) >= 38


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lines(path):
    """Four columns, chunks and entities in IOB2 as they stand: each I- continues its own type."""
    before = ["O", "O"]
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
        columns = line.split(" ")
        if line in ("", "-DOCSTART- -X- -X- O"):
            before = ["O", "O"]
            continue
        assert len(columns) == 4, f"line {number}"
        assert all(columns), f"line {number}"
        assert re.fullmatch("O|[BI]-(ADJP|ADVP|CONJP|INTJ|LST|NP|PP|PRT|SBAR|UCP|VP)", columns[2]), f"line {number}"
        assert re.fullmatch("O|[BI]-(PER|ORG|LOC|MISC)", columns[3]), f"line {number}"
        for last, tag in zip(before, columns[2:], strict=True):
            assert tag[0] != "I" or last[2:] == tag[2:], f"line {number}: {tag} after {last}"
        before = columns[2:]


def test_every_entity_type_in_every_split(split_sentences):
    for sentences in split_sentences.values():
        entities = {tag[2:] for s in sentences for tag in s.entities if tag != "O"}
        assert entities == {"PER", "ORG", "LOC", "MISC"}


def test_no_sentence_twice(split_sentences):
    texts = Counter(" ".join(s.words).lower() for sentences in split_sentences.values() for s in sentences)
    assert [text for text, count in texts.items() if count > 1] == []
