"""A tokenizer for taggers that are trained on a corpus in the tradition of the Penn Treebank, as CoNLL-2003 is.

spaCy's tokenizer, with rules that make the tokens of such a corpus: hyphens, and slashes between figures, stay inside
words ("three-day", "1996-08-22", "1/2"), contractions are two tokens ("ca n't", "Anna 's"), punctuation stands alone.
The rules are the Treebank's (Marcus, Santorini & Marcinkiewicz 1993, and Robert MacIntyre's ``tokenizer.sed``) except
where the data of CoNLL-2003 (Tjong Kim Sang & De Meulder 2003) differ: "goals/points" is split, "cannot" is not. What
the news of that time did not have, such as addresses, hashtags, mentions and emoji, stays whole.
"""

import re
from collections.abc import Callable

from spacy.attrs import ORTH
from spacy.lang.char_classes import ALPHA, ALPHA_LOWER, ALPHA_UPPER, CURRENCY, ICONS, LIST_CURRENCY, LIST_PUNCT
from spacy.lang.en.tokenizer_exceptions import TOKENIZER_EXCEPTIONS
from spacy.lang.tokenizer_exceptions import URL_MATCH, emoticons
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

PICTURE = rf"[{ICONS}\u2640\u2642\U0001F300-\U0001F3FA\U0001F400-\U0001FAFF][\uFE0E\uFE0F\U0001F3FB-\U0001F3FF]*"
EMOJI = rf"(?:[\U0001F1E6-\U0001F1FF]{{2}}|[0-9#*]\uFE0F?\u20E3|{PICTURE}(?:\u200D{PICTURE})*)"
"""A flag, a keycap, or another symbol with its variant and all that is joined to it: what a reader sees as one."""
RUNS = r"(?:\.\.+|…+|\*+|[!?]+|--+|—+|==+|~~+|\|\|+|\^\^+)"
"""Marks that are often repeated; a run is one token."""
OTHERS = ("…", "……", r"\*", r"\!", r"\?", "_", "#", "&")
"""What spaCy has as punctuation but is in `RUNS`, or occurs in words."""
MARKS = "[" + "".join(mark for mark in LIST_PUNCT if mark not in OTHERS) + "]"
QUOTES = r"(?:``|''|[\"\u201C\u201D\u201E«»\u2039\u203A`\xB4'\u2018\u2019\u201A])"
CONTRACTED = r"(?i:['\u2019](?:s|re|ve|ll|d|m)|(?<=[a-z])n['\u2019]t)"

PREFIXES = [
    EMOJI,
    RUNS,
    MARKS,
    QUOTES,
    r"[-\u2013=~|^%§]",
    r"[#@]+(?!\w)",
    r"#(?=\d)",
    r"[A-Z]{1,3}\$(?=[.,]?\d)",
    *LIST_CURRENCY,
]
SUFFIXES = [
    EMOJI,
    RUNS,
    MARKS,
    QUOTES,
    rf"(?<=\S){CONTRACTED}",
    r"(?<=[0-9])%",
    rf"(?<=[0-9])(?:{CURRENCY})",
    # A period belongs to an initial, an acronym and the number of an item in a list, and else to the sentence.
    rf"(?<=[^.])(?<!^[{ALPHA_UPPER}])(?<![.][{ALPHA}])(?<![.]-[{ALPHA_UPPER}])(?<!^[1-9])(?<!^1[0-9])(?<!^20)\.",
]
INFIXES = [
    EMOJI,
    r"\.\.+|…+|--+|—+",
    r"``|''|[\"\u201C\u201D\u201E«»\u2039\u203A]",
    r"[()\[\]{}<>;]",
    rf"(?<=[{ALPHA}]),(?=[{ALPHA}\"'\u201C\u2018])",
    rf"(?<=[{ALPHA}0-9])[:=](?=[{ALPHA}\"'\u201C\u2018])",
    r"(?<=[:=,;(\[—])['\u2018](?=\w)",
    r"(?<=\w)[!?]+(?=\w)",
    rf"(?<=[{ALPHA_LOWER}])\.(?=[{ALPHA_UPPER}])",
    rf"(?<=[{ALPHA}])/(?=\w)|(?<=\w)/(?=[{ALPHA}])",
    rf"(?<=[0-9])-(?=(?:{CURRENCY})[0-9])|(?<=-)(?:{CURRENCY})(?=[0-9])",
]
WHOLE = rf"^(?:[{ALPHA_UPPER}]\.|(?:[{ALPHA}]\.){{2,}}|(?:[1-9]|1[0-9]|20)\.|[#@]\w*[^\W\d]\w*|{EMOJI})$"
"""Initials, acronyms, numbers of items in a list, hashtags and mentions."""

WHOLE_WORDS = (
    "'n'", "'til", "Assn.", "Ave.", "Blvd.", "Capt.", "Cmdr.", "Col.", "Cpl.", "Dept.", "Hon.", "Lt.", "Maj.", "Pvt.",
    "Sgt.", "Sr.", "Univ.", "Vol.", "al.", "cf.", "etc.", "pp.", "vol.",
)  # fmt: skip
"""Abbreviations and shortened words beside those that spaCy has."""
FUSED = (("gon", "na"), ("got", "ta"), ("wan", "na"), ("gim", "me"), ("lem", "me"), ("'t", "is"), ("'t", "was"))
"""Words that are two tokens."""


def special_cases() -> dict[str, list[dict[int, str]]]:
    """What the rules would split wrongly, or not at all: spaCy's English abbreviations, shortened words and emoticons,
    but those that are more often something else, and a few more.

    Such are the eight in "(8)" and the colon in "(he said):", which are no emoticons, and a single lower-case letter at
    the end of a sentence.
    """
    no_emoticon = {text for text in emoticons if re.search(r"\d", text) or re.match(r"[()\[\]].{,2}$", text)}
    ambiguous = no_emoticon - {"<3"} | {'\\")', "and/or"}
    cases = {
        text: tokens
        for text, tokens in TOKENIZER_EXCEPTIONS.items()
        if len(tokens) == 1 and text not in ambiguous and not re.fullmatch(rf"[{ALPHA_LOWER}]\.|\s|\\\w", text)
    }
    cases |= {text: [{ORTH: text}] for text in WHOLE_WORDS}
    for first, second in FUSED:
        cases[first + second] = [{ORTH: first}, {ORTH: second}]
        cases[first.title() + second] = [{ORTH: first.title()}, {ORTH: second}]
    return cases


def build_penn_tokenizer() -> Callable[[Language], Tokenizer]:
    """Build the tokenizer of a pipeline; ``@tokenizers = "spacy-seqtag.PennTokenizer.v1"`` in ``[nlp.tokenizer]``."""
    return make_penn_tokenizer


def make_penn_tokenizer(nlp: Language) -> Tokenizer:
    """spaCy's tokenizer with the rules of this module."""
    return Tokenizer(
        nlp.vocab,
        rules=special_cases(),
        prefix_search=compile_prefix_regex(PREFIXES).search,
        suffix_search=compile_suffix_regex(SUFFIXES).search,
        infix_finditer=compile_infix_regex(INFIXES).finditer,
        token_match=re.compile(WHOLE).match,
        url_match=URL_MATCH,
    )
