"""Tokens become the text that they were, and that text becomes the tokens again."""

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_seqtag.corpus import read_folder
from spacy_seqtag.corpus.spacing import spaces

from ..conftest import ROOT

NLP = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-seqtag.PennTokenizer.v1"}}})


def text_of(*sentences: str) -> str:
    """The text of sentences, given as tokens joined by spaces."""
    split = [sentence.split(" ") for sentence in sentences]
    return Doc(NLP.vocab, words=[word for words in split for word in words], spaces=spaces(split)).text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Anna , who sings , won .", "Anna, who sings, won."),
        ("Really ? Yes ! So : one ; two ...", "Really? Yes! So: one; two..."),
        ("Tom Lee ( Norway ) beat [ him ] .", "Tom Lee (Norway) beat [him]."),
        ("He ca n't say it 's Anna 'S , I 'll go .", "He can't say it's Anna'S, I'll go."),
        ("She ca n\u2019t ; he \u2019d go .", "She can\u2019t; he\u2019d go."),
        ("It cost $ 3.5 million , C$ 21 or £ 5 .", "It cost $3.5 million, C$21 or £5."),
        ("in C$ unless stated", "in C$ unless stated"),
        ("up 50 % ( % )", "up 50% (%)"),
        ("' 96 or the ' 80s", "'96 or the '80s"),
        ('He said " yes " and left .', 'He said "yes" and left.'),
        ('" Yes , " she said , " and no . "', '"Yes," she said, "and no."'),
        ("`` Yes , '' she said .", "``Yes,'' she said."),
        ("\u201c Yes , \u201d she said .", "\u201cYes,\u201d she said."),
        ("He said ' yes ' and left .", "He said 'yes' and left."),
        ("\" He said : ' Yes , ' \" said Tom .", "\"He said: 'Yes,'\" said Tom."),
        ("the players ' hopes and Texas ' win", "the players' hopes and Texas' win"),
        ("SOCCER - RESULTS / STANDINGS .", "SOCCER - RESULTS/STANDINGS."),
        ("lap 11.7 / 12.4 and 1/2", "lap 11.7 / 12.4 and 1/2"),
        ("-- Rome newsroom + 39", "-- Rome newsroom + 39"),
        ("Tom Lee 6 - 3 2-1", "Tom Lee 6 - 3 2-1"),
        ("Johnson & Sons , S&P", "Johnson & Sons, S&P"),
    ],
)
def test_text(tokens, text):
    assert text_of(tokens) == text


def test_sentences_are_apart():
    assert text_of("Rome", "Anna won .", ". . .") == "Rome Anna won. ..."


def test_a_quotation_of_several_sentences():
    assert text_of('" I won .', 'I sang , " she said .', "That was all .") == '"I won. I sang," she said. That was all.'


def test_a_quote_that_opens_at_the_end_of_a_sentence_is_of_the_next():
    assert text_of('" I won , " she said . "', 'I sang . "', "The end .") == '"I won," she said. "I sang." The end.'


def test_a_quotation_that_was_left_open():
    """It opens anew with each paragraph; and if it never closed, a later one is still recognized."""
    assert text_of('" I won .', '" I sang . "') == '"I won. "I sang."'
    assert text_of('" I won .', 'He called it " good " there .') == '"I won. He called it "good" there.'


def test_nothing():
    assert spaces([]) == []


@given(st.lists(st.lists(st.one_of(st.text(min_size=1), st.sampled_from("\"'`/.,($%-")), min_size=1)))
def test_any_tokens(sentences):
    """Whatever the tokens are, each is followed by a space or not, and the last one is not."""
    followed = spaces(sentences)
    assert len(followed) == sum(map(len, sentences))
    assert followed[-1:] in ([], [False])


NAMES = st.sampled_from(
    ["Anna", "Tom Lee", "O'Brien", "the U.S.", "J. R. Lee", "Acme Corp.", "AL-AIN", "S&P", "Ms. Lee"]
)
NUMBERS = st.sampled_from(["1,000", "2-1", "3.5", "1/2", "1996-08-22", "10:30", "$ 3.5 million", "C$ 21", "50 %"])
VERBS = st.sampled_from(["saw", "did n't see", "'ll see", "ca n't see", "'s seen", "cannot see", "have seen"])
PHRASES = st.one_of(
    NAMES,
    NUMBERS,
    NAMES.map("{} 's team".format),
    NAMES.map("( {} )".format),
    st.sampled_from(
        ["the players ' hopes", "goals / points", "a three-day race", "-- at last --", "July ' 96", "- results"]
    ),
)
CLAUSES = st.builds("{} {} {}".format, NAMES, VERBS, st.lists(PHRASES, min_size=1, max_size=3).map(" , ".join))
SENTENCES = st.builds(
    "{} {}".format,
    st.one_of(
        CLAUSES,
        st.builds('" {} , " said {}'.format, CLAUSES, NAMES),
        st.builds("{} said : \" {} , ' {} , ' and {} \"".format, NAMES, CLAUSES, NAMES, CLAUSES),
        st.builds("{} ; {}".format, CLAUSES, CLAUSES),
    ).map("{} here".format),
    st.sampled_from([".", "?", "!", "...", ":"]),
)


@settings(deadline=None)
@given(st.lists(SENTENCES, min_size=1, max_size=4))
def test_round_trip(sentences):
    text = text_of(*sentences)
    assert [token.text for token in NLP.make_doc(text)] == " ".join(sentences).split(" ")
    assert not any(f" {mark}" in text for mark in (",", ".", ")", "?", "!", ";", "n't"))
    assert "( " not in text


def test_the_sample_is_recovered():
    """Its text read anew has its tokens, but for what is written as something else: "U.S." at the end of a sentence."""
    n_tokens = n_found = 0
    for documents in read_folder(ROOT / "assets" / "sample").splits.values():
        for document in documents:
            words = [sentence.words for sentence in document]
            gold = Doc(NLP.vocab, words=[word for sentence in words for word in sentence], spaces=spaces(words))
            found = {(token.idx, token.text) for token in NLP.make_doc(gold.text)}
            n_tokens += len(gold)
            n_found += sum((token.idx, token.text) in found for token in gold)
    assert n_found / n_tokens >= 0.995
