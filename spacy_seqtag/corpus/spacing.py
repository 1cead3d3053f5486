"""English text as it was written, from its tokens: after which of them a space stood.

A corpus of tokens keeps no spaces. The conventions of printed English give most of them back: marks stand close to the
word before or after them, quotes to what they enclose. What the conventions leave open, as dashes, stays apart.
"""

import re
from collections.abc import Sequence
from enum import Flag

LEFT = re.compile(r"[,.;:?!…]+|[)\]}\u201D\u2019»]|''|n['\u2019]t|['\u2019](?:s|re|ve|ll|d|m)", re.IGNORECASE)
"""Tokens close to the one before: closing marks, and the second parts of contractions."""
RIGHT = re.compile(r"[(\[{\u201C\u2018«¿¡`]|``")
"""Tokens close to the one after: opening marks."""
CURRENCY = re.compile(r"[A-Z]{0,3}[$£€¥]|#")
"""Signs close to a number after them."""
NUMBER = re.compile(r"[.,]?\d")
SHORT_YEAR = re.compile(r"\d\ds?")
"""What is left of a year after an apostrophe, as in '96 and '90s."""
STOP = re.compile(r"[,.?!…]+")
"""What stands before a closing quote, or after it."""


class Close(Flag):
    """The neighbours to which a token stands close, without a space."""

    NONE = 0
    LEFT = 1
    RIGHT = 2
    BOTH = LEFT | RIGHT


def spaces(sentences: Sequence[Sequence[str]]) -> list[bool]:
    """Whether a space follows each token of an English document.

    Sentences are apart, except that a quote which opens at the end of one is close to the next. No space follows the
    last token.

    Args:
        sentences: The words of each sentence.

    Returns:
        A value for each token of the document.
    """
    followed: list[bool] = []
    quoting = False  # a quotation may have several sentences
    for words in sentences:
        closeness = []
        carried = quoting
        quoting_single = False
        for i, word in enumerate(words):
            if word == '"':
                quoting = opens_quotation(words, i, quoting=quoting, carried=carried)
                carried = False
                closeness.append(Close.RIGHT if quoting else Close.LEFT)
            elif word == "'":
                close, quoting_single = apostrophe(words, i, quoting=quoting_single)
                closeness.append(close)
            else:
                closeness.append(mark(words, i))
        following = [*closeness[1:], Close.NONE]
        followed += [not (a & Close.RIGHT or b & Close.LEFT) for a, b in zip(closeness, following, strict=True)]
        if words[-1] != '"':
            followed[-1] = True
    return [*followed[:-1], False] if followed else []


def opens_quotation(words: Sequence[str], i: int, *, quoting: bool, carried: bool) -> bool:
    """Whether a straight double quote opens a quotation.

    At the start of a sentence it always does: a quotation of several paragraphs opens with each and closes once. Inside
    a quotation that an earlier sentence opened, it closes only next to a stop, since that quotation may have been left
    open.

    Args:
        words: The words of the sentence.
        i: The place of the quote.
        quoting: Whether a quotation is open before it.
        carried: Whether an earlier sentence opened that one.
    """
    if i == 0:
        return len(words) > 1 or not quoting
    if not carried or i == len(words) - 1:
        return not quoting
    return not (STOP.fullmatch(words[i - 1]) or STOP.fullmatch(words[i + 1]))


def apostrophe(words: Sequence[str], i: int, *, quoting: bool) -> tuple[Close, bool]:
    """What a straight single quote stands close to, as a genitive, the mark of a short year or a quote; and whether a
    quotation is open after it. Arguments as for `opens_quotation`."""
    if i > 0 and words[i - 1][-1] in "sSxXzZ":
        return Close.LEFT, quoting and i < len(words) - 1
    if i + 1 < len(words) and SHORT_YEAR.fullmatch(words[i + 1]):
        return Close.RIGHT, quoting
    if quoting or (i > 0 and i == len(words) - 1):
        return Close.LEFT, False
    return Close.RIGHT, True


def mark(words: Sequence[str], i: int) -> Close:
    """What a token that is no straight quote stands close to. Arguments as for `opens_quotation`."""
    word = words[i]
    before = words[i - 1] if i > 0 else " "
    after = words[i + 1] if i + 1 < len(words) else " "
    if LEFT.fullmatch(word):
        return Close.LEFT
    if RIGHT.fullmatch(word) or (CURRENCY.fullmatch(word) and NUMBER.match(after)):
        return Close.RIGHT
    if word == "%" and before[-1].isdigit():
        return Close.LEFT
    # "Pound / dollar" was "Pound/dollar"; between numbers, fractions and dates that were close are one token.
    if word == "/" and before != " " and after != " " and (before[-1].isalpha() or after[0].isalpha()):
        return Close.BOTH
    return Close.NONE
