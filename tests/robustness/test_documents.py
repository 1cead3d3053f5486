# ruff: noqa: RUF001
"""Documents as the world has them: of any length, script and kind of character."""

import gc
import sys
import weakref

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example

from spacy_seqtag.models import batches, windows
from spacy_seqtag.models.encoders import WINDOW

from ..conftest import transformer_config
from ..pipeline.toy import MODELS, TEXTS, initialize, listening_to_a_transformer, make_nlp, toy_examples, train

# A word, a space and a mark of many scripts, and what breaks naive code: control, zero-width and combining characters,
# changes of direction, surrogate-free emoji sequences, private use, the last code point.
SCRIPTS = """
Привет мир。 Γειά σου، שלום עולם مرحبا بالعالم नमस्ते दुनिया ওহে বিশ্ব வணக்கம் உலகம் สวัสดีชาวโลก ສະບາຍດີ မင်္ဂလာပါ
გამარჯობა Բարեւ ሰላም ᎣᏏᏲ 你好，世界！ こんにちは 안녕하세요 ᠰᠠᠢᠨ བཀྲ་ཤིས 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐌰𐌱𐌲 𒀀𒀁 ꦲꦏ߀ߊ
""".strip()
ODD = [
    "\x00", "\x07\x1b[0m", "\u200b\u200c\u200d\ufeff", "a\u0301\u0302\u0303" * 20, "\u202eAnna\u202c", "\u2028\u2029",
    "👩\u200d👩\u200d👧\u200d👦🇨🇦", "\ue000\uf8ff", "\U0010ffff", "\x85\x1c\x1d", "\u3000\u1680\u180e", "\ufffd\ufffe",
]  # fmt: skip
CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(" \t\n\r\u00a0\u200b\u3000\x00\x1f.,-'/@#:\"()"),
)
WORDS = st.one_of(st.text(CHARACTERS, min_size=1, max_size=12), st.sampled_from(" ".join(TEXTS).split()))
TEXT = st.one_of(
    st.text(CHARACTERS, max_size=60), st.lists(st.one_of(WORDS, st.sampled_from(ODD)), max_size=30).map(" ".join)
)
ENCODE = {"@architectures": "spacy-seqtag.RNN.v1", "width": 6}
random_text = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def assert_well_annotated(doc):
    """Every token has a tag, and the entities are what spaCy takes: disjoint, with a label, not bounded by
    whitespace."""
    assert all(token.tag_ for token in doc)
    assert all((token.tag_ == "_SP") == token.is_space for token in doc)
    assert all(token.ent_iob_ in ("B", "I", "O") for token in doc)
    ends = [0]
    for ent in doc.ents:
        assert ends[-1] <= ent.start < ent.end <= len(doc)
        assert ent.label_
        assert not ent[0].is_space
        assert not ent[-1].is_space
        ends.append(ent.end)
    copy = Doc(doc.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])
    copy.ents = [(ent.label, ent.start, ent.end) for ent in doc.ents]  # spaCy's own check


# In which every token is in an entity, so that odd words and whitespace come to be in and beside entities.
GREEDY = """
Anna|NNP|B-PER Lee|NNP|I-PER New|NNP|B-LOC York|NNP|I-LOC
Acme|NNP|B-ORG Rome|NNP|B-LOC
"""


@pytest.fixture(scope="module", params=list(MODELS))
def greedy(request):
    """A pipeline of each kind that finds entities everywhere."""
    nlp = initialize(make_nlp(request.param), GREEDY)
    train(nlp, toy_examples(nlp, GREEDY), steps=20)
    return nlp


@random_text
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_any_text(greedy, texts):
    for text, doc in zip(texts, greedy.pipe(texts), strict=True):
        assert doc.text == text
        assert_well_annotated(doc)


@random_text
@given(words=st.lists(st.tuples(WORDS, st.booleans()), max_size=12))
def test_any_tokens(greedy, words):
    doc = Doc(greedy.vocab, words=[word for word, _ in words], spaces=[space for _, space in words])
    for _, pipe in greedy.pipeline:
        doc = pipe(doc)
    assert_well_annotated(doc)


def test_greedy_finds_entities_in_odd_text(greedy):
    # What the properties above would not show if nothing were found at all.
    assert any(ent.text for doc in greedy.pipe(["zgv Anna xqz", SCRIPTS, *ODD]) for ent in doc.ents)


@pytest.mark.parametrize("text", ["", " ", "\n \t\n", "Anna", "\u200b", *ODD, " ".join(ODD), SCRIPTS])
def test_text(trained, text):
    doc = trained(text)
    assert doc.text == text
    assert_well_annotated(doc)


@pytest.mark.parametrize(
    "word", ["x" * 10_000, "é" * 10_000, "7" * 10_000, "ab-" * 3_333, "\u200b" * 10_000, "𝔘" * 10_000]
)
def test_a_very_long_word(trained, word):
    doc = trained(f"Anna {word} visits Rome .")
    assert_well_annotated(doc)
    assert word in doc.text


def test_a_lone_surrogate_is_spacys_own_error(trained):
    text = "Anna \ud800 ."
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        spacy.blank("en")(text)
    with pytest.raises(type(theirs.value)) as ours:
        trained(text)
    assert str(ours.value) == str(theirs.value)


def test_every_code_point_is_read(trained):
    code_points = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    words = ["".join(code_points[i : i + 100]) for i in range(0, len(code_points), 100)]
    doc = Doc(trained.vocab, words=words)
    for _, pipe in trained.pipeline:
        doc = pipe(doc)
    assert_well_annotated(doc)


