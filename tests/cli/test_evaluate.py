"""`evaluate` on a rule-based pipeline of spaCy's own, whose scores are known."""

import json

import pytest
import spacy
import srsly
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from typer.testing import CliRunner

from spacy_seqtag.cli import app


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """Takes every `EU` for an ORG and every `Rome` for an ORG too; tags both NNP."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": word} for word in ("EU", "Rome")])
    nlp.add_pipe("attribute_ruler").add([[{"ORTH": {"IN": ["EU", "Rome"]}}]], {"TAG": "NNP"})
    path = tmp_path_factory.mktemp("pipeline") / "rules"
    nlp.to_disk(path)
    return path


@pytest.fixture
def corpus(tmp_path):
    """In test two entities of which one is found as such, in dev one that is found."""
    nlp = spacy.blank("en")
    words = ["EU", "left", "Rome", "."]
    test = Doc(nlp.vocab, words=words, tags=["NNP", "VBD", "NNP", "."], ents=["B-ORG", "O", "B-LOC", "O"])
    dev = Doc(nlp.vocab, words=["EU"], tags=["NNP"], ents=["B-ORG"])
    folder = tmp_path / "corpus"
    folder.mkdir()
    for split, doc in {"test": test, "dev": dev}.items():
        DocBin(docs=[doc]).to_disk(folder / f"{split}.spacy")
    return folder


def evaluate(*args) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def test_scores_on_the_test_split(pipeline, corpus, tmp_path):
    path = tmp_path / "deep" / "metrics.json"
    code, output = evaluate(pipeline, corpus, "--output", path)
    assert code == 0
    assert "dev split" not in output
    scores = srsly.read_json(path)
    assert scores.pop("speed") > 0
    spacys = {name: scores[name] for name in ("corpus", "tag_acc", "ents_p", "ents_r", "ents_f", "ents_per_type")}
    assert spacys == {
        "corpus": str(corpus / "test.spacy"),
        "tag_acc": 0.5,
        "ents_p": 0.5,
        "ents_r": 0.5,
        "ents_f": 0.5,
        "ents_per_type": {
            "ORG": {"p": 0.5, "r": 1.0, "f": pytest.approx(2 / 3)},
            "LOC": {"p": 0.0, "r": 0.0, "f": 0.0},
        },
    }
    assert "Tag accuracy 50.00" in output
    assert "NER F1 50.00" in output
    assert json.loads(path.read_text(encoding="utf8"))["ents_per_type"]["ORG"]["f"] == 2 / 3
    assert "ORG 50.00 100.00 66.67 1" in output


def test_what_the_scores_are_made_of(pipeline, corpus, tmp_path):
    """In training Rome is a LOC and has two tags."""
    nlp = spacy.blank("en")
    train = Doc(nlp.vocab, words=["Rome", "Rome", "."], tags=["NNP", "NN", "."], ents=["B-LOC", "O", "O"])
    DocBin(docs=[train]).to_disk(corpus / "train.spacy")
    words = ["EU", "left", "Rome", ".", "ROME", "1999"]
    annotation = {"tags": ["NNP", "VBD", "NNP", ".", "NNP", "CD"], "ents": ["B-ORG", "O", "B-LOC", "O", "B-LOC", "O"]}
    test = Doc(nlp.vocab, words=words, **annotation, sent_starts=[True, False, False, False, True, False])
    DocBin(docs=[test, test]).to_disk(corpus / "test.spacy")
    code, output = evaluate(pipeline, corpus, "--output", tmp_path / "metrics.json")
    assert code == 0
    scores = srsly.read_json(tmp_path / "metrics.json")
    assert scores["tag_acc_by_training"] == {
        "seen": {"acc": 0.5, "words": 4},  # "Rome" and "."
        "unseen": {"acc": 0.25, "words": 8},
        "ambiguous": {"acc": 1.0, "words": 2},
    }
    # Rome was predicted as ORG, which it never is in training.
    assert scores["ents_by_training"]["seen"] == {"p": 0.0, "r": 0.0, "f": 0.0, "entities": 2}
    assert scores["ents_by_training"]["unseen"] == {"p": 0.5, "r": 0.5, "f": 0.5, "entities": 4}
    assert scores["ents_errors"] == {"exact": 2, "boundary": 0, "type": 2, "both": 0, "missed": 2, "spurious": 0}
    assert scores["ents_confusion"] == {"LOC": {"ORG": 2, "": 2}, "ORG": {"ORG": 2}}
    assert scores["tag_confusion"]["VBD"] == {"": 2}
    assert scores["by_sentence"]["capitals"]["sentences"] == 2
    assert scores["by_sentence"]["capitals"]["tag_acc"] == 0.0
    assert scores["by_sentence"]["1-5"]["sentences"] == 4
    assert scores["documents"] == {"tag_acc": [[2, 4, 4]] * 2, "ents_f": [[1, 1, 2]] * 2}
    assert scores["confidence"]["ents_f"] == [scores["ents_f"]] * 2  # the two documents are the same
    for line in (
        "NER F1 40.00 40.00 to 40.00",
        "seen in training 0.00 0.00 0.00 2",
        "unseen in training 25.00 8",
        "ambiguous in training 100.00 2",
        "2 0 2 0 2 0",
        "in capitals 0.00 0.00 2",
        "1-5 tokens 33.33 40.00 4",
        "LOC as ORG 2",
        "LOC as (none) 2",
        "VBD as (none) 2",
    ):
        assert line in output
    assert "No train.spacy" not in output
    assert "no sentence boundaries" not in output


def test_what_cannot_be_told(pipeline, corpus, tmp_path):
    code, output = evaluate(pipeline, corpus, "--output", tmp_path / "metrics.json")
    assert code == 0
    scores = srsly.read_json(tmp_path / "metrics.json")
    assert not {"tag_acc_by_training", "ents_by_training", "by_sentence"} & scores.keys()
    assert f"No train.spacy beside {corpus / 'test.spacy'}" in output
    assert "no sentence boundaries: no scores by sentence" in output


def test_a_pipeline_without_tags(corpus, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "EU"}])
    nlp.to_disk(tmp_path / "recognizer")
    code, output = evaluate(tmp_path / "recognizer", corpus, "--output", tmp_path / "metrics.json")
    assert code == 0
    scores = srsly.read_json(tmp_path / "metrics.json")
    assert scores["ents_errors"]["exact"] == 1
    assert not any(name.startswith("tag") for name in scores)
    assert "tag_acc" not in scores["documents"]
    assert "Tag" not in output


def test_a_pipeline_that_annotates_nothing(corpus, tmp_path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    code, output = evaluate(tmp_path / "blank", corpus)
    assert code == 0
    assert "Words per second" in output


def test_dev_split_where_there_is_no_test_split(pipeline, corpus, tmp_path):
    (corpus / "test.spacy").unlink()
    code, output = evaluate(pipeline, corpus, "--output", tmp_path / "metrics.json")
    assert code == 0
    assert f"{corpus} has no test split: these are scores on its dev split" in output
    scores = srsly.read_json(tmp_path / "metrics.json")
    assert scores["corpus"] == str(corpus / "dev.spacy")
    assert scores["ents_f"] == 1.0


def test_one_file(pipeline, corpus, tmp_path):
    code, output = evaluate(pipeline, corpus / "dev.spacy", "--output", tmp_path / "metrics.json")
    assert code == 0
    assert "no test split" not in output
    assert srsly.read_json(tmp_path / "metrics.json")["corpus"] == str(corpus / "dev.spacy")


@pytest.fixture
def text_corpus(tmp_path):
    """Of five tokens spaCy's tokenizer splits one, `EU-led`; in the second document all are as annotated."""
    nlp = spacy.blank("en")
    split = Doc(
        nlp.vocab,
        words=["EU-led", "talks", "left", "Rome", "."],
        spaces=[True, True, True, False, False],
        tags=["JJ", "NNS", "VBD", "NNP", "."],
        ents=["B-ORG", "O", "O", "B-ORG", "O"],
    )
    same = Doc(nlp.vocab, words=["EU", "left"], spaces=[True, False], tags=["NNP", "VBD"], ents=["B-ORG", "O"])
    (tmp_path / "text").mkdir()
    DocBin(docs=[split, same]).to_disk(tmp_path / "text" / "test.spacy")
    return tmp_path / "text"


