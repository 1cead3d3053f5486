"""A log-linear tagger: what it knows of a word is looked up, and what it said of the words before helps it on."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.attrs import IS_SPACE, LOWER, ORTH, PREFIX, SHAPE, SUFFIX
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d
from torch.nn.functional import embedding_bag

from .batches import by_document, ranges
from .characters import code_points
from .dictionary import TAG_TABLE
from .empty import skip_empty
from .hashing import HALF, Hashes, find, hash_pairs
from .kept import KeptRows, of_word_types
from .shim import to_floats
from .types import Scorer, Tok2Vec

MIN_COUNT = 2
"""How often the training data must have a word for its tags there to say something of those it may have."""
MIN_SHARE = 0.05
"""The least share of its tokens that have a tag, for the tag not to be taken for an error."""
DROPPED = 0
"""The row of features that are dropped, all zeros."""
FEW = 64
"""Words for which PyTorch, which fetches weights ahead and has several threads, is no faster than Thinc."""
BLOCK = 256
"""Words of a document that are decided at once, which bounds how often one may be decided again."""


class Features(NamedTuple):
    """What the model looks at, of the words of a batch."""

    rows: NDArray[np.int32]
    """The rows of the features that rest on the text. *Shape:* ``(features, words)``."""
    with_last: Hashes
    """What is paired with the last tag. *Shape:* ``(features, words)``."""
    with_two: Hashes
    """What is paired with the last two tags. *Shape:* ``(features, words)``."""
    positions: NDArray[np.int64]
    """How many words of its document are before each. *Shape:* ``(words,)``."""
    is_word: NDArray[np.bool_]
    """Of each token, whether it is a word. *Shape:* ``(tokens,)``."""


def build_memm(
    nO: int | None = None, rows: int = 131072, dropout: float = 0.2, learn_rate_scale: float = 1.0
) -> Scorer:
    """A maximum-entropy Markov model (McCallum et al. 2000, "Maximum Entropy Markov Models for Information Extraction
    and Segmentation"): a class's score is a sum of weights, one for each feature of the word. Features are those of
    Ratnaparkhi (1996, "A Maximum Entropy Model for Part-Of-Speech Tagging"): the word, its first and last characters
    and its shape, its neighbours, and the last two tags alone and beside these; with the tags that the training data
    has of the word and of the next one (Daelemans et al. 1996, "MBT: A Memory-Based Part of Speech Tagger-Generator").
    They share the rows of one table by their hashes.

    Tags are found from left to right, the best of each word given those before it. The tags of the training data come
    from ``nlp.vocab.lookups`` (see :func:`~spacy_seqtag.models.dictionary.read_dictionary`) and are saved with the
    layer. In training the last tags are the model's own too, found without the features that are dropped.

    Args:
        nO: Number of classes; None to take it from the component's labels.
        rows: Rows of the table.
        dropout: Probability that a feature is dropped in training.
        learn_rate_scale: Factor of the learning rate, to train features faster than the layers beside them: the
            factor of the weights in the scores, which has that effect with Adam.

    Raises:
        ValueError: If there are fewer than two rows, the dropout is no probability below one, or the factor is not
            positive.
    """
    if rows < 2:
        raise ValueError(f"the rows of MEMM must be at least 2; got {rows}")
    if not 0 <= dropout < 1:
        raise ValueError(f"the dropout of MEMM must be at least 0 and below 1; got {dropout}")
    if not learn_rate_scale > 0:
        raise ValueError(f"the learn_rate_scale of MEMM must be positive; got {learn_rate_scale}")
    # The hashes of words, sorted, and that of the tags that the training data has of each.
    attrs = {
        "hashes": np.zeros(0, dtype="uint64"),
        "tags": np.zeros(0, dtype="uint64"),
        "dropout": dropout,
        "learn_rate_scale": learn_rate_scale,
        "resize_output": resize,
    }
    model: Scorer = Model(
        "memm", forward, init=init, dims={"nO": nO, "nV": rows}, params={"W": None}, attrs=attrs, shims=[KeptRows()]
    )
    model.set_ref("output_layer", model)
    return model


def init(model: Scorer, X: list[Doc] | None = None, Y: list[Floats2d] | None = None) -> None:
    if X:
        model.attrs["hashes"], model.attrs["tags"] = read_tags(X[0].vocab)
        cast(KeptRows, model.shims[0]).forget()
    nO = Y[0].shape[1] if Y else model.get_dim("nO")
    set_weights(model, model.ops.alloc2f(0, 0), nO)


def read_tags(vocab: Vocab) -> tuple[Hashes, Hashes]:
    """The words that the training data has often enough, and a hash of the tags that it has of each.

    Raises:
        ValueError: If the vocabulary has no tag dictionary.
    """
    if not vocab.lookups.has_table(TAG_TABLE):
        raise ValueError(
            "MEMM found no tags of the training data's words. Add to the config:\n[initialize.lookups]\n"
            '@misc = "spacy-seqtag.Dictionary.v1"\npath = "corpus/dictionary.json"\n'
            'tags = "corpus/tag_dictionary.json"'
        )
    found = {}
    for word, counts in vocab.lookups.get_table(TAG_TABLE).items():
        total = sum(counts.values())
        if total >= MIN_COUNT:
            tags = sorted(tag for tag, count in counts.items() if count >= MIN_SHARE * total)
            found[word] = get_string_id(" ".join(tags))
    order = sorted(found)
    return np.asarray(order, dtype="uint64"), np.asarray([found[word] for word in order], dtype="uint64")


def resize(model: Scorer, nO: int) -> Scorer:
    """Add classes after the present ones, whose weights stay as they are."""
    set_weights(model, cast(Floats2d, model.get_param("W")), nO)
    return model


def set_weights(model: Scorer, learnt: Floats2d, nO: int) -> None:
    """Set the number of classes, and the weights to those learnt, zero for further classes."""
    W = model.ops.alloc2f(model.get_dim("nV"), nO)
    W[: learnt.shape[0], : learnt.shape[1]] = learnt
    nothing = model.ops.alloc2f(0, 0)
    model.set_param("W", nothing)
    model.set_grad("W", nothing)
    model.set_param("W", None)  # without which Thinc takes no other width
    model.set_dim("nO", nO, force=True)
    with Model.global_id_lock:  # what an optimizer has of the old weights does not fit these
        Model.global_id += 1
        model.id = Model.global_id
    model.set_param("W", W)
    model.set_grad("W", model.ops.alloc2f(*W.shape))


@skip_empty
def forward(
    model: Tok2Vec, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    ops, W = model.ops, cast(Floats2d, model.get_param("W"))
    features = extract(model, docs)
    rows = drop(model, features.rows) if is_train else features.rows
    scores, tags = decode(model, W, look_up(model, W, rows), features)
    scale = 1.0  # of what dropout leaves
    if is_train:
        last = history_rows(model, features, tags, np.arange(len(tags)))
        rows = np.concatenate([rows, drop(model, last)])
        scale = 1 / (1 - model.attrs["dropout"])
        scores = look_up(model, W, rows) * scale
    lengths = [len(doc) for doc in docs]
    is_word = features.is_word
    if not is_word.all():
        of_words, scores = scores, ops.alloc2f(len(is_word), W.shape[1])
        scores[ops.asarray(cast(Any, is_word))] = of_words

    def backprop(d_scores: list[Floats2d]) -> list[Doc]:
        d_words = ops.as_contig(
            ops.flatten(d_scores)[ops.asarray(cast(Any, is_word))] * (scale * model.attrs["learn_rate_scale"])
        )
        if not model.has_grad("W"):
            model.set_grad("W", ops.alloc2f(*W.shape))
        dW = cast(Floats2d, model.get_grad("W"))
        for feature in ops.asarray2i(cast(Any, rows)):
            ops.scatter_add(dW, cast(Any, feature), d_words)
        dW[DROPPED] = 0
        return docs

    return by_document(scores, lengths), backprop


def extract(model: Tok2Vec, docs: list[Doc]) -> Features:
    """The features of documents' words. What stands on both sides of whitespace tokens is next to each other."""
    of_tokens = features_of_forms(model, docs)
    is_word = of_tokens[:, -1] == 0
    word, lower, prefix, suffix, shape, one, two, tags = np.ascontiguousarray(of_tokens[is_word, :-1].T)
    documents = np.repeat(np.arange(len(docs)), [len(doc) for doc in docs])
    lengths = np.bincount(documents[is_word], minlength=len(docs))
    positions = ranges(np.zeros_like(lengths), lengths)
    is_last = positions + 1 == np.repeat(lengths, lengths)
    nothing = np.uint64(0)
    next_word, next_shape, next_tags = np.where(is_last, nothing, np.roll([word, shape, tags], -1, axis=1))
    shapes = hash_pairs(shape, next_shape)
    last_word, last_shapes = np.where(positions == 0, nothing, np.roll([word, shapes], 1, axis=1))
    tag_pairs = hash_pairs(tags, next_tags)
    of_text = [word, lower, prefix, one, two, suffix, shape, last_word, next_word]
    of_text += [tags, next_tags, tag_pairs, shapes, last_shapes]
    with_last = [np.zeros_like(word), word, suffix, shape, tag_pairs]
    with_two = [np.zeros_like(word), tag_pairs]
    features = of_text + with_last + with_two
    keys = hash_pairs(np.stack(features), np.arange(len(features), dtype="uint64")[:, None])
    of_text_keys, last_keys, two_keys = np.split(keys, np.cumsum([len(of_text), len(with_last)]))
    return Features(rows_of(model, of_text_keys), last_keys, two_keys, positions, is_word)


def features_of_forms(model: Tok2Vec, docs: list[Doc]) -> Hashes:
    """What the form of each token decides: the form itself, in lower case, its first character, its last ones, its
    shape, its last character and its last two, a hash of the tags that the training data has of it, and whether it is
    whitespace. *Shape:* ``(tokens, 9)``."""
    vocab = docs[0].vocab
    if any(doc.vocab is not vocab for doc in docs):
        return np.concatenate([features_of_forms(model, [doc]) for doc in docs if len(doc)])
    forms = np.concatenate([doc.to_array(ORTH) for doc in docs])

    def of_forms(tokens: Any) -> Hashes:
        words = [vocab.strings[form] for form in forms[tokens].tolist()]
        attributes = Doc(vocab, words=words).to_array([ORTH, LOWER, PREFIX, SUFFIX, SHAPE, IS_SPACE])
        form, lower, prefix, suffix, shape, is_space = attributes.T
        tags = tags_of(model, form, shape)
        return np.stack([form, lower, prefix, suffix, shape, *endings(words), tags, is_space], axis=1)

    found, types = of_word_types(vocab, forms, of_forms, cast(KeptRows, model.shims[0]))
    return found if types is None else found[types]


def endings(words: list[str]) -> tuple[Hashes, Hashes]:
    """The last character of each word, and the last two. *Shape:* ``(words,)``."""
    codes = code_points(words).astype("uint64")
    lengths = np.fromiter(map(len, words), dtype="int64", count=len(words))
    ends = np.cumsum(lengths)
    one = codes[ends - 1] + np.uint64(1)
    two = np.where(lengths > 1, codes[ends - 2] + np.uint64(1), 0) << HALF | one
    return one, two


def tags_of(model: Tok2Vec, words: Hashes, shapes: Hashes) -> Hashes:
    """A hash of the tags that the training data has of each word; of a word that it has not, or once, of its shape."""
    found, is_known = find(words, model.attrs["hashes"])
    tags = hash_pairs(shapes, np.uint64(1))
    tags[is_known] = model.attrs["tags"][found[is_known]]
    return tags


def rows_of(model: Tok2Vec, keys: Hashes) -> NDArray[np.int32]:
    """The rows of features, of which none is that of dropped ones."""
    n_rows = np.uint64(model.get_dim("nV") - 1)
    rows: NDArray[np.int32] = ((keys >> HALF) * n_rows >> HALF).astype("int32") + 1
    return rows


def history_rows(
    model: Tok2Vec, features: Features, tags: NDArray[np.int64], words: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The rows of the features that rest on the last tags.

    Args:
        model: The model.
        features: Those of all words.
        tags: The tags of all words. *Shape:* ``(words,)``.
        words: The words whose rows to find. *Shape:* ``(n,)``.

    Returns:
        *Shape:* ``(features, n)``.
    """
    one, two = (last_tags(features.positions, tags, words, distance) for distance in (1, 2))
    two = (two << HALF) + one
    with_last, with_two = features.with_last[:, words], features.with_two[:, words]
    return rows_of(model, np.concatenate([hash_pairs(with_last, one), hash_pairs(with_two, two)]))


def last_tags(positions: NDArray[np.int64], tags: NDArray[np.int64], words: NDArray[np.int64], distance: int) -> Hashes:
    """The tags that stand at a distance before words, counted from one; zero where the document has not begun."""
    before = np.maximum(words - distance, 0)
    return np.where(positions[words] >= distance, tags[before] + 1, 0).astype("uint64")


def drop(model: Tok2Vec, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Rows with some features dropped, as many as the rate says."""
    is_kept = model.ops.to_numpy(model.ops.get_dropout_mask(rows.shape, model.attrs["dropout"])) > 0
    return np.where(is_kept, rows, np.int32(DROPPED))


def look_up(model: Tok2Vec, W: Floats2d, rows: NDArray[np.int32]) -> Floats2d:
    """The scores that each word's rows add up to. *Shape:* ``(words, classes)``."""
    if not rows.size:
        return model.ops.alloc2f(0, W.shape[1])
    of_words: Any = np.ascontiguousarray(rows.T)
    sums: Floats2d
    if isinstance(W, np.ndarray) and len(of_words) > FEW:
        sums = to_floats(embedding_bag(torch.from_numpy(of_words), torch.from_numpy(W), mode="sum"))
    else:
        sums = model.ops.gather_add(W, model.ops.asarray2i(of_words))
    sums *= model.attrs["learn_rate_scale"]
    return sums


def decode(model: Tok2Vec, W: Floats2d, of_text: Floats2d, features: Features) -> tuple[Floats2d, NDArray[np.int64]]:
    """The best tag of each word given those before it, from left to right.

    The words of a block are decided at once, and those again whose last two tags have changed since, until none has. As
    tags rest on those before them only, this ends with what one word at a time would give, mostly after a few rounds.

    Args:
        model: The model.
        W: The weights.
        of_text: The scores of the words by their text. *Shape:* ``(words, classes)``.
        features: Their features.

    Returns:
        The scores with those of the last tags, and the best classes.
    """
    ops, positions = model.ops, features.positions
    tags = ops.to_numpy(of_text.argmax(axis=1)).astype("int64")
    scores = of_text.copy()
    of_block = positions // BLOCK
    for stale in np.split(np.argsort(of_block, kind="stable"), np.cumsum(np.bincount(of_block))[:-1]):
        while len(stale):
            rows = history_rows(model, features, tags, stale)
            at = ops.asarray(cast(Any, stale))
            of_stale = of_text[at] + look_up(model, W, rows)
            scores[at] = of_stale
            best = ops.to_numpy(of_stale.argmax(axis=1))
            changed = stale[best != tags[stale]]
            tags[stale] = best
            stale = np.unique(np.concatenate([readers(changed, positions, distance) for distance in (1, 2)]))
    return scores, tags


def readers(words: NDArray[np.int64], positions: NDArray[np.int64], distance: int) -> NDArray[np.int64]:
    """The words that stand at a distance after others in the same block of the same document."""
    words = words[words + distance < len(positions)]
    after = words + distance
    is_read: NDArray[np.bool_] = positions[after] % BLOCK == positions[words] % BLOCK + distance
    return after[is_read]
