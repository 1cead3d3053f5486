"""What a conversion writes, and what it leaves alone."""

import json
from collections import Counter
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin
from spacy.training import Corpus as DocBinCorpus

from spacy_seqtag.corpus import OUTPUTS, Corpus, CorpusError, Sentence, convert, read_folder

TRAIN = [
    [
        Sentence(["EU", "rejects", "EU", "call"], ["B-ORG", "O", "B-MISC", "I-MISC"], ["NNP", "VBZ", "JJ", "NN"]),
        Sentence(["Peter", "Blackburn"], ["B-PER", "I-PER"], ["NNP", "NNP"]),
    ],
    [Sentence(["rejects"], ["O"], ["VBZ"])],
]
DEV = [[Sentence(["Rome"], ["B-LOC"], ["NNP"])]]


NLP = spacy.blank("en")


def snapshot(folder: Path, *, with_times: bool = False) -> dict[str, object]:
    """The contents of all files below a folder, and when they were written."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) if with_times else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def run(out: Path, splits=None, *, corpus: Corpus | None = None, **kwargs) -> dict:
    corpus = corpus or Corpus(splits or {"train": TRAIN, "dev": DEV})
    return convert(corpus, out, NLP, source="here", **kwargs)


def read_docs(path: Path):
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def as_documents(docs) -> list[list[Sentence]]:
    return [
        [
            Sentence(
                [token.text for token in sentence],
                [f"{t.ent_iob_}-{t.ent_type_}" if t.ent_type_ else t.ent_iob_ for t in sentence],
                [token.tag_ for token in sentence] if doc.has_annotation("TAG") else None,
            )
            for sentence in doc.sents
        ]
        for doc in docs
    ]


def test_documents_become_docs(tmp_path):
    run(tmp_path / "out")
    docs = read_docs(tmp_path / "out" / "train.spacy")
    assert as_documents(docs) == TRAIN
    assert [(ent.text, ent.label_) for ent in docs[0].ents] == [
        ("EU", "ORG"),
        ("EU call", "MISC"),
        ("Peter Blackburn", "PER"),
    ]


def test_spacy_trains_on_it(tmp_path):
    """spaCy's own reader makes the corpus's tokens of its text, also those that its tokenizer for English would split,
    and gives them their annotation."""
    words = ["EU-led", "$", "5m", "do", "n't", "."]
    document = [
        Sentence(words, ["B-MISC", "O", "O", "B-PER", "I-PER", "O"], ["JJ", "$", "CD", "VBP", "RB", "."]),
        *TRAIN[1],
    ]
    run(tmp_path / "out", {"train": [document], "dev": DEV})
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-seqtag.PennTokenizer.v1"}}})
    (example,) = DocBinCorpus(tmp_path / "out" / "train.spacy")(nlp)
    assert example.predicted.text == example.reference.text == "EU-led $5m don't. rejects"
    assert [token.text for token in example.predicted] == [*words, "rejects"]
    assert example.get_aligned("TAG", as_string=True) == ["JJ", "$", "CD", "VBP", "RB", ".", "VBZ"]
    assert example.get_aligned_ner() == ["U-MISC", "O", "O", "B-PER", "L-PER", "O", "O"]
    assert example.get_aligned_sent_starts() == [True, *[False] * 5, True]


def test_tokens_that_the_text_does_not_give_back(tmp_path):
    """Where one token is several of the corpus, what these agree on is its annotation, and else it has none."""
    document = [Sentence(["in", "the", "U.S", "."], ["O", "O", "B-LOC", "O"], ["IN", "DT", "NNP", "."])]
    run(tmp_path, {"train": [document], "dev": DEV})
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-seqtag.PennTokenizer.v1"}}})
    (example,) = DocBinCorpus(tmp_path / "train.spacy")(nlp)
    assert [token.text for token in example.predicted] == ["in", "the", "U.S."]
    assert example.get_aligned("TAG", as_string=True) == ["IN", "DT", None]
    assert example.get_aligned_ner() == ["O", "O", None]


def test_the_spaces_of_other_languages_are_unknown(tmp_path):
    """spaCy's reader then takes the corpus's tokens as they are."""
    documents = [[Sentence(["C'est", "l'été", "."], ["O", "O", "O"])]]
    convert(Corpus({"train": documents, "dev": documents}), tmp_path, spacy.blank("fr"), source="here")
    (doc,) = read_docs(tmp_path / "train.spacy")
    assert doc.has_unknown_spaces
    (example,) = DocBinCorpus(tmp_path / "train.spacy")(spacy.blank("fr"))
    assert [token.text for token in example.predicted] == ["C'est", "l'été", "."]
    run(tmp_path / "english")
    assert not any(doc.has_unknown_spaces for doc in read_docs(tmp_path / "english" / "train.spacy"))


def test_statistics_labels_and_dictionary(tmp_path):
    out = tmp_path / "out"
    stats = run(out)
    assert json.loads((out / "stats.json").read_text()) == stats
    assert stats["source"] == "here"
    assert stats["splits"]["train"] == {
        "documents": 2,
        "sentences": 3,
        "tokens": 7,
        "longest_sentence": 4,
        "entities": 3,
        "entities_by_label": {"ORG": 1, "MISC": 1, "PER": 1},
        "tags_by_label": {"NNP": 3, "VBZ": 2, "JJ": 1, "NN": 1},
    }
    assert stats["splits"]["dev"]["entities_by_label"] == {"LOC": 1}
    # LOC and Rome are in dev alone, of which nothing may be learnt.
    assert json.loads((out / "labels" / "ner.json").read_text()) == ["MISC", "ORG", "PER"]
    assert json.loads((out / "labels" / "tagger.json").read_text()) == ["JJ", "NN", "NNP", "VBZ"]
    dictionary = json.loads((out / "dictionary.json").read_text())
    assert dictionary == {"EU": 2, "rejects": 2, "call": 1, "Peter": 1, "Blackburn": 1}
    assert list(dictionary.values()) == [2, 2, 1, 1, 1]
    tags = json.loads((out / "tag_dictionary.json").read_text())
    assert tags.keys() == dictionary.keys()
    assert tags["rejects"] == {"VBZ": 2}


def test_label_files_keep_order_and_unseen_classes(tmp_path):
    splits = {"train": TRAIN, "dev": DEV}
    run(tmp_path, corpus=Corpus(splits, tag_labels=["VBZ", "NN|SYM", "NNP"], entity_labels=["PER", "LOC", "ORG"]))
    assert json.loads((tmp_path / "labels" / "tagger.json").read_text()) == ["VBZ", "NN|SYM", "NNP"]
    assert json.loads((tmp_path / "labels" / "ner.json").read_text()) == ["PER", "LOC", "ORG"]


def test_no_tags(tmp_path):
    documents = [[Sentence(["Rome", "fell"], ["B-LOC", "O"])]]
    stats = run(tmp_path, {"train": documents, "dev": documents})
    assert not (tmp_path / "labels" / "tagger.json").exists()
    assert "labels/tagger.json" not in stats["files"]
    assert as_documents(read_docs(tmp_path / "train.spacy")) == documents


def test_repeated_conversion_is_identical(tmp_path):
    run(tmp_path / "a")
    run(tmp_path / "b")
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")
    assert set(snapshot(tmp_path / "a")) == set(OUTPUTS) - {"test.spacy"}


def test_unchanged_conversion_is_left_alone(tmp_path):
    run(tmp_path)
    before = snapshot(tmp_path, with_times=True)
    run(tmp_path, force=True)
    assert snapshot(tmp_path, with_times=True) == before


def test_a_conversion_in_an_earlier_format_is_replaced(tmp_path, monkeypatch):
    run(tmp_path)
    (tmp_path / "train.spacy").write_bytes(b"as it was written earlier")
    run(tmp_path, force=True)
    assert (tmp_path / "train.spacy").read_bytes() == b"as it was written earlier"
    monkeypatch.setitem(convert.__globals__, "FORMAT", "another")
    run(tmp_path, force=True)
    assert as_documents(read_docs(tmp_path / "train.spacy")) == TRAIN


@pytest.mark.parametrize("name", ["train.spacy", "labels/ner.json", "stats.json"])
def test_missing_output_is_written_again(tmp_path, name):
    run(tmp_path)
    before = snapshot(tmp_path)
    (tmp_path / name).unlink()
    run(tmp_path, force=True)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"digest": 1}', '"text"'])
def test_statistics_of_someone_else(tmp_path, content):
    (tmp_path / "stats.json").write_text(content)
    with pytest.raises(CorpusError, match=r"already holds a conversion \(stats\.json\); use --force"):
        run(tmp_path)
    run(tmp_path, force=True)
    assert json.loads((tmp_path / "stats.json").read_text())["splits"]["train"]["tokens"] == 7


def test_force_replaces_all_of_an_earlier_conversion(tmp_path):
    run(tmp_path, {"train": TRAIN, "dev": DEV, "test": DEV})
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "labels" / "parser.json").write_text("mine")
    before = snapshot(tmp_path, with_times=True)
    untagged = [[Sentence(["Rome"], ["B-LOC"])]]
    with pytest.raises(CorpusError, match=r"already holds a conversion \(train\.spacy, .*--force"):
        run(tmp_path, {"train": untagged, "dev": untagged})
    assert snapshot(tmp_path, with_times=True) == before
    run(tmp_path, {"train": untagged, "dev": untagged}, force=True)
    kept = set(OUTPUTS) - {"test.spacy", "labels/tagger.json"}
    assert set(snapshot(tmp_path)) == kept | {"notes.md", "labels/parser.json"}
    assert json.loads((tmp_path / "labels" / "ner.json").read_text()) == ["LOC"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("earlier", [False, True])
def test_failure_leaves_everything_as_it_was(tmp_path, earlier, error):
    def fail(split, documents):
        yield from documents
        if split == "dev":
            raise error

    if earlier:
        run(tmp_path / "out")
    before = snapshot(tmp_path, with_times=True)
    with pytest.raises(error):
        run(tmp_path / "out", {"train": DEV, "dev": DEV}, force=True, progress=fail)
    assert snapshot(tmp_path, with_times=True) == before
    assert list(tmp_path.iterdir()) == [tmp_path / "out"] * earlier


@pytest.mark.parametrize("file", ["file", "file/out", "file/deep/out", "out"])
def test_file_where_a_folder_is_to_be(tmp_path, file):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "labels").write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(CorpusError, match=r"(file|labels) is a file; give a folder"):
        run(tmp_path / file, force=True)
    assert snapshot(tmp_path) == before


def test_folder_where_a_file_is_to_be(tmp_path):
    (tmp_path / "dev.spacy").mkdir()
    with pytest.raises(CorpusError, match=r"dev\.spacy is a folder"):
        run(tmp_path, force=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "dev.spacy"]


WORDS = st.text(st.characters(codec="utf-8", exclude_characters=" \t\r\n"), min_size=1, max_size=8).filter(
    lambda word: word != "-DOCSTART-" and not word.startswith("\ufeff")
)
ENTITIES = st.lists(
    st.tuples(st.sampled_from(["", "PER", "B-side"]), st.lists(WORDS, min_size=1, max_size=3)), min_size=1
)


@st.composite
def sentences(draw) -> Sentence:
    words: list[str] = []
    tags: list[str] = []
    for type_, chunk in draw(ENTITIES):
        words += chunk
        tags += [f"B-{type_}"] + [f"I-{type_}"] * (len(chunk) - 1) if type_ else ["O"] * len(chunk)
    return Sentence(words, tags, draw(st.lists(WORDS, min_size=len(words), max_size=len(words))))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(sentences(), min_size=1, max_size=3), min_size=1, max_size=3))
def test_column_file_to_doc(tmp_path_factory, documents):
    """Whatever is written into a column file stands in the docs, and the counts are right."""
    folder = tmp_path_factory.getbasetemp() / "round-trip"
    folder.mkdir(exist_ok=True)
    text = ""
    for document in documents:
        text += "-DOCSTART- -X- O O\n\n"
        for sentence in document:
            columns = zip(sentence.words, sentence.tags, sentence.entities, strict=True)
            text += "".join(f"{word} {tag} _ {entity}\n" for word, tag, entity in columns) + "\n"
    (folder / "train.txt").write_bytes(text.encode("utf8"))
    (folder / "dev.txt").write_bytes(b"a NN _ O\n")
    stats = run(folder / "out", corpus=read_folder(folder, strict=True), force=True)
    assert as_documents(read_docs(folder / "out" / "train.spacy")) == documents
    words = [word for document in documents for sentence in document for word in sentence.words]
    assert json.loads((folder / "out" / "dictionary.json").read_text("utf8")) == Counter(words)
    assert stats["splits"]["train"]["tokens"] == len(words)
    assert stats["splits"]["train"]["entities"] == sum(
        tag[0] == "B" for document in documents for sentence in document for tag in sentence.entities
    )
