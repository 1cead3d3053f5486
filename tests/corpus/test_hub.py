"""Datasets: the ones `datasets` saves and loads, down to class labels and rows."""

import datasets
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from spacy_seqtag.corpus import CorpusError, read_dataset, read_folder
from spacy_seqtag.corpus.hub import is_saved_dataset

CONLL_POS = [
    *('"', "''", "#", "$", "(", ")", ",", ".", ":", "``", "CC", "CD", "DT", "EX", "FW", "IN", "JJ", "JJR", "JJS", "LS"),
    *("MD", "NN", "NNP", "NNPS", "NNS", "NN|SYM", "PDT", "POS", "PRP", "PRP$", "RB", "RBR", "RBS", "RP", "SYM", "TO"),
    *("UH", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "WDT", "WP", "WP$", "WRB"),
]
CONLL_NER = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]
"""The classes of lhoestq/conll2003, in its order."""

EU = {"tokens": ["EU", "rejects", "German", "call"], "pos_tags": ["NNP", "VBZ", "JJ", "NN"]}
EU["ner_tags"] = ["B-ORG", "O", "B-MISC", "O"]
PETER = {"tokens": ["Peter", "Blackburn"], "pos_tags": ["NNP", "NNP"], "ner_tags": ["B-PER", "I-PER"]}
MARK = {"tokens": ["-DOCSTART-"], "pos_tags": ["NN"], "ner_tags": ["O"]}


def make_split(rows, *, pos=CONLL_POS, ner=CONLL_NER, columns=("tokens", "pos_tags", "ner_tags")):
    """A split with class labels."""
    features = {"tokens": List(Value("string")), "pos_tags": List(ClassLabel(names=pos))}
    features["ner_tags"] = List(ClassLabel(names=ner))
    index = {"pos_tags": pos, "ner_tags": ner}
    data = {c: [[index[c].index(v) for v in row[c]] if c in index else row[c] for row in rows] for c in columns}
    return Dataset.from_dict(data, features=Features({c: features[c] for c in columns}))


def save(path, **splits) -> str:
    DatasetDict(splits).save_to_disk(path)
    return str(path)


@pytest.fixture
def conll2003(tmp_path):
    rows = {"train": [EU, PETER] * 6, "validation": [PETER], "test": [EU]}
    return save(tmp_path / "saved", **{split: make_split(r) for split, r in rows.items()})


def test_conll2003(conll2003):
    corpus = read_dataset(conll2003)
    assert {split: [len(d) for d in documents] for split, documents in corpus.splits.items()} == {
        "train": [10, 2],
        "dev": [1],
        "test": [1],
    }
    sentence = corpus.splits["train"][1][0]
    assert (sentence.words, sentence.tags, sentence.entities) == (EU["tokens"], EU["pos_tags"], EU["ner_tags"])
    assert len(CONLL_POS) == 47
    assert corpus.tag_labels == CONLL_POS
    assert corpus.entity_labels == ["PER", "ORG", "LOC", "MISC"]
    assert corpus.warnings == []


