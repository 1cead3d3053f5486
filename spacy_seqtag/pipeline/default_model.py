"""The model of a component that is added without one: spaCy's hashed lexical features, a BiLSTM and a linear layer."""

from thinc.api import Config

DEFAULT_MODEL = Config().from_str("""
[model]
@architectures = "spacy-seqtag.Linear.v1"

[model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[model.tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 96
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
rows = [5000, 1000, 2500, 2500]
include_static_vectors = false

[model.tok2vec.encode]
@architectures = "spacy-seqtag.RNN.v1"
width = 192
""")["model"]
