"""Print what a pipeline says of running text: that of a corpus, document by document and as one long document, and odd
text. To be compared between environments."""

import sys

import spacy
from spacy.tokens import DocBin

name, *corpora = sys.argv[1:]
nlp = spacy.load(name)
vocab = spacy.blank(nlp.lang).vocab
texts = [doc.text for corpus in corpora for doc in DocBin().from_disk(corpus).get_docs(vocab)]
odd = [
    "",
    " \n\t",
    "\u200b\u0000",
    "x" * 5_000,
    "Ünï 東京 مرحبا 👍🏽 #tag https://example.org/?q=1 a@b.org $3.5m can't",
]
for doc in nlp.pipe([*texts, "\n\n".join(texts), *odd]):
    for token in doc:
        print(repr(token.text), token.tag_, token.ent_iob_, token.ent_type_, bool(token.whitespace_))
    print()
