"""Pascal VOC annotations of pictures, in labelImg's format.

`voc.dataset` reads folders of them. Files count pixels from 1 and include the last one; in the
program a box begins at 0 and ends after its last pixel. Besides VOC's own tags an object may have
`visible` and `view_angle_deg`, and an annotation `look`, `city` and `scene`, which other programs
ignore.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from pixelopolis.errors import DatasetError

SOURCE_TAGS: Final = ("look", "city", "scene", "sky")
SPLINTER_VISIBLE: Final = 0.05
"""An object with a smaller visible part is a splinter: it is labeled, but need not be found or
learned, and finding it is not an error."""

_REPAIR: Final = "Correct the file in labelImg, or remove it from the dataset."


class Box(NamedTuple):
    """A box in pixels of its picture, from 0; `xmax` and `ymax` are after the last pixel."""

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
        """0 for an empty box."""
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
class LabeledObject:
    """One object of a picture; `box_px` bounds its visible part.

    `visible` (0..1) is the visible fraction, `view_angle_deg` the angle between a board's normal
    and the line of sight (0 for other objects); None if not measured.
    """

    class_name: str
    box_px: Box
    difficult: bool = False
    truncated: bool = False
    visible: float | None = None
    view_angle_deg: float | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """The annotation of one picture. `source` may hold the `SOURCE_TAGS`."""

    file_name: str
    """The picture's file name; empty if not given."""
    width_px: int
    height_px: int
    objects: tuple[LabeledObject, ...] = ()
    source: Mapping[str, str] = field(default_factory=dict)


class BoxFault(StrEnum):
    """Why a box is invalid and unusable for training and evaluation."""

    NO_AREA = "no area"
    FROM_0 = "counted from 0"
    OUTSIDE = "outside the picture"


def box_fault(box: Box, width_px: int, height_px: int) -> BoxFault | None:
    """Return what is wrong with a box in a picture of this size, None if valid."""
    if not (box.width_px > 0 and box.height_px > 0):
        return BoxFault.NO_AREA
    least = min(box.xmin, box.ymin)
    if least < -1 or box.xmax > width_px or box.ymax > height_px:
        return BoxFault.OUTSIDE
    return BoxFault.FROM_0 if least < 0 else None


def box_faults(annotation: Annotation) -> Iterator[tuple[int, BoxFault]]:
    """Yield the number of each object with an invalid box, and why."""
    for number, item in enumerate(annotation.objects):
        if fault := box_fault(item.box_px, annotation.width_px, annotation.height_px):
            yield number, fault


def read_annotation(path: Path, first_pixel: int = 1) -> Annotation:
    """Read one XML file as it is; boxes may be invalid, optional VOC tags may be missing.

    Args:
        path: the file.
        first_pixel: the number of a picture's first column and row: 1 in VOC, 0 in some programs.

    Raises:
        DatasetError: names file and field.
    """
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError, ValueError, LookupError) as error:  # both: odd encodings
        raise DatasetError(f"{path}: no readable XML: {error}.", _REPAIR) from error
    return Annotation(
        file_name=(root.findtext("filename") or "").strip(),
        width_px=_size(root, "size/width", path),
        height_px=_size(root, "size/height", path),
        objects=tuple(
            _read_object(item, first_pixel, f"{path}: object[{k}].")
            for k, item in enumerate(root.findall("object"))
        ),
        source={tag: text for tag in SOURCE_TAGS if (text := root.findtext(tag))},
    )


def _size(root: ET.Element, tag: str, path: Path) -> int:
    value = round(_number(root, tag, f"{path}: "))
    if value < 1:
        raise DatasetError(f"{path}: {tag} should be at least 1 and is {value}.", _REPAIR)
    return value


def _read_object(item: ET.Element, first_pixel: int, place: str) -> LabeledObject:
    name = (item.findtext("name") or "").strip()
    if not name:
        raise DatasetError(f"{place}name is missing.", _REPAIR)
    xmin, ymin, xmax, ymax = (
        _number(item, f"bndbox/{side}", place) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return LabeledObject(
        class_name=name,
        box_px=Box(
            xmin - first_pixel, ymin - first_pixel, xmax + 1 - first_pixel, ymax + 1 - first_pixel
        ),
        difficult=_optional(item, "difficult", place) not in (None, 0.0),
        truncated=_optional(item, "truncated", place) not in (None, 0.0),
        visible=_optional(item, "visible", place, most=1.0),
        view_angle_deg=_optional(item, "view_angle_deg", place, most=180.0),
    )


def _optional(item: ET.Element, tag: str, place: str, most: float = math.inf) -> float | None:
    if not (item.findtext(tag) or "").strip():
        return None
    value = _number(item, tag, place)
    if most < math.inf and not 0.0 <= value <= most:
        raise DatasetError(f"{place}{tag} should be in 0..{most:g} and is {value:g}.", _REPAIR)
    return value


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


def _add_object(root: ET.Element, item: LabeledObject) -> None:
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
