"""A corpus as examples to evaluate on: with its own tokens, or with those that a pipeline makes of its text."""

from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example


def examples_with_gold_tokens(path: Path, nlp: Language) -> Iterator[Example]:
    """The documents of a DocBin, each with a document to predict that has the same tokens and spaces.

    spaCy's own reader does so only for documents whose spaces are unknown, and reads the text of the others anew.
    """
    for reference in DocBin().from_disk(path).get_docs(nlp.vocab):
        words = [token.text for token in reference]
        yield Example(Doc(nlp.vocab, words=words, spaces=[bool(token.whitespace_) for token in reference]), reference)


def examples_of_running_text(path: Path, nlp: Language) -> Iterator[Example]:
    """The documents of a DocBin, and what the whole pipeline makes of their texts alone.

    Raises:
        ValueError: If the spaces of a document are unknown.
    """
    references = list(DocBin().from_disk(path).get_docs(nlp.vocab))
    for i, reference in enumerate(references, 1):
        if reference.has_unknown_spaces:
            raise ValueError(
                f"the text of document {i} of {path} is not known, only its tokens: convert the corpus anew with "
                "`python -m spacy_seqtag convert`, which restores the text of English corpora"
            )
    for reference, predicted in zip(references, nlp.pipe(doc.text for doc in references), strict=True):
        yield Example(predicted, reference)
