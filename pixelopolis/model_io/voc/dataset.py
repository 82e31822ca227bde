"""Folders of annotated pictures in Pascal VOC layout, ours or labeled by hand.

    DIR/JPEGImages/NAME.jpg       pictures
    Annotations/NAME.xml      one annotation each
    DIR/ImageSets/Main/SPLIT.txt  names by split, one a line

Also accepted: `images` and `annotations` as folder names, annotations and pictures side by side in
one folder, as labelImg leaves them, and lines of ImageSets with file extensions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from pixelopolis.errors import DatasetError
from pixelopolis.model_io.voc.annotation import Annotation, BoxFault, box_faults, read_annotation

Split = Literal["train", "val", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")
ANNOTATION_FOLDERS: Final = ("Annotations", "annotations")
PICTURE_FOLDERS: Final = ("JPEGImages", "images")

_CLASS_FLAG: Final = re.compile(r"\s+-?[01]$")
"""Last column of VOC's lists of single classes: whether the picture shows the class."""


class PictureFault(StrEnum):
    """Why an annotation's picture is unclear."""

    MISSING = "missing picture"
    SEVERAL = "several pictures of one name"
    ANOTHERS = "names another picture"
    SHARED = "two annotations of one picture"


@dataclass(frozen=True, slots=True)
class Lookup:
    """The picture of an annotation, or why it is missing or unclear."""

    path: Path | None
    fault: PictureFault | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class VocDataset:
    """A folder of annotated pictures."""

    folder: Path

    def names(self, split: str | None = None) -> tuple[str, ...]:
        """Return the names of a split, in the file's order; without one, of all annotations.

        A folder without ImageSets is all training data: "train" and "trainval" are everything.

        Raises:
            DatasetError: there is no such split, or there are no annotations at all.
        """
        sets = self.folder / "ImageSets" / "Main"
        if split is not None and sets.is_dir():
            listed = sets / f"{split}.txt"
            if not listed.is_file():
                found = ", ".join(self.splits()) or "none"
                raise DatasetError(
                    f"{self.folder} has no split {split!r}; it has {found}.",
                    "Name one of these, or make the split with `pixelopolis data signs`.",
                )
            known = {_composed(path.stem): path.stem for path in self._annotations.glob("*.xml")}
            lines = _lines(listed)
            return tuple(_name_in(line.strip(), known) for line in lines if line.strip())
        if split not in (None, "train", "trainval"):
            raise DatasetError(
                f"{self.folder} has no ImageSets/Main, so no split {split!r}.",
                f"List the pictures' names in {sets / f'{split}.txt'}, one a line.",
            )
        names = tuple(sorted(path.stem for path in self._annotations.glob("*.xml")))
        if not names:
            raise DatasetError(
                f"{self.folder} has no annotations (Annotations/*.xml).", self._hint()
            )
        return names

    def _hint(self) -> str:
        if any((self.folder / "labels").glob("**/*.txt")):
            return (
                "These look like YOLO labels: "
                f"`pixelopolis data import {self.folder} --out NEW` makes Pascal VOC of them."
            )
        return "Name the folder that holds Annotations and JPEGImages."

    def splits(self) -> tuple[str, ...]:
        """Return the names of all lists in ImageSets/Main."""
        lists = (self.folder / "ImageSets" / "Main").glob("*.txt")
        return tuple(sorted(path.stem for path in lists))

    def annotation_path(self, name: str) -> Path:
        return self._annotations / f"{name}.xml"

    def annotation(self, name: str) -> Annotation:
        """Return a picture's annotation; every box is non-empty and inside the picture.

        Raises:
            DatasetError: names file and field.
        """
        path = self.annotation_path(name)
        annotation = read_annotation(path)
        for number, fault in box_faults(annotation):
            item = annotation.objects[number]
            raise DatasetError(
                f"{path}: object[{number}].bndbox ({item.class_name}): {fault}. The picture is "
                f"{annotation.width_px} x {annotation.height_px}, and VOC counts pixels from 1.",
                f"If its boxes count from 0, `pixelopolis data import {self.folder} --out NEW "
                "--first-pixel 0` reads them."
                if fault is BoxFault.FROM_0
                else "Correct the file in labelImg; `pixelopolis data check` lists all such boxes.",
            )
        return annotation

    def look_up(self, name: str, file_name: str = "") -> Lookup:
        """Find the picture of an annotation.

        Args:
            name: the annotation's name.
            file_name: the picture's name according to the annotation; if there is no such file, the
                one
                with the annotation's name is used.
        """
        own = _different(self._images / f"{name}{suffix}" for suffix in IMAGE_SUFFIXES)
        said = re.split(r"[\\/]", file_name)[-1]
        named = self._images / said
        if said and _is_file(named):
            if named.stem == name:
                return Lookup(named)
            if own:
                detail = f"<filename> is {said}, and {own[0].name} is there too"
                return Lookup(None, PictureFault.ANOTHERS, detail)
            if _is_file(self.annotation_path(named.stem)):
                detail = f"<filename> is {said}, as of {named.stem}.xml"
                return Lookup(None, PictureFault.SHARED, detail)
            return Lookup(named)
        if len(own) > 1:
            detail = f"{' and '.join(path.name for path in own)}, and <filename> does not say which"
            return Lookup(None, PictureFault.SEVERAL, detail)
        if not own:
            detail = said or f"{name}{IMAGE_SUFFIXES[0]}"
            return Lookup(None, PictureFault.MISSING, detail)
        return Lookup(own[0])

    def image_path(self, name: str, file_name: str = "") -> Path:
        """Return the path of an annotation's picture; arguments as for `look_up`.

        Raises:
            DatasetError: it is missing or ambiguous.
        """
        found = self.look_up(name, file_name)
        if found.path is None:
            raise DatasetError(
                f"{self.annotation_path(name)}: {found.fault}: {found.detail}.",
                f"Put the right picture into {self._images}, correct <filename>, or remove the "
                "annotation.",
            )
        return found.path

    def image_files(self) -> tuple[Path, ...]:
        """Return all pictures of the folder, with or without annotation."""
        return tuple(
            sorted(path for path in self._images.glob("*") if path.suffix in IMAGE_SUFFIXES)
        )

    def write_split(self, split: str, names: Iterable[str]) -> None:
        sets = self.folder / "ImageSets" / "Main"
        sets.mkdir(parents=True, exist_ok=True)
        (sets / f"{split}.txt").write_text("".join(f"{n}\n" for n in names), encoding="utf-8")

    @property
    def _annotations(self) -> Path:
        return _first_folder(self.folder, ANNOTATION_FOLDERS)

    @property
    def _images(self) -> Path:
        return _first_folder(self.folder, PICTURE_FOLDERS)


