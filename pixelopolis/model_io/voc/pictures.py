"""Sheets of annotated pictures with their boxes, for judging a dataset by eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pixelopolis.errors import DatasetError
from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.picture_output import tiled, write_picture
from pixelopolis.model_io.voc.annotation import Annotation, LabeledObject

TILE_PX: Final = (480, 320)
COLUMNS, ROWS = 4, 4
CAPTION_PX: Final = 18

_PLAIN, _DIFFICULT, _SUSPICIOUS, _INK = (60, 220, 60), (230, 170, 40), (255, 40, 40), (20, 20, 20)


def tile(
    image_rgb: Image | None, annotation: Annotation | None, caption: str, suspicious: Sequence[int]
) -> Image:
    """Return one picture of a sheet.

    Args:
        image_rgb: (h, w, 3); None if there is none.
        annotation: its boxes are drawn: green, orange if difficult, red if suspicious.
        caption: written below.
        suspicious: numbers of the objects to mark.
    """
    width, height = TILE_PX
    canvas = np.full((height + CAPTION_PX, width, 3), 235, np.uint8)
    if image_rgb is not None:
        scale = min(width / image_rgb.shape[1], height / image_rgb.shape[0])
        size = (
            max(1, round(image_rgb.shape[1] * scale)),
            max(1, round(image_rgb.shape[0] * scale)),
        )
        way = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
        canvas[: size[1], : size[0]] = cv2.resize(image_rgb, size, interpolation=way)
        for number, item in enumerate(annotation.objects if annotation else ()):
            color = _DIFFICULT if item.difficult else _PLAIN
            _draw(canvas, item, scale, _SUSPICIOUS if number in suspicious else color)
    place = (4, height + CAPTION_PX - 5)
    cv2.putText(canvas, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return canvas


def _draw(canvas: Image, item: LabeledObject, scale: float, color: tuple[int, int, int]) -> None:
    x0, y0, x1, y1 = (round(side * scale) for side in item.box_px)
    cv2.rectangle(canvas, (x0 - 1, y0 - 1), (x1, y1), color, 1)
    text = item.class_name if item.visible is None else f"{item.class_name} {item.visible:.2f}"
    cv2.putText(canvas, text, (x0, y0 - 3), cv2.FONT_HERSHEY_PLAIN, 0.75, color, 1, cv2.LINE_AA)


def write_sheets(folder: Path, tiles: Sequence[Image]) -> list[Path]:
    """Write tiles to sheet_00.png, sheet_01.png and so on, 16 on each; return their paths.

    Raises:
        DatasetError: a sheet cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, first in enumerate(range(0, len(tiles), COLUMNS * ROWS)):
        path = folder / f"sheet_{number:02d}.png"
        if not write_picture(path, tiled(tiles[first : first + COLUMNS * ROWS], COLUMNS)):
            raise DatasetError(f"picture {str(path)!r} cannot be written.", "Is the disk full?")
        paths.append(path)
    return paths
