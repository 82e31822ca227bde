"""Small folders of annotated noise images for tests."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

WIDTH_PX, HEIGHT_PX = 240, 160
BOX = (10, 10, 60, 60)


def jpeg(value: int = 1) -> bytes:
    """Return an image (160, 240) of noise, a different one for each value."""
    image = np.random.default_rng(value).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def xml(file_name: str, box: tuple[float, ...] = BOX, name: str = "Left") -> str:
    sides = "".join(
        f"<{side}>{value}</{side}>"
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return (
        f"<annotation><filename>{file_name}</filename><size><width>{WIDTH_PX}</width><height>"
        f"{HEIGHT_PX}</height><depth>3</depth></size><object><name>{name}</name><bndbox>{sides}"
        "</bndbox></object></annotation>"
    )


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write files by their paths in a folder; return the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
