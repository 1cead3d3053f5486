"""The commands of ``python -m spacy_seqtag``, a file each."""

import typer

from .benchmark import benchmark_command
from .calibrate import calibrate_command
from .compare import compare_command
from .convert import convert_command
from .evaluate import evaluate_command
from .package import package_command
from .quantize import quantize_command
from .tag import tag_command
from .train import train_command

app = typer.Typer(
    name="spacy_seqtag",
    help="PyTorch sequence taggers behind spaCy's own interface.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("convert")(convert_command)
app.command("train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(train_command)
app.command("evaluate")(evaluate_command)
app.command("calibrate")(calibrate_command)
app.command("compare")(compare_command)
app.command("benchmark")(benchmark_command)
app.command("quantize")(quantize_command)
app.command("package")(package_command)
app.command("tag")(tag_command)