def test_on_running_text(pipeline, text_corpus, tmp_path):
    """On gold tokens `EU-led` is no `EU`. In the text there is one, which has neither the entity's nor the token's
    characters."""
    code, output = evaluate(pipeline, text_corpus, "--raw", "--output", tmp_path / "metrics.json")
    assert code == 0
    scores = srsly.read_json(tmp_path / "metrics.json")
    assert scores["tag_acc"] == pytest.approx(2 / 7)
    assert (scores["ents_p"], scores["ents_r"]) == pytest.approx((1, 2 / 3))
    raw = scores["raw"]
    assert raw["token_r"] == pytest.approx(6 / 7)
    assert raw["token_p"] == pytest.approx(6 / 9)
    assert raw["tag_acc"] == pytest.approx(2 / 7)
    assert (raw["ents_p"], raw["ents_r"], raw["ents_f"]) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    differences = {name: raw[name] - scores[name] for name in ("tag_acc", "ents_p", "ents_r", "ents_f")}
    assert raw["difference"] == pytest.approx(differences)
    for line in ("Tokens recovered 85.71", "Tokens right 66.67", "NER precision 100.00 66.67 -33.33"):
        assert line in output

    # spaCy's own scores of the same: tokens as ours; entities it counts as right that are a part of a token.
    nlp = spacy.load(pipeline)
    references = list(DocBin().from_disk(text_corpus / "test.spacy").get_docs(nlp.vocab))
    examples = [Example(nlp(doc.text), doc) for doc in references]
    spacys = Scorer.score_tokenization(examples) | get_ner_prf(examples)
    assert {name: raw[name] for name in ("token_p", "token_r", "token_f")} == {
        name: pytest.approx(spacys[name]) for name in ("token_p", "token_r", "token_f")
    }
    assert spacys["ents_f"] == pytest.approx(1)