def _first_folder(folder: Path, names: Iterable[str]) -> Path:
    return next((folder / name for name in names if (folder / name).is_dir()), folder)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} cannot be read: {error}.", "Save it as UTF-8 text.") from error


def _name_in(line: str, known: Mapping[str, str]) -> str:
    """Return the annotation's name for a line of ImageSets.

    Args:
        line: a name, perhaps with a folder before it, a file extension, and a class flag.
        known: the existing annotations' names, by their composed letters.
    """
    bare = re.split(r"[\\/]", line)[-1]
    unflagged = _CLASS_FLAG.sub("", bare)
    for text in (bare, _without_ending(bare), unflagged):
        if _composed(text) in known:
            return known[_composed(text)]
    text = _without_ending(unflagged)
    return known.get(_composed(text), text)


def _without_ending(text: str) -> str:
    suffix = Path(text).suffix
    return text.removesuffix(suffix) if suffix in IMAGE_SUFFIXES else text


def _composed(text: str) -> str:
    """Compose letters with their accents (NFC): macOS separates them in file names."""
    return unicodedata.normalize("NFC", text)


def _different(paths: Iterable[Path]) -> list[Path]:
    """Return the existing files once each; `a.jpg` and `a.JPG` are one file on some systems."""
    found: dict[tuple[int, int], Path] = {}
    for path in paths:
        if _is_file(path):
            status = path.stat()
            found.setdefault((status.st_dev, status.st_ino), path)
    return list(found.values())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False