def test_a_dataset_is_the_same_as_its_column_files(conll2003, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for split, rows in {"train": [EU, PETER] * 6, "valid": [PETER], "test": [EU]}.items():
        lines = ["".join(f"{w} {t} x {e}\n" for w, t, e in zip(*row.values(), strict=True)) for row in rows]
        (folder / f"{split}.txt").write_text("\n".join(lines), encoding="utf8")
    assert read_dataset(conll2003).splits == read_folder(folder).splits
    assert is_saved_dataset(tmp_path / "saved")
    assert not is_saved_dataset(folder)


def test_name_on_the_hub(conll2003, monkeypatch):
    asked = []
    dataset = DatasetDict.load_from_disk(conll2003)
    monkeypatch.setattr(datasets, "load_dataset", lambda name: asked.append(name) or dataset)
    assert read_dataset("conll2003") == read_dataset("someone/ner") == read_dataset(conll2003)
    assert asked == ["lhoestq/conll2003", "someone/ner"]


@pytest.mark.parametrize("error", [ConnectionError("Couldn't reach the Hub"), OSError(), ValueError("a\nb")])
def test_unreachable_hub(monkeypatch, error):
    def fail(name):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(CorpusError, match=r"'lhoestq/conll2003': (?s:.*)use local files: (?s:.*)train\.txt"):
        read_dataset("conll2003")


def test_document_marks(tmp_path):
    rows = [MARK, EU, PETER, MARK, MARK, PETER, MARK]
    corpus = read_dataset(save(tmp_path / "saved", train=make_split(rows), validation=make_split([EU])))
    assert [[s.words for s in document] for document in corpus.splits["train"]] == [
        [EU["tokens"], PETER["tokens"]],
        [PETER["tokens"]],
    ]


def test_no_pos_tags_and_no_test_split(tmp_path):
    split = make_split([EU, PETER], columns=("tokens", "ner_tags"))
    corpus = read_dataset(save(tmp_path / "saved", train=split, dev=split), group_size=1)
    assert list(corpus.splits) == ["train", "dev"]
    assert [document[0].tags for document in corpus.splits["train"]] == [None, None]
    assert corpus.tag_labels is None


def test_strings_in_json_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "json"
    folder.mkdir()
    for split, row in {"train": EU, "validation": PETER}.items():
        Dataset.from_list([row]).to_json(folder / f"{split}.jsonl")
    assert is_saved_dataset(folder)
    corpus = read_dataset(str(folder))
    assert corpus.splits["train"][0][0].entities == EU["ner_tags"]
    assert corpus.splits["dev"][0][0].tags == PETER["pos_tags"]
    assert (corpus.tag_labels, corpus.entity_labels) == (None, None)


def test_saved_format_does_not_matter(conll2003, tmp_path):
    dataset = DatasetDict.load_from_disk(conll2003).with_format("numpy")
    assert read_dataset(save(tmp_path / "numpy", **dataset)) == read_dataset(conll2003)


def test_iob1_and_repair(tmp_path):
    iob1 = {**PETER, "ner_tags": ["I-PER", "I-PER"]}
    mixed = {**EU, "ner_tags": ["B-ORG", "I-PER", "O", "I-LOC"]}
    name = save(tmp_path / "saved", train=make_split([iob1]), validation=make_split([MARK, EU, mixed]))
    corpus = read_dataset(name)
    assert corpus.splits["train"][0][0].entities == ["B-PER", "I-PER"]
    assert corpus.splits["dev"][0][1].entities == ["B-ORG", "B-PER", "O", "B-LOC"]
    place = f"{name}, split validation, row 2, token 1: 'I-PER'"
    (warning,) = corpus.warnings
    assert warning.startswith(place)
    assert "2 such tags" in warning
    with pytest.raises(CorpusError, match=place):
        read_dataset(name, strict=True)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"words": [["a"]], "ner": [[0]]}, "no column tokens or ner_tags; it has words, ner"),
        ({"tokens": [["a"]], "labels": [[0]]}, "no column ner_tags; it has tokens, labels"),
        ({"tokens": [["a"]], "ner_tags": [[0]]}, "row 0, ner_tags: 0 is no class label"),
        ({"tokens": [["a"], ["b"]], "ner_tags": [["O"], ["PER"]]}, "row 1, token 0: 'PER' is no IOB tag"),
        ({"tokens": [["a"], ["b", "c"]], "ner_tags": [["O"], ["O"]]}, "row 1: 2 tokens, but 1 ner_tags"),
        ({"tokens": [["a", ""]], "ner_tags": [["O", "O"]]}, "row 0: a token that is empty"),
        ({"tokens": [[1]], "ner_tags": [["O"]]}, "row 0: a token that is empty or no string"),
        ({"tokens": [["a"], None], "ner_tags": [["O"], []]}, "row 1, tokens: expected a list"),
        ({"tokens": ["a"], "ner_tags": ["O"]}, "row 0, ner_tags: expected a list"),
        ({"tokens": [["a"], ["b"]], "ner_tags": [["O"], [None]]}, "row 1, ner_tags: None is no class label"),
        ({"tokens": [[]], "ner_tags": [[]]}, "no sentences"),
    ],
)
def test_unusable_columns(tmp_path, columns, message):
    name = save(tmp_path / "saved", train=make_split([EU]), validation=Dataset.from_dict(columns))
    with pytest.raises(CorpusError) as error:
        read_dataset(name)
    assert str(error.value).startswith(f"{name}, split validation")
    assert message in str(error.value)


@pytest.mark.parametrize("index", [-1, None])
def test_missing_class_label(tmp_path, index):
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=CONLL_NER))})
    split = Dataset.from_dict({"tokens": [["a"]], "ner_tags": [[index]]}, features=features)
    with pytest.raises(CorpusError, match=r"row 0, ner_tags: (-1|None) is no class label"):
        read_dataset(save(tmp_path / "saved", train=split, validation=split))


def test_class_labels_that_are_no_iob_tags(tmp_path):
    split = make_split([PETER], ner=[*CONLL_NER, "[PAD]"])
    with pytest.raises(CorpusError, match=r"class labels of ner_tags: '\[PAD\]' is no IOB tag"):
        read_dataset(save(tmp_path / "saved", train=split, validation=split))


@pytest.mark.parametrize(("split", "missing"), [("train", "dev"), ("validation", "train"), ("unsupervised", "train")])
def test_missing_split(tmp_path, split, missing):
    with pytest.raises(CorpusError, match=f"has no {missing} split: .*, only {split}"):
        read_dataset(save(tmp_path / "saved", **{split: make_split([EU])}))
