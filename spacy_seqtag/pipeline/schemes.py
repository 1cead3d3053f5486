"""Label schemes: entities as a class for each token, and back."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..models.types import Transitions

OUTSIDE = 0
"""Class of the tokens outside of entities."""


class Scheme(NamedTuple):
    """How the tokens of an entity are told apart. The classes are ``O`` and then, for each entity type, its prefixes.

    Args:
        prefixes: The prefixes, in the order of their classes.
        closes: Whether the last token of an entity has a prefix of its own.
    """

    prefixes: str
    closes: bool

    def classes(self, types: Sequence[str]) -> tuple[str, ...]:
        """The classes of entity types, as tags."""
        return ("O", *(f"{prefix}-{type_}" for type_ in types for prefix in self.prefixes))

    def encode(self, types: Sequence[str]) -> dict[str, int]:
        """The class of each tag that spaCy's annotation of entities of the types has, which is BILUO."""
        prefixes = {prefix: prefix for prefix in "BILU"}
        if not self.closes:
            prefixes.update(L="I", U="B")
        classes = {tag: i for i, tag in enumerate(self.classes(types))}
        encoded = {f"{prefix}-{type_}": classes[f"{to}-{type_}"] for prefix, to in prefixes.items() for type_ in types}
        return {"O": OUTSIDE, **encoded}

    def constraints(self, n_types: int) -> Transitions:
        """Which sequences are valid: zero for what may be, ``-inf`` for the rest."""
        classes = np.arange(1 + n_types * len(self.prefixes))
        type_ = (classes - 1) // len(self.prefixes)
        opens, continues = self._has_prefix(classes, "BI"), self._has_prefix(classes, "IL")
        may_end = ~opens | (not self.closes)
        between = np.where(
            continues, opens[:, None] & (type_[:, None] == type_), np.repeat(may_end[:, None], len(classes), axis=1)
        )
        return Transitions(*(np.where(x, 0.0, -np.inf).astype("float32") for x in (between, ~continues, may_end)))

    def entities(self, classes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The entities of a valid sequence of classes: of each its first token, the token after its last one, and the
        index of its type."""
        continues = self._has_prefix(classes, "IL")
        inside = classes != OUTSIDE
        starts = np.flatnonzero(inside & ~continues)
        ends = np.flatnonzero(inside & ~np.append(continues[1:], False)) + 1
        return starts, ends, (classes[starts] - 1) // len(self.prefixes)

    def before(self, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The class of a token that is put before one of each class and changes no entity but that it is in."""
        n = len(self.prefixes)
        within = (classes - 1) // n * n + 1 + self.prefixes.index("I")
        return np.where(self._has_prefix(classes, "IL"), within, OUTSIDE)

    def _has_prefix(self, classes: NDArray[np.int64], prefixes: str) -> NDArray[np.bool_]:
        wanted = np.asarray([False, *(prefix in prefixes for prefix in self.prefixes)])
        found: NDArray[np.bool_] = wanted[np.where(classes == OUTSIDE, 0, (classes - 1) % len(self.prefixes) + 1)]
        return found


SCHEMES = {"IOB2": Scheme("BI", closes=False), "BILOU": Scheme("BILU", closes=True)}
"""IOB2 (Tjong Kim Sang and Veenstra 1999), which marks the beginning of each entity, and BILOU (Ratinov and Roth 2009,
"Design Challenges and Misconceptions in Named Entity Recognition"), which also marks its last token and entities of one
token. spaCy writes BILOU as BILUO."""
