"""Column files: what is read from them, and what is said of those that cannot be read."""

from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seqtag.corpus import CorpusError, read_folder
from spacy_seqtag.corpus.conll import read_file
from spacy_seqtag.corpus.convert import to_doc

FOUR = "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP B-PER\nBlackburn NNP I-NP I-PER\n"

NLP = spacy.blank("en")


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode("utf8") if isinstance(text, str) else text)
    return path


def read_words(path: Path) -> list[list[list[str]]]:
    return [[sentence.words for sentence in document] for document in read_file(path)[0]]


def test_four_columns(tmp_path):
    ((first, second),), warnings = read_file(write(tmp_path / "train.txt", FOUR))
    assert (first.words, first.tags, first.entities) == (["EU", "rejects"], ["NNP", "VBZ"], ["B-ORG", "O"])
    assert (second.words, second.tags, second.entities) == (["Peter", "Blackburn"], ["NNP"] * 2, ["B-PER", "I-PER"])
    assert warnings == []


def test_two_columns_have_no_tags(tmp_path):
    ((sentence,),), _ = read_file(write(tmp_path / "train.txt", "EU B-ORG\nrejects O\n"))
    assert (sentence.words, sentence.entities, sentence.tags) == (["EU", "rejects"], ["B-ORG", "O"], None)


@pytest.mark.parametrize(
    "text",
    [
        FOUR.replace(" ", "\t"),
        FOUR.replace(" ", " \t  "),
        FOUR.replace("\n", "\r\n"),
        FOUR.replace("\n", "  \n"),
        FOUR.replace("\n\n", "\n \t\n\n\n"),
        f"\n\n{FOUR}\n\n",
        FOUR.rstrip("\n"),
        f"\ufeff{FOUR}",
        f"\ufeff{FOUR}".replace("\n", "\r\n"),
    ],
    ids=["tabs", "mixed", "crlf", "trailing", "blanks", "surrounded", "unterminated", "bom", "bom-crlf"],
)
def test_layout_does_not_matter(tmp_path, text):
    assert read_file(write(tmp_path / "a", text)) == read_file(write(tmp_path / "b", FOUR))


@pytest.mark.parametrize("char", "\x0b\x0c\x1c\x1d\x1e\x85\xa0\u2028\u2029\u3000\ufeff\x00")
def test_only_blanks_and_line_feeds_separate(tmp_path, char):
    assert read_words(write(tmp_path / "train.txt", f"a{char}b NN O O\nc NN O O\n")) == [[[f"a{char}b", "c"]]]


@pytest.mark.parametrize("mark", ["-DOCSTART- -X- -X- O", "-DOCSTART- -X- O O", "-DOCSTART- O", "-DOCSTART-"])
def test_document_marks(tmp_path, mark):
    text = f"{mark}\n\na B-X\n\nb O\n\n{mark}\n{mark}\n\nc O\n{mark}\nd O\n\n{mark}\n"
    assert read_words(write(tmp_path / "train.txt", text)) == [[["a"], ["b"]], [["c"]], [["d"]]]


def test_sentences_before_the_first_mark_are_a_document(tmp_path):
    assert read_words(write(tmp_path / "a", "a O\n\n-DOCSTART- O\n\nb O\n")) == [[["a"]], [["b"]]]


@pytest.mark.parametrize(("options", "sizes"), [({}, [10, 10, 3]), ({"group_size": 12}, [12, 11])])
def test_sentences_are_grouped_where_nothing_marks_documents(tmp_path, options, sizes):
    path = write(tmp_path / "train.txt", "\n\n".join(f"w{i} O" for i in range(23)))
    documents, _ = read_file(path, **options)
    assert [len(document) for document in documents] == sizes
    assert [s.words for document in documents for s in document] == [[f"w{i}"] for i in range(23)]


def test_iob1_becomes_iob2(tmp_path):
    ((sentence,),), warnings = read_file(write(tmp_path / "a", "a I-X\nb I-X\nc B-X\nd I-Y\ne O\nf I-Y\n"), strict=True)
    assert sentence.entities == ["B-X", "I-X", "B-X", "B-Y", "O", "B-Y"]
    assert warnings == []


