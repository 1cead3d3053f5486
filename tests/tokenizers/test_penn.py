"""The tokens of the Penn Treebank's tradition, from any text, in spaCy's own tokenizer."""

import pickle
import unicodedata

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokenizer import Tokenizer

CONFIG = {"nlp": {"tokenizer": {"@tokenizers": "spacy-seqtag.PennTokenizer.v1"}}}
NLP = spacy.blank("en", config=CONFIG)

# Each as its tokens, joined by spaces, and the text of them.
TABLE = [
    # The tradition's: words keep hyphens, figures their slashes, points and colons.
    ("three-day", "three-day"),
    ("a 2-1 win on 1996-08-22 in AL-AIN", "a 2-1 win on 1996-08-22 in AL-AIN"),
    ("1/2 3-1/2 1996/97 9/11", "1/2 3-1/2 1996/97 9/11"),
    ("goals / points", "goals/points"),
    ("The time was 2:29.34 at 10:30 .", "The time was 2:29.34 at 10:30."),
    ("1. Anna Lee ( Norway ) 8.5", "1. Anna Lee (Norway) 8.5"),
    ("in 1996 .", "in 1996."),
    ("won 7-6 ( 8 )", "won 7-6 (8)"),
    # Contractions.
    ("ca n't wo n't DO N'T", "can't won't DON'T"),
    ("I 'd 've they 're it 's ANNA 'S", "I'd've they're it's ANNA'S"),
    ("ca n\u2019t Anna \u2019s", "can\u2019t Anna\u2019s"),
    ("cannot gon na Wan na 'T is", "cannot gonna Wanna 'Tis"),
    ("the players ' and O'Brien 's ' 96", "the players' and O'Brien's '96"),
    ("rock 'n' roll at five o'clock", "rock 'n' roll at five o'clock"),
    # Abbreviations and the period of the sentence.
    ("the U.S. , the U.S.A. ( U.S. )", "the U.S., the U.S.A. (U.S.)"),
    ("Mr. J. R. Lee of Acme Corp. left at 5 p.m. today .", "Mr. J. R. Lee of Acme Corp. left at 5 p.m. today."),
    ("U.N.-led", "U.N.-led"),
    ("the end . Next", "the end.Next"),
    # Money.
    ("$ 3.5m US$ 3.5 C$ 21 £ 5 5 €", "$3.5m US$3.5 C$21 £5 5€"),
    ("$ 800 - $ 1,000", "$800-$1,000"),
    ("50 % of 1,000.5 -", "50% of 1,000.5 -"),
    # Quotes, brackets and dashes.
    ("he said : ' yes '", "he said:'yes'"),
    ('he said : " yes , " then left', 'he said:"yes," then left'),
    ("\u201c Yes , \u201d she said . \u2018 No . \u2019", "\u201cYes,\u201d she said. \u2018No.\u2019"),
    ("`` Yes , '' she said", "``Yes,'' she said"),
    ('( " Yes ! " )', '("Yes!")'),
    ("word -- word word — word", "word--word word—word"),
    ("wait ... what … really ?! No !!!", "wait...what…really?! No!!!"),
    ("AT&T R&D C++ .NET AA-", "AT&T R&D C++ .NET AA-"),
    ("( he said ) :", "(he said):"),
    # The web.
    ("See https://en.wikipedia.org/wiki/Foo_(bar)?x=1&y=%20#top .", "See https://en.wikipedia.org/wiki/Foo_(bar)?x=1&y=%20#top."),
    ("( www.example.com/a/b/ ) , example.com .", "(www.example.com/a/b/), example.com."),
    ("mail anna.lee+x@mail.example.org , now !", "mail anna.lee+x@mail.example.org, now!"),
    ("#NLProc rocks , @anna_lee : # 2", "#NLProc rocks, @anna_lee: #2"),
    ("I ❤️ it 👨‍👩‍👧‍👦 !", "I ❤️ it 👨‍👩‍👧‍👦!"),
    ("🇩🇪 🇫🇷 vs 🇺🇸 1️⃣", "🇩🇪🇫🇷 vs🇺🇸 1️⃣"),
    ("great 👍🏽 😀 🫠", "great👍🏽😀🫠"),
    ("fine :) great ;-) <3 ( :D )", "fine :) great ;-) <3 (:D)"),
    ("What ? Yes", "What?Yes"),
    ("< b > bold < /b >", "<b>bold</b>"),
    ("¿ Qué ? « Oui »", "¿Qué? «Oui»"),
]  # fmt: skip


@pytest.mark.parametrize(("tokens", "text"), TABLE, ids=[text for _, text in TABLE])
def test_tokens(tokens, text):
    doc = NLP(text)
    assert [token.text for token in doc] == tokens.split(" ")
    assert doc.text == text


def test_it_is_spacys_own_tokenizer():
    assert type(NLP.tokenizer) is Tokenizer
    assert NLP.config["nlp"]["tokenizer"] == CONFIG["nlp"]["tokenizer"]


@pytest.mark.parametrize("text", [text for _, text in TABLE])
def test_explain_agrees(text):
    assert [token for _, token in NLP.tokenizer.explain(text)] == [token.text for token in NLP(text)]


def test_saved_and_loaded(tmp_path):
    text = " ".join(text for _, text in TABLE)
    tokens = [token.text for token in NLP(text)]
    NLP.to_disk(tmp_path / "nlp")
    loaded = {
        "disk": spacy.load(tmp_path / "nlp").tokenizer,
        "bytes": spacy.blank("en").from_bytes(NLP.to_bytes()).tokenizer,
        "pickle": pickle.loads(pickle.dumps(NLP.tokenizer)),
    }
    assert {name: [token.text for token in tokenizer(text)] for name, tokenizer in loaded.items()} == dict.fromkeys(
        loaded, tokens
    )
    assert loaded["disk"].rules == NLP.tokenizer.rules


def test_a_special_case_of_ones_own():
    nlp = spacy.blank("en", config=CONFIG)
    nlp.tokenizer.add_special_case("cannot", [{"ORTH": "can"}, {"ORTH": "not"}])
    assert [token.text for token in nlp("I cannot, really.")] == ["I", "can", "not", ",", "really", "."]


def test_another_language():
    nlp = spacy.blank("de", config=CONFIG)
    assert [token.text for token in nlp("Anna-Lena sagt: \u201eJa\u201c.")] == [
        *("Anna-Lena", "sagt", ":", "\u201e", "Ja", "\u201c", "."),
    ]


MARKS = [*" .,'\"`-:;!?()/$%#@*_&…—\n\t\u200d\ufe0f", "n't", "'s", "U.S.", "http://", "a.b", "😀", "🇩🇪", "1"]
PIECES = st.one_of(st.text(max_size=4), st.sampled_from(MARKS))


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_character_is_lost(text):
    doc = NLP.make_doc(text)
    assert "".join(token.text_with_ws for token in doc) == text
    assert all(token.text.isspace() or not any(map(str.isspace, token.text)) for token in doc)


@given(st.lists(st.sampled_from(["👍", "👍🏽", "❤️", "👨‍👩‍👧", "🇩🇪", "🇺🇸", "🏳️‍🌈", "word", "!"]), min_size=1, max_size=6))
def test_no_emoji_is_broken(pieces):
    """Wherever it stands, what is joined stays together and what is not comes apart."""
    tokens = [token.text for token in NLP.make_doc("".join(pieces))]
    emoji = [piece for piece in pieces if unicodedata.category(piece[0]) == "So"]
    assert [token for token in tokens if unicodedata.category(token[0]) == "So"] == emoji