@pytest.fixture(scope="module")
def long_doc(trained):
    """100,000 tokens with no end of a sentence."""
    words = [word for text in TEXTS for word in text.split() if word != "."]
    return Doc(trained.vocab, words=(words * (100_000 // len(words) + 1))[:100_000])


def annotate(nlp, words):
    doc = Doc(nlp.vocab, words=words)
    for _, pipe in nlp.pipeline:
        doc = pipe(doc)
    return doc


def test_a_document_of_100_000_tokens_is_read_in_bounded_batches(trained, long_doc, monkeypatch):
    sizes = []
    padded = windows.padded

    def counting(batch, first):
        places = padded(batch, first)
        sizes.append((len(batch.start), len(places.tokens) // len(batch.start)))
        return places

    monkeypatch.setattr(windows, "padded", counting)
    doc = annotate(trained, [token.text for token in long_doc])
    assert_well_annotated(doc)
    encoders = len([name for name in trained.pipe_names if name != "tok2vec"]) if trained.kind != "shared" else 1
    # Windows overlap by their contexts, and no batch is larger than allowed: so the memory above that of the vectors
    # does not depend on the length, and the work grows with it.
    assert all(n * length <= batches.MAX_PADDED_TOKENS and length <= WINDOW for n, length in sizes)
    assert len(long_doc) <= sum(n * length for n, length in sizes) <= encoders * 1.5 * len(long_doc)


def test_a_token_of_a_long_document_depends_on_its_surroundings_alone(trained, long_doc):
    words = [token.text for token in long_doc][:2_000]
    whole, part = annotate(trained, words), annotate(trained, words[500:1500])
    # A CRF decodes the document as a whole, but here nothing is ambiguous.
    assert [t.tag_ for t in whole[600:1400]] == [t.tag_ for t in part[100:900]]
    assert [t.ent_type_ for t in whole[600:1400]] == [t.ent_type_ for t in part[100:900]]


def test_a_stream_keeps_no_documents_and_adds_no_strings(trained):
    texts = [f"{TEXTS[i % len(TEXTS)]} {TEXTS[i % 3]}" for i in range(200)]
    list(trained.pipe(texts))
    gc.collect()
    strings, objects = len(trained.vocab.strings), len(gc.get_objects())
    references = []
    for doc in trained.pipe((text for _ in range(10) for text in texts), batch_size=50):
        references.append(weakref.ref(doc))
    del doc
    gc.collect()
    assert sum(reference() is not None for reference in references) == 0
    assert len(trained.vocab.strings) == strings
    # The references themselves, and what the interpreter caches.
    assert len(gc.get_objects()) < objects + len(references) + 500


def test_a_memory_zone_forgets_the_words_of_a_stream(trained):
    # Words that spaCy has not seen go into its vocabulary; in a zone they go again.
    expected = [(token.tag_, token.ent_type_) for token in trained(TEXTS[0])]
    with trained.memory_zone():  # spaCy's caches of the tokens of the text
        assert [(token.tag_, token.ent_type_) for token in trained(TEXTS[0])] == expected
    strings = len(trained.vocab.strings)
    for part in range(3):
        with trained.memory_zone():
            for doc in trained.pipe(f"unseen{part}x{i} Anna" for i in range(200)):
                assert_well_annotated(doc)
            assert len(trained.vocab.strings) > strings + 150
            del doc
        assert len(trained.vocab.strings) == strings
    assert [(token.tag_, token.ent_type_) for token in trained(TEXTS[0])] == expected


@pytest.fixture(scope="module")
def with_transformer(tiny_bert):
    return initialize(listening_to_a_transformer(tiny_bert))


@pytest.mark.parametrize("text", ["", " ", "\n \t\n", "Anna", "\u200b", *ODD, " ".join(ODD), SCRIPTS, "x" * 10_000])
def test_text_for_a_transformer(with_transformer, text):
    doc = with_transformer(text)
    assert doc.text == text
    assert_well_annotated(doc)


@random_text
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_any_text_for_a_transformer(with_transformer, texts):
    for doc in with_transformer.pipe(texts):
        assert_well_annotated(doc)


@pytest.mark.parametrize("component", ["ner", "tok2vec"])
def test_empty_documents_are_trained_on_beside_a_transformer(tiny_bert, component):
    listener = {"@architectures": "spacy-seqtag.TransformerListener.v1", "pooling": {"@layers": "reduce_mean.v1"}}
    context = {"@architectures": "spacy-seqtag.DocumentContext.v1", "tok2vec": listener}
    tok2vec = {"@architectures": "spacy.Tok2Vec.v2", "embed": context, "encode": ENCODE}
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config={"model": transformer_config(tiny_bert)["model"]})
    if component == "tok2vec":
        nlp.add_pipe("tok2vec", config={"model": context})
        tok2vec = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    ner = {"@architectures": "spacy-seqtag.Linear.v1", "tok2vec": tok2vec}
    nlp.add_pipe("seqtag_ner", config={"model": ner})
    examples = toy_examples(nlp)
    empty = Example(nlp.make_doc(""), nlp.make_doc(""))
    optimizer = nlp.initialize(lambda: [*examples, empty] if component == "tok2vec" else [empty, *examples])
    for batch in ([empty, *examples], [empty], [*examples, empty]):
        losses = nlp.update(batch, sgd=optimizer)
        assert losses["seqtag_ner"] > 0 or batch == [empty]
    assert [len(doc) for doc in nlp.pipe(["", TEXTS[0], ""])] == [0, len(nlp.make_doc(TEXTS[0])), 0]
