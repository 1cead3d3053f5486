"""Where a pipeline's time goes, on a clock that ticks whenever one looks at it."""

import itertools
import time

import pytest

from spacy_seqtag.benchmark.documents import make_docs, read_texts
from spacy_seqtag.benchmark.layers import layers
from spacy_seqtag.benchmark.stages import STAGES, Part, instrumented, time_stages
from spacy_seqtag.benchmark.stopwatch import Stopwatch
from spacy_seqtag.pipeline.token_classifier import TokenClassifier

from ..pipeline import toy


@pytest.fixture
def clock(monkeypatch):
    """Says what time it was when one last looked."""
    ticks = itertools.count()
    looks = []
    monkeypatch.setattr(time, "perf_counter", lambda: looks.append(float(next(ticks))) or looks[-1])
    return looks


def test_a_moment_counts_for_the_innermost_stage(clock):
    watch = Stopwatch()
    with watch.stage("outer"):  # starts at 0
        with watch.stage("inner"):  # from 1 to 2
            pass
        for _ in watch.drawn("drawn", "ab"):  # from 3 to 4, 5 to 6, and 7 to 8, where there is nothing more
            pass
        assert watch.timed("timed", lambda x, y: x - y)(3, y=1) == 2  # from 9 to 10
    assert clock[-1] == 11
    assert watch.seconds == {"outer": 6, "inner": 1, "drawn": 3, "timed": 1}


def test_an_error_ends_its_stages(clock):
    watch = Stopwatch()
    with pytest.raises(KeyError), watch.stage("outer"), watch.stage("inner"):
        raise KeyError
    with watch.stage("next"):
        pass
    assert watch.seconds == {"outer": 2, "inner": 1, "next": 1}


@pytest.mark.parametrize("name", ["ours", "built_in"])
def test_stages_add_up_to_the_whole(name, corpus, clock, request):
    nlp = request.getfixturevalue(name)
    parts = time_stages(nlp, read_texts(corpus), batch_size=2, watch=Stopwatch())
    # The tick between the tokenizer and the rest is of neither.
    assert sum(parts.values()) == len(clock) - 2
    assert {part.stage for part in parts} == set(STAGES)
    assert {part.component for part in parts} == {"tokenizer", "nlp.pipe", *nlp.pipe_names}
    expected = [Part("tok2vec", "embedding"), Part("tok2vec", "encoder"), Part("tagger", "head and decoding")]
    expected += [Part("tagger", "annotation"), Part("ner", "head and decoding")]
    for part in expected:
        assert parts[part] >= 2  # one for each batch


@pytest.mark.parametrize("name", ["ours", "built_in"])
def test_a_timed_pipeline_annotates_as_ever_and_is_left_as_it_was(name, corpus, request):
    nlp = request.getfixturevalue(name)

    def state():
        return [*nlp._components], [layer._func for layer in layers(nlp)]

    def annotate():
        return toy.annotations(nlp.pipe(make_docs(nlp.vocab, read_texts(corpus))))

    before, expected = state(), annotate()
    watch = Stopwatch()
    with instrumented(nlp, watch), watch.stage("rest"):
        assert annotate() == expected
    assert state() == before
    for _, component in nlp.pipeline:
        if isinstance(component, TokenClassifier):
            assert not {"predict", "set_annotations"} & set(vars(component))
    seconds = dict(watch.seconds)
    assert annotate() == expected
    assert watch.seconds == seconds
