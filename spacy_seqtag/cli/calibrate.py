"""`calibrate`: make the probabilities of a pipeline mean what they say."""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from .compare import markdown_table
from .evaluate import percent
from .load import load_pipeline


def calibrate_command(
    pipeline: Annotated[str, typer.Argument(help="Name or folder of a pipeline")],
    corpus: Annotated[
        Path, typer.Argument(help="Folder that `convert` wrote, whose dev split is used, or a .spacy file")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for the calibrated pipeline; may be that of the pipeline itself")],
    gpu_id: Annotated[int, typer.Option("--gpu-id", help="GPU ID, or -1 for the CPU")] = -1,
) -> None:
    """Fit the temperatures of a pipeline's components, on data that it was not trained on."""
    from ..evaluation import examples_with_gold_tokens
    from ..pipeline.calibration import calibrate
    from ..pipeline.saving import to_disk
    from ..pipeline.token_classifier import TokenClassifier

    path = corpus if corpus.is_file() else corpus / "dev.spacy"
    if not path.is_file():
        msg.fail(f"{corpus} has no dev.spacy", "Run `python -m spacy_seqtag convert` first.", exits=1)
    nlp = load_pipeline(pipeline, gpu_id)
    examples = list(examples_with_gold_tokens(path, nlp))
    rows = []
    for name, component in nlp.pipeline:
        if isinstance(component, TokenClassifier):
            try:
                done = calibrate(component, examples)
            except ValueError as err:
                msg.warn(f"{name} is left as it is", str(err))
            else:
                shares = map(percent, (done.accuracy, done.confidence_before, done.confidence))
                errors = (f"{error:.4f}" for error in (done.error_before, done.error))
                rows.append([f"`{name}`", f"{done.temperature:.2f}", str(done.annotations), *shares, *errors])
        for example in examples:
            component(example.predicted)
    if not rows:
        msg.fail(f"{pipeline} has no seqtag_tagger or seqtag_ner that can be calibrated on {path}", exits=1)
    header = ["component", "temperature", "annotations", "right", "confidence before", "after", "ECE before", "after"]
    print(markdown_table(header, rows))
    out.parent.mkdir(parents=True, exist_ok=True)
    to_disk(nlp, out)
    msg.good(f"Saved the calibrated pipeline to {out}")
