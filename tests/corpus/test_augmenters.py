"""Sentences as further training examples."""

import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from spacy_seqtag.corpus import convert, read_folder

from ..conftest import ROOT

NLP = spacy.blank("en")
AUGMENTER = spacy.registry.augmenters.get("spacy-seqtag.AddSentences.v1")()
# A word, what follows it, its tag, its entity and whether it starts a sentence; annotation may be missing.
TOKENS = st.lists(
    st.tuples(
        st.sampled_from(["Anna", "visits", "Rome", "won't", ".", "\n"]),
        st.booleans(),
        st.sampled_from(["", "NNP", "VBZ"]),
        st.sampled_from(["", "O", "B-PER", "B-LOC"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


def annotation(doc):
    return [(token.text, token.tag_, token.ent_iob_, token.ent_type_) for token in doc]


@given(TOKENS, st.booleans())
def test_a_document_is_followed_by_its_sentences(tokens, with_spaces):
    words, spaces, tags, ents, starts = (list(values) for values in zip(*tokens, strict=True))
    spaces = spaces if with_spaces else None
    doc = Doc(NLP.vocab, words=words, spaces=spaces, tags=tags, ents=ents, sent_starts=starts)
    example = Example(NLP.make_doc(doc.text), doc)
    whole, *sentences = AUGMENTER(NLP, example)
    assert whole is example
    if len(list(doc.sents)) == 1:
        assert sentences == []
        return
    assert [token for sentence in sentences for token in annotation(sentence.reference)] == annotation(doc)
    assert [s.reference.text for s in sentences] == [sentence.text_with_ws for sentence in doc.sents]
    assert [s.predicted.text for s in sentences] == [s.reference.text for s in sentences]
    for sentence in sentences:  # without spaces there is no text to tokenize
        expected = NLP.make_doc(sentence.reference.text) if with_spaces else sentence.reference
        assert [token.text for token in sentence.predicted] == [token.text for token in expected]


def test_a_document_whose_sentences_are_not_known_stays_alone():
    example = Example(NLP.make_doc("Anna visits Rome."), Doc(NLP.vocab, words=["Anna", "visits", "Rome", "."]))
    assert list(AUGMENTER(NLP, example)) == [example]


def test_an_entity_beyond_a_sentence_is_no_annotation_in_it():
    words, ents = ["Anna", "Lee", "visits", "Rome"], ["B-PER", "I-PER", "O", "B-LOC"]
    doc = Doc(NLP.vocab, words=words, ents=ents, sent_starts=[True, True, False, False])
    _, first, second = AUGMENTER(NLP, Example(NLP.make_doc(doc.text), doc))
    assert first.get_aligned_ner() == [None]
    assert second.get_aligned_ner() == [None, "O", "U-LOC"]


def test_of_a_corpus_reader(tmp_path):
    convert(read_folder(ROOT / "assets" / "sample"), tmp_path / "corpus", NLP, source="sample")
    path = tmp_path / "corpus" / "train.spacy"
    docs = [example.reference for example in Corpus(path)(NLP)]
    examples = list(Corpus(path, augmenter=AUGMENTER)(NLP))
    expected = [annotation(part) for doc in docs for part in (doc, *doc.sents)]
    assert [annotation(example.reference) for example in examples] == expected
