"""Saving that replaces nothing before all is written, and loading that names the file that is wrong."""

import gc
import hashlib
import os
import shutil
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import srsly
from spacy import util
from spacy.language import Language
from spacy.pipeline import TrainablePipe

from ..about import __version__

CHECKSUMS = "checksums.json"
"""File of a saved pipeline: SHA-256 digests of its other files, without those of :data:`EDITED`."""
EDITED = ("meta.json", "config.cfg")
"""Files of a saved pipeline that people and ``spacy package`` edit."""


@contextmanager
def written_aside(path: Path | str) -> Iterator[Path]:
    """Give a folder to write to, beside the one that is meant, whose place it takes when all is written.

    Whatever interrupts the writing, the folder that was there before stays as it was. Files and folders in it of names
    that are not written are kept. A folder that cannot be moved keeps its place, and what is in it is replaced one by
    one.

    Args:
        path: The folder to replace or to make; its parent must exist.

    Raises:
        FileNotFoundError: If the parent does not exist.
    """
    path = Path(path).resolve()
    # A folder that is in use cannot be moved: that of the process, a mount, or one whose parent is not writable.
    stays = path.exists() and (path == Path.cwd() or path.is_mount() or not os.access(path.parent, os.W_OK))
    aside = path / ".new" if stays else path.with_name(f".{path.name}.new")
    if aside.exists():  # of a process that was killed
        shutil.rmtree(aside)
    aside.mkdir()
    try:
        yield aside
        if stays:
            for entry in aside.iterdir():
                if entry.is_dir():
                    replace_folder(path / entry.name, entry)
                else:
                    os.replace(entry, path / entry.name)
            return
        for entry in path.iterdir() if path.exists() else ():
            if not (aside / entry.name).exists():
                copy = partial(shutil.copytree, symlinks=True) if entry.is_dir() else shutil.copy2
                copy(entry, aside / entry.name)
        replace_folder(path, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def replace_folder(path: Path, new: Path) -> None:
    """Move a folder to the place of another one, which need not exist."""
    old = path.with_name(f".{path.name}.old")
    if path.exists():
        if old.exists():
            shutil.rmtree(old)
        path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        if old.exists():
            old.rename(path)
        raise
    if old.exists():
        shutil.rmtree(old)


class SavedComponent(TrainablePipe):  # type: ignore[misc]
    """A component that is saved aside and then moved into place, and whose loading says what is wrong with which
    file."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """The classes that the model scores, in the order of its columns."""

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Save the component to a folder, which is replaced when all is written.

        Args:
            path: The folder.
            exclude: Names of what is not saved: "cfg", "model", "vocab".
        """
        with written_aside(path) as folder:
            super().to_disk(folder, exclude=exclude)

    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> "SavedComponent":
        """Load the component from a folder.

        Args:
            path: The folder.
            exclude: Names of what is not loaded: "cfg", "model", "vocab".

        Raises:
            ValueError: If a file is missing, cannot be read, or does not fit the others.
        """
        readers: dict[str, Callable[[Path], Any]] = {
            "cfg": lambda file: self.cfg.update(srsly.read_json(file)),
            "vocab": lambda folder: self.vocab.from_disk(folder, exclude=exclude),
            "model": lambda file: self.model.from_bytes(file.read_bytes()),
        }
        util.from_disk(path, {name: partial(read, reader) for name, reader in readers.items()}, exclude)
        self.check_width(f"{path}/cfg")
        return self

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> "SavedComponent":
        """Load the component from bytes.

        Args:
            bytes_data: What ``to_bytes`` returned.
            exclude: Names of what is not loaded: "cfg", "model", "vocab".

        Raises:
            ValueError: If the labels do not fit the model.
        """
        super().from_bytes(bytes_data, exclude=exclude)
        self.check_width("the bytes")
        return self

    def check_width(self, source: str) -> None:
        """Check that there are as many classes as the loaded model scores."""
        width = self.model.get_ref("output_layer").maybe_get_dim("nO")
        if width is not None and width != len(self.classes):
            raise ValueError(
                f"the labels of '{self.name}' in {source} do not match the weights: they make {len(self.classes)} "
                f"classes, and the model scores {width}. They are of different trainings: copy or save the pipeline "
                "again"
            )


def read(reader: Callable[[Path], Any], path: Path) -> None:
    """Read a file or folder of a saved component or pipeline, with an error that names it.

    Raises:
        ValueError: If it is missing or cannot be read.
    """
    if not path.exists():
        raise missing(path)
    collects_garbage = gc.isenabled()
    try:
        reader(path)
    except Exception as err:
        raise ValueError(
            f"cannot read {path}, which is damaged or was saved with another config or version (this is spacy-seqtag "
            f"{__version__}): copy or save the pipeline again. The error was: {type(err).__name__}: {err}"
        ) from err
    finally:
        if collects_garbage:  # srsly turns it off to read, and leaves it off where that fails
            gc.enable()


def missing(path: Path) -> ValueError:
    """The error for a file or folder that is not there."""
    return ValueError(f"{path} is missing: the folder is incomplete. Copy or save the pipeline again")


def safe_saving() -> Callable[[Language], Language]:
    """Make the callback for ``[nlp.after_creation]`` that lets ``nlp.to_disk`` replace a pipeline's folder only when
    all of it is written, together with its checksums, and ``nlp.from_disk`` and ``spacy.load`` check these."""
    return save_safely


def save_safely(nlp: Language) -> Language:
    """Let a pipeline save and load itself by :func:`to_disk` and :func:`from_disk`."""
    nlp.to_disk = partial(to_disk, nlp)  # type: ignore[method-assign]
    nlp.from_disk = partial(from_disk, nlp)  # type: ignore[method-assign]
    return nlp


def to_disk(nlp: Language, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
    """``Language.to_disk``, with checksums, to a folder that is replaced when all is written."""
    with written_aside(path) as folder:
        type(nlp).to_disk(nlp, folder, exclude=exclude)
        files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in EDITED)
        digests = {file.relative_to(folder).as_posix(): digest(file) for file in files}
        srsly.write_json(folder / CHECKSUMS, {"spacy-seqtag": __version__, "sha256": digests})


def from_disk(
    nlp: Language, path: Path | str, *, exclude: Iterable[str] = (), overrides: dict[str, Any] | None = None
) -> Language:
    """``Language.from_disk``, with a check of the checksums.

    Raises:
        ValueError: If a file is missing or not as it was saved.
    """
    path = Path(path)
    if (path / CHECKSUMS).is_file():
        check(path, exclude)
    return type(nlp).from_disk(nlp, path, exclude=exclude, overrides=overrides or {})


def check(path: Path, exclude: Iterable[str] = ()) -> None:
    """Compare the files of a saved pipeline with their checksums.

    Args:
        path: Its folder.
        exclude: Names of components and parts that do not matter.

    Raises:
        ValueError: If a file is missing or not as it was saved.
    """
    saved: dict[str, Any] = {}

    def read_checksums(file: Path) -> None:
        content = srsly.read_json(file)
        saved.update(version=content["spacy-seqtag"], digests=dict(content["sha256"]))

    read(read_checksums, path / CHECKSUMS)
    for name, expected in saved["digests"].items():
        file = path / name
        if name.split("/")[0] in exclude:
            continue
        if not file.is_file():
            raise missing(file)
        if digest(file) != expected:
            raise ValueError(
                f"{file} is not as it was saved (by spacy-seqtag {saved['version']}): it is damaged or of another "
                f"pipeline. Copy or save the pipeline again; if you changed it yourself, delete {path / CHECKSUMS}"
            )


def is_whole(path: Path) -> bool:
    """Whether a folder has all files of a pipeline that was saved safely, as they were saved."""
    if not all((path / name).is_file() for name in (CHECKSUMS, *EDITED)):
        return False
    try:
        check(path)
    except ValueError:
        return False
    return True


def digest(file: Path) -> str:
    """The SHA-256 digest of a file."""
    with file.open("rb") as stream:
        sha256 = hashlib.sha256()
        while block := stream.read(1 << 20):
            sha256.update(block)
    return sha256.hexdigest()
