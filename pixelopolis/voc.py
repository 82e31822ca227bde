"""Pascal VOC annotations: what is to be seen in each picture of a folder, in labelImg's format.

    DIR/JPEGImages/NAME.jpg       pictures
    DIR/Annotations/NAME.xml      one annotation each
    DIR/ImageSets/Main/SPLIT.txt  names by split, one a line

Files count pixels from 1 and include the last one; in the program a box begins at 0 and ends
behind its last pixel. Besides VOC's own tags an object may have `visible` and `view_angle_deg`,
and an annotation `look`, `city` and `scene`; other programs pass over them.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pixelopolis.errors import DatasetError

SOURCE_TAGS = ("look", "city", "scene", "sky")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")

SPLINTER_VISIBLE = 0.05
"""Of which less shows, that is a splinter: it is labelled, but nobody need find or learn it, and
who finds it is not wrong."""

_REPAIR = "Correct the file in labelImg, or remove it from the dataset."


class Box(NamedTuple):
    """A box in pixels of its picture, from 0, `xmax` and `ymax` behind the last pixel."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float

    @property
    def width_px(self) -> float:
        return self.xmax - self.xmin

    @property
    def height_px(self) -> float:
        return self.ymax - self.ymin

    @property
    def area_px(self) -> float:
        """0 for a box without inside."""
        return max(self.width_px, 0.0) * max(self.height_px, 0.0)

    def iou(self, other: Box) -> float:
        """Return intersection over union, 0..1."""
        both = Box(
            max(self.xmin, other.xmin),
            max(self.ymin, other.ymin),
            min(self.xmax, other.xmax),
            min(self.ymax, other.ymax),
        ).area_px
        union = self.area_px + other.area_px - both
        return both / union if union > 0 else 0.0


