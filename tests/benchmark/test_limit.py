"""A pipeline's PyTorch modules alone."""

import torch

from spacy_seqtag.benchmark import limit
from spacy_seqtag.benchmark.documents import make_docs, read_texts
from spacy_seqtag.benchmark.limit import modules, recorded, replay

from ..pipeline import toy


def test_replayed_calls_give_what_they_gave_in_the_pipeline(ours, corpus):
    outputs = []
    hooks = [m.register_forward_hook(lambda _, __, y: outputs.append(y.clone())) for m in modules(ours)]
    with recorded(ours) as calls:
        list(ours.pipe(make_docs(ours.vocab, read_texts(corpus)), batch_size=2))
    in_pipeline, outputs[:] = [*outputs], []
    replay(calls)
    for hook in hooks:
        hook.remove()
    assert len(in_pipeline) == len(outputs) == len(calls) >= 6  # two batches, an encoder and two heads
    for expected, output in zip(in_pipeline, outputs, strict=True):
        torch.testing.assert_close(output, expected, rtol=0, atol=0)
    # Nothing is recorded any more.
    assert len(calls) == len(outputs)


def test_calls_are_made_in_their_precision():
    seen = []
    module = torch.nn.Linear(2, 2)
    module.register_forward_hook(lambda _, __, y: seen.append(y.dtype))
    calls = [limit.Call(module, (torch.ones(1, 2),), {}, "cpu", half) for half in (torch.bfloat16, None)]
    replay(calls)
    assert seen == [torch.bfloat16, torch.float32]


def test_recorded_tensors_are_copies():
    calls, x = [], torch.ones(1)
    limit.record(calls, torch.nn.Identity(), (x,), {"mask": x})
    with torch.autocast("cpu"):
        limit.record(calls, torch.nn.Identity(), (), {})
    x.zero_()
    assert calls[0].args[0].item() == calls[0].kwargs["mask"].item() == 1
    assert [call.half for call in calls] == [None, torch.bfloat16]


def test_spacys_own_have_no_modules(built_in):
    assert modules(built_in) == []
    with recorded(built_in) as calls:
        list(built_in.pipe(toy.TEXTS))
    assert calls == []