def test_repair_is_counted(tmp_path):
    path = write(tmp_path / "train.txt", "a B-X\nb I-Y\n\nc O\nd I-X\ne I-X\n")
    (document,), (warning,) = read_file(path)
    assert [sentence.entities for sentence in document] == [["B-X", "B-Y"], ["O", "B-X", "I-X"]]
    assert warning.startswith(f"{path}:2: 'I-Y'")
    assert "2 such tags" in warning
    with pytest.raises(CorpusError, match=r"train\.txt:2: 'I-Y'"):
        read_file(path, strict=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a NN B-NP O\nb NN O\n", ":2: 3 columns"),
        ("a NN B-NP O\n\nb NN B-NP O O\n", ":3: 5 columns"),
        ("a NN B-NP O\nb O\n", ":2: 2 columns"),
        ("a O\nb NN B-NP O\n", ":2: 4 columns"),
        ("\na\n", ":2: 1 columns"),
        ("-DOCSTART- -X- -X- O\n\na NN O\n", ":3: 3 columns"),
        ("a O\nb NN\n", ":2: 'NN' is no IOB tag"),
        ("a O\nb S-PER\n", ":2: 'S-PER' is no IOB tag"),
        ("a O\nb B-\n", ":2: 'B-' is no IOB tag"),
        ("a O\nb B\n", ":2: 'B' is no IOB tag"),
        ("a O\nb o\n", ":2: 'o' is no IOB tag"),
        (b"a O\nZ\xfcrich B-LOC\n", ":2: not UTF-8 (byte 0xfc)"),
        ("a O\n".encode("utf-16"), ":1: not UTF-8 (byte 0xff)"),
        ("", "no sentences"),
        ("\n \n\r\n", "no sentences"),
        ("-DOCSTART- -X- -X- O\n\n", "no sentences"),
    ],
)
def test_malformed_file(tmp_path, text, message):
    path = write(tmp_path / "train.txt", text)
    with pytest.raises(CorpusError) as error:
        read_file(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(CorpusError, match=r"train\.txt: No such file"):
        read_file(tmp_path / "train.txt")


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt", "valid.txt", "test.txt"),
        ("train.conll", "dev.conll", "test.conll"),
        ("train.iob", "valid.iob", "test.iob"),
        ("eng.train", "eng.testa", "eng.testb"),
        ("train.txt", "dev.iob"),
    ],
)
def test_file_names(tmp_path, names):
    for name in names:
        write(tmp_path / name, f"{name} O\n")
    write(tmp_path / "README.md", "no corpus")
    splits = read_folder(tmp_path).splits
    assert [documents[0][0].words for documents in splits.values()] == [[name] for name in names]
    assert list(splits) == ["train", "dev", "test"][: len(names)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train.txt"], "no dev split"),
        (["valid.txt"], "no train split"),
        ([], "no train split"),
        (["train.txt", "valid.txt", "dev.conll"], "several files for dev: valid.txt, dev.conll"),
    ],
)
def test_splits_missing_or_ambiguous(tmp_path, names, message):
    for name in names:
        write(tmp_path / name, "a O\n")
    with pytest.raises(CorpusError) as error:
        read_folder(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert message in str(error.value)


def test_folder_as_a_file_and_file_as_a_folder(tmp_path):
    (tmp_path / "train.txt").mkdir()
    file = write(tmp_path / "valid.txt", "a O\n")
    with pytest.raises(CorpusError, match=r"train\.txt is a folder"):
        read_folder(tmp_path)
    with pytest.raises(CorpusError, match=r"valid\.txt is no folder"):
        read_folder(file)


LINES = st.sampled_from(
    [b"a O", b"a NN x B-X", b"a I-Y", b"-DOCSTART-", b"\xff", b" ", b"\t", b"\r\n", b"\n", b"", b"\xef\xbb\xbf"]
)


@settings(deadline=None)
@given(st.binary() | st.lists(LINES | st.binary(max_size=4), max_size=12).map(b"\n".join))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = write(tmp_path_factory.getbasetemp() / "any.txt", data)
    try:
        documents, _ = read_file(path)
    except CorpusError:
        return
    assert documents
    for document in documents:
        doc = to_doc(document, NLP)
        assert [[token.text for token in sentence] for sentence in doc.sents] == [s.words for s in document]


def test_files_with_different_columns(tmp_path):
    write(tmp_path / "train.txt", "Anna NNP O B-PER\n")
    write(tmp_path / "valid.txt", "Anna B-PER\n")
    with pytest.raises(CorpusError, match=r"train\.txt has four columns, .*valid\.txt two"):
        read_folder(tmp_path)
