"""Examples of all kinds, drawn by hypothesis, and a pipeline that has spaCy's scorers."""

import spacy
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

TYPES = ("LOC", "ORG", "PER")
TAGS = ("NN", "VB", "JJ")
WORDS = ("Anna", "ROME", "a", "I", "EU", "12", ".", "sings")
VOCAB = Vocab()
NLP = spacy.blank("en")
for component in ("tagger", "ner"):  # never initialized: only their scorers are used
    NLP.add_pipe(component)


@st.composite
def iob2(draw, n, *, missing=False):
    """Valid IOB2 tags of ``n`` tokens, with ``""`` where annotation is missing."""
    tags = []
    while len(tags) < n:
        label = draw(st.sampled_from(["O", *TYPES, *([""] if missing else [])]))
        if label in TYPES:
            tags += [f"B-{label}", *[f"I-{label}"] * draw(st.integers(0, 2))]
        else:
            tags.append(label)
    return tags[:n]


@st.composite
def segmented(draw, text):
    """A text cut into tokens anywhere."""
    cuts = draw(st.lists(st.booleans(), min_size=len(text) - 1, max_size=len(text) - 1))
    words = [text[0]]
    for char, cut in zip(text[1:], cuts, strict=True):
        if cut:
            words.append(char)
        else:
            words[-1] += char
    return words


@st.composite
def annotated(draw, words, *, missing=False):
    """A document of these words with any annotation."""
    tags = draw(st.lists(st.sampled_from(["", *TAGS] if missing else TAGS), min_size=len(words), max_size=len(words)))
    ents = draw(iob2(len(words), missing=missing))
    return Doc(VOCAB, words=words, spaces=[False] * len(words), tags=tags, ents=ents)


@st.composite
def difficult_examples(draw):
    """Examples whose tokens differ between gold and prediction and whose annotation may be missing, also as a whole."""
    examples = []
    for text in draw(st.lists(st.text("ab\n", min_size=1, max_size=10), min_size=1, max_size=3)):
        reference = draw(annotated(draw(segmented(text)), missing=True))
        examples.append(Example(draw(annotated(draw(segmented(text)))), reference))
    return examples


@st.composite
def sentences(draw):
    """Examples of a sentence each, of up to 50 tokens, the same in gold and prediction."""
    lengths = st.one_of(st.integers(1, 12), st.sampled_from([20, 21, 40, 41, 50]))
    examples = []
    for n in draw(st.lists(lengths, min_size=1, max_size=4)):
        capitals = draw(st.booleans())
        chosen = draw(st.lists(st.sampled_from(WORDS), min_size=n, max_size=n))
        words = [word.upper() if capitals else word for word in chosen]
        examples.append(Example(draw(annotated(words)), draw(annotated(words, missing=True))))
    return examples


def joined(examples):
    """The examples as one document, whose sentences they are."""
    predicted = Doc.from_docs([example.predicted for example in examples], ensure_whitespace=False)
    reference = Doc.from_docs([example.reference for example in examples], ensure_whitespace=False)
    starts = [i == 0 for example in examples for i in range(len(example.reference))]
    for token, start in zip(reference, starts, strict=True):
        token.is_sent_start = start
    return Example(predicted, reference)