def test_running_text_whose_tokens_are_the_gold_ones(pipeline, text_corpus, tmp_path):
    nlp = spacy.load(pipeline)
    tokenizer = spacy.blank(
        "en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-seqtag.PennTokenizer.v1"}}}
    ).tokenizer
    nlp.tokenizer.from_bytes(tokenizer.to_bytes(exclude=["vocab"]))
    nlp.to_disk(tmp_path / "penn")
    code, _ = evaluate(tmp_path / "penn", text_corpus, "--raw", "--output", tmp_path / "metrics.json")
    assert code == 0
    raw = srsly.read_json(tmp_path / "metrics.json")["raw"]
    assert raw["token_f"] == 1.0
    assert raw["difference"] == dict.fromkeys(("tag_acc", "ents_p", "ents_r", "ents_f"), 0.0)


def test_running_text_without_annotation_of_entities(pipeline, tmp_path):
    """What is predicted where annotation is missing is neither right nor wrong."""
    nlp = spacy.blank("en")
    words = ["EU", "left", "Rome", "now"]
    doc = Doc(nlp.vocab, words=words, spaces=[True, True, True, False], ents=["B-ORG", "O", "", ""])
    DocBin(docs=[doc]).to_disk(tmp_path / "test.spacy")
    code, output = evaluate(pipeline, tmp_path / "test.spacy", "--raw", "--output", tmp_path / "metrics.json")
    assert code == 0
    raw = srsly.read_json(tmp_path / "metrics.json")["raw"]
    assert raw["ents_p"] == raw["ents_r"] == 1.0
    assert "tag_acc" not in raw
    assert "Tag accuracy" not in output


def test_running_text_that_is_not_known(pipeline, corpus, tmp_path):
    code, output = evaluate(pipeline, corpus, "--raw", "--output", tmp_path / "metrics.json")
    assert code == 1
    assert f"the text of document 1 of {corpus / 'test.spacy'} is not known" in output
    assert "convert the corpus anew" in output
    assert not (tmp_path / "metrics.json").exists()


@pytest.mark.parametrize(("source", "noted"), [("sample", True), ("conll2003", False)])
def test_demonstration_corpus_is_named(pipeline, corpus, source, noted):
    srsly.write_json(corpus / "stats.json", {"source": source})
    code, output = evaluate(pipeline, corpus)
    assert code == 0
    assert ("demonstration corpus" in output) == noted


@pytest.mark.parametrize("folder", ["nothing", "empty"])
def test_no_corpus(pipeline, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    code, output = evaluate(pipeline, tmp_path / folder, "--output", tmp_path / "metrics.json")
    assert code == 1
    assert "neither test.spacy nor dev.spacy" in output
    assert "spacy_seqtag convert" in output
    assert not (tmp_path / "metrics.json").exists()