@dataclass(frozen=True, slots=True)
class LabelledObject:
    """One object of a picture; `box_px` is the extent of what shows of it.

    `visible` (0..1) is the part of it that shows, `view_angle_deg` is between a board's normal
    and the line of sight (0 for what is no board); None where nobody measured them.
    """

    class_name: str
    box_px: Box
    difficult: bool = False
    truncated: bool = False
    visible: float | None = None
    view_angle_deg: float | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one picture shows. `source` may hold the `SOURCE_TAGS`."""

    file_name: str
    width_px: int
    height_px: int
    objects: tuple[LabelledObject, ...] = ()
    source: Mapping[str, str] = field(default_factory=dict)


def read_annotation(path: Path) -> Annotation:
    """Read one XML file; tags that VOC lets out may be missing.

    Raises:
        DatasetError: naming file and field.
    """
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        raise DatasetError(f"{path}: no readable XML: {error}.", _REPAIR) from error
    return Annotation(
        file_name=root.findtext("filename") or f"{path.stem}.jpg",
        width_px=round(_number(root, "size/width", f"{path}: ")),
        height_px=round(_number(root, "size/height", f"{path}: ")),
        objects=tuple(
            _read_object(item, f"{path}: object[{k}].")
            for k, item in enumerate(root.findall("object"))
        ),
        source={tag: text for tag in SOURCE_TAGS if (text := root.findtext(tag))},
    )


def _read_object(item: ET.Element, place: str) -> LabelledObject:
    name = (item.findtext("name") or "").strip()
    if not name:
        raise DatasetError(f"{place}name is missing.", _REPAIR)
    xmin, ymin, xmax, ymax = (
        _number(item, f"bndbox/{side}", place) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return LabelledObject(
        class_name=name,
        box_px=Box(xmin - 1, ymin - 1, xmax, ymax),
        difficult=_optional(item, "difficult", place) not in (None, 0.0),
        truncated=_optional(item, "truncated", place) not in (None, 0.0),
        visible=_optional(item, "visible", place),
        view_angle_deg=_optional(item, "view_angle_deg", place),
    )


def _optional(item: ET.Element, tag: str, place: str) -> float | None:
    return _number(item, tag, place) if (item.findtext(tag) or "").strip() else None


def _number(item: ET.Element, tag: str, place: str) -> float:
    text = item.findtext(tag)
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DatasetError(f"{place}{tag} should be a number and is {text!r}.", _REPAIR)
    return value


def write_annotation(path: Path, annotation: Annotation) -> None:
    """Write one XML file. Boxes are widened to whole pixels."""
    root = ET.Element("annotation")
    _add(root, "folder", "JPEGImages")
    _add(root, "filename", annotation.file_name)
    _add(ET.SubElement(root, "source"), "database", "Pixelopolis")
    size = ET.SubElement(root, "size")
    for tag, value in (
        ("width", annotation.width_px),
        ("height", annotation.height_px),
        ("depth", 3),
    ):
        _add(size, tag, value)
    _add(root, "segmented", 0)
    for tag in SOURCE_TAGS:
        if tag in annotation.source:
            _add(root, tag, annotation.source[tag])
    for item in annotation.objects:
        _add_object(root, item)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8")


def _add_object(root: ET.Element, item: LabelledObject) -> None:
    made = ET.SubElement(root, "object")
    _add(made, "name", item.class_name)
    _add(made, "pose", "Unspecified")
    _add(made, "truncated", int(item.truncated))
    _add(made, "difficult", int(item.difficult))
    if item.visible is not None:
        _add(made, "visible", f"{item.visible:.3f}")
    if item.view_angle_deg is not None:
        _add(made, "view_angle_deg", f"{item.view_angle_deg:.1f}")
    box, sides = item.box_px, ET.SubElement(made, "bndbox")
    _add(sides, "xmin", math.floor(box.xmin) + 1)
    _add(sides, "ymin", math.floor(box.ymin) + 1)
    _add(sides, "xmax", math.ceil(box.xmax))
    _add(sides, "ymax", math.ceil(box.ymax))


def _add(parent: ET.Element, tag: str, value: object) -> None:
    ET.SubElement(parent, tag).text = str(value)


@dataclass(frozen=True, slots=True)
class VocDataset:
    """A folder of annotated pictures, ours or labelled by hand.

    Also understood: annotations and pictures side by side in one folder, as labelImg leaves them.
    """

    folder: Path

    def names(self, split: str | None = None) -> tuple[str, ...]:
        """Return the names of a split, in the file's order; of all annotations without one.

        A folder without ImageSets is all training data: "train" and "trainval" are everything.

        Raises:
            DatasetError: when there is no such split, or there are no annotations at all.
        """
        sets = self.folder / "ImageSets" / "Main"
        if split is not None and sets.is_dir():
            listed = sets / f"{split}.txt"
            if not listed.is_file():
                found = ", ".join(sorted(p.stem for p in sets.glob("*.txt"))) or "none"
                raise DatasetError(
                    f"{self.folder} has no split {split!r}; it has {found}.",
                    "Name one of these, or make the split with `pixelopolis data signs`.",
                )
            lines = listed.read_text(encoding="utf-8").splitlines()
            return tuple(line.split()[0] for line in lines if line.strip())
        if split not in (None, "train", "trainval"):
            raise DatasetError(
                f"{self.folder} has no ImageSets/Main, so no split {split!r}.",
                f"List the pictures' names in {sets / f'{split}.txt'}, one a line.",
            )
        names = tuple(sorted(path.stem for path in self._annotations.glob("*.xml")))
        if not names:
            raise DatasetError(
                f"{self.folder} has no annotations (Annotations/*.xml).",
                "Name the folder that holds Annotations and JPEGImages.",
            )
        return names

    def annotation_path(self, name: str) -> Path:
        return self._annotations / f"{name}.xml"

    def annotation(self, name: str) -> Annotation:
        """Return what a picture shows.

        Raises:
            DatasetError: naming file and field.
        """
        return read_annotation(self.annotation_path(name))

    def image_path(self, name: str, file_name: str | None = None) -> Path:
        """Return where the picture of an annotation lies.

        Raises:
            DatasetError: when it is missing.
        """
        wanted = [Path(file_name).name] if file_name else []
        for candidate in (*wanted, *(f"{name}{suffix}" for suffix in IMAGE_SUFFIXES)):
            path = self._images / candidate
            if path.is_file():
                return path
        raise DatasetError(
            f"{self._images} has no picture for annotation {name!r}.",
            "Put the picture there, or remove the annotation.",
        )

    def image_files(self) -> tuple[Path, ...]:
        """Return all pictures of the folder, with annotation or without."""
        return tuple(
            sorted(path for path in self._images.glob("*") if path.suffix in IMAGE_SUFFIXES)
        )

    def write_split(self, split: str, names: Iterable[str]) -> None:
        sets = self.folder / "ImageSets" / "Main"
        sets.mkdir(parents=True, exist_ok=True)
        (sets / f"{split}.txt").write_text("".join(f"{n}\n" for n in names), encoding="utf-8")

    @property
    def _annotations(self) -> Path:
        folder = self.folder / "Annotations"
        return folder if folder.is_dir() else self.folder

    @property
    def _images(self) -> Path:
        folder = self.folder / "JPEGImages"
        return folder if folder.is_dir() else self.folder
