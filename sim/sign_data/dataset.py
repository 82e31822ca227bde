"""Detector datasets on disk: rendered images with their boxes, as Pascal VOC.

Three kinds of images: *driven* ones, from a car on a street (`streets`), *scenes* of many floating
objects (`scenes`), and *rooms* with furniture and none of our classes (`furniture`). Every image
has its own random stream; no two splits share looks or cities.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import cv2
import numpy as np

from pixelopolis.city.model import City
from pixelopolis.city.signs import CAR, SIGN_CLASSES
from pixelopolis.city.sources import load_city
from pixelopolis.errors import DatasetError
from pixelopolis.model_io.crops import Image
from pixelopolis.model_io.picture_output import write_picture
from pixelopolis.model_io.voc.annotation import Annotation, LabeledObject, write_annotation
from pixelopolis.model_io.voc.dataset import SPLITS, Split, VocDataset
from pixelopolis.vehicle.camera import Camera
from sim.camera.sensor import apply_sensor
from sim.looks.floor_looks import floor_look
from sim.looks.look import Look
from sim.looks.panoramas import Use, panorama_files
from sim.looks.room_looks import PANORAMA_SHARE
from sim.looks.town_looks import look_of
from sim.render.meshes.models import Body, model_of, upright
from sim.render.renderer import Renderer
from sim.sign_data.furniture import draw_room
from sim.sign_data.labels import label
from sim.sign_data.scenes import draw_scene
from sim.sign_data.streets import draw_shot, even_classes, place_signs
from sim.work.workers import run_all

Kind = Literal["driven", "scene", "room"]

SCENES_PART: Final[Mapping[Split, float]] = {"train": 0.6, "val": 0.3, "test": 0.3}
"""Default share of scenes."""
SHIPPED_TOWNS: Final = ("pixelopolis", "pixelopolis", "square", "curvy", "figure-eight", "straight")
"""Among the training cities; val and test have generated cities only."""
SHIPPED_PART: Final = 0.3
GRID_SEEDS: Final[Mapping[Split, int]] = {"train": 1000, "val": 2000, "test": 3000}
"""First of the thousand seeds of a split's generated cities."""
RESTYLE_SHARE: Final = 0.2
"""Share of looks with another road style than the city's."""

PANORAMA_USE: Final[Mapping[Split, Use]] = {
    "train": "training",
    "val": "training",
    "test": "evaluation",
}
"""Which of the user's panoramas a split shows."""

PER_LOOK: Final = 10
LOOKS_PER_CHUNK: Final = 12
"""Images that share one look, and looks in one city: the unit of work of a process."""
PROP_ID: Final = 32768
"""First instance id of the objects that this module adds to a city."""
JPEG_QUALITY: Final = 92


@dataclass(frozen=True, slots=True)
class Chunk:
    """Images `first` to `first + count` of a dataset, all in one city."""

    split: Split
    seed: int
    kind: Kind
    number: int
    first: int
    count: int
    panoramas: str = ""
    """Folder of the user's panoramas."""

    @property
    def look_seed(self) -> int:
        """Seed of the looks, different for each split."""
        return len(SPLITS) * self.seed + SPLITS.index(self.split)

    def stream(self, *more: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, SPLITS.index(self.split), *more])

    def name(self, index: int) -> str:
        return f"{self.split}{self.seed}_{self.first + index:06d}"

    @property
    def town(self) -> str:
        """Name of the city, drawn from those of the split."""
        rng = self.stream(1, self.number)
        if self.split == "train" and rng.random() < SHIPPED_PART:
            return str(rng.choice(SHIPPED_TOWNS))
        columns, rows = (1, 2) if self.kind == "scene" else rng.integers((1, 2), (3, 4)).tolist()
        return f"grid:{columns}x{rows}:{GRID_SEEDS[self.split] + int(rng.integers(1000))}"


def plan_chunks(
    split: Split, images: int, seed: int, scenes_part: float, rooms_part: float = 0.0
) -> list[Chunk]:
    """Split a dataset into chunks; the kinds alternate, so that every prefix holds all.

    Args:
        split: which looks and cities.
        images: how many, >= 1.
        seed: of everything, >= 0.
        scenes_part: share of scenes in 0..1.
        rooms_part: share of rooms; with `scenes_part` at most 1.
    """
    size = PER_LOOK * LOOKS_PER_CHUNK
    scenes, rooms = round(images * scenes_part), round(images * rooms_part)
    wanted: dict[Kind, int] = {"scene": scenes, "room": rooms, "driven": images - scenes - rooms}
    left = dict(wanted)
    chunks: list[Chunk] = []
    first = 0
    while first < images:
        # the kind that is furthest behind its share
        kind = max((k for k in left if left[k]), key=lambda k: Fraction(left[k], wanted[k]))
        count = min(size, left[kind])
        chunks.append(Chunk(split, seed, kind, len(chunks), first, count))
        left[kind] -= count
        first += count
    return chunks


@dataclass(frozen=True, slots=True)
class Summary:
    """Content of a dataset: images by kind, objects by class, and difficult objects."""

    pictures: Counter[str]
    objects: Counter[str]
    difficult: Counter[str]
    empty: int

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            self.pictures + other.pictures,
            self.objects + other.objects,
            self.difficult + other.difficult,
            self.empty + other.empty,
        )

    def document(self) -> dict[str, Any]:
        return {
            "images": sum(self.pictures.values()),
            "pictures": {kind: self.pictures[kind] for kind in ("driven", "scene", "room")},
            "empty_images": self.empty,
            "objects": sum(self.objects.values()),
            "objects_by_class": {name: self.objects[name] for name in SIGN_CLASSES},
            "difficult_by_class": {name: self.difficult[name] for name in SIGN_CLASSES},
        }


def write_sign_dataset(
    out: Path,
    chunks: Sequence[Chunk],
    jobs: int,
    about: Mapping[str, Any],
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Write a dataset in `jobs` processes; return the content of `dataset.json`.

    Args:
        out: new or empty folder.
        chunks: see `plan_chunks`; all of one split.
        jobs: number of processes; it changes no file.
        about: how the dataset was made; goes into `dataset.json`.
        progress: gets the number of images done.

    Raises:
        DatasetError: `out` is not empty.
    """
    if out.exists() and any(out.iterdir()):
        raise DatasetError(
            f"--out {str(out)!r} is not empty.", "Name a new folder, or remove it first."
        )
    for folder in ("JPEGImages", "Annotations"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    summary = Summary(Counter(), Counter(), Counter(), 0)
    for done in run_all(partial(write_chunk, out), chunks, jobs, name=_name):
        summary += done
        progress(sum(done.pictures.values()))
    names = [chunk.name(k) for chunk in chunks for k in range(chunk.count)]
    split = chunks[0].split
    for listed in SPLITS:
        VocDataset(out).write_split(listed, names if listed == split else ())
    VocDataset(out).write_split("trainval", names if split != "test" else ())
    document = {**about, **summary.document()}
    (out / "dataset.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return document


def _name(chunk: Chunk) -> str:
    return f"pictures {chunk.name(0)} to {chunk.name(chunk.count - 1)}"


def write_chunk(out: Path, chunk: Chunk) -> Summary:
    """Render, label and write one chunk."""
    cv2.setNumThreads(1)
    city = replace(load_city(chunk.town), signs=())
    summary = Summary(Counter(), Counter(), Counter(), 0)
    looks = range(0, chunk.count, PER_LOOK)
    with Renderer(city, _look(chunk, 0)) as renderer:
        for start in looks:
            look = _look(chunk, start)
            renderer.set_look(look)
            pictures = PAINTERS[chunk.kind](renderer, city, chunk, look, start)
            for index in range(start, min(start + PER_LOOK, chunk.count)):
                rgb, objects = pictures.take(index)
                _write(out, chunk, index, rgb, objects)
                summary += Summary(
                    Counter([chunk.kind]),
                    Counter(o.class_name for o in objects),
                    Counter(o.class_name for o in objects if o.difficult),
                    int(not objects),
                )
    return summary


def _look(chunk: Chunk, index: int) -> Look:
    number = chunk.first + index
    if chunk.kind == "room":
        look = floor_look(chunk.look_seed, number)
    else:
        look = look_of(chunk.look_seed, number, RESTYLE_SHARE)
    if not chunk.panoramas:
        return look
    own = _panoramas_of(chunk.panoramas, PANORAMA_USE[chunk.split])
    # one for all images of a look, scenes too: each must be read and kept in memory
    rng = chunk.stream(4, chunk.first + index - index % PER_LOOK)
    shown, which = rng.random() < PANORAMA_SHARE, int(rng.integers(max(len(own), 1)))
    file = own[which] if shown and own else None
    return replace(look, sky=replace(look.sky, file=file))


@lru_cache(maxsize=2)
def _panoramas_of(folder: str, use: Use) -> tuple[str, ...]:
    return panorama_files(Path(folder), use)


class _Streets:
    """Driven images of one look: the signs stay, car and traffic change."""

    def __init__(
        self, renderer: Renderer, city: City, chunk: Chunk, look: Look, start: int
    ) -> None:
        self._renderer, self._city, self._chunk, self._look = renderer, city, chunk, look
        self._signs = place_signs(city, chunk.stream(2, chunk.first + start), PROP_ID)
        meshes = [body.mesh(number) for number, body in self._signs.bodies.items()]
        renderer.set_props(meshes, self._signs.shadows)

    def take(self, index: int) -> tuple[Image, tuple[LabeledObject, ...]]:
        rng = self._chunk.stream(3, self._chunk.first + index)
        shot = draw_shot(self._city, self._signs, self._look.camera_of(Camera()), rng)
        rendered = self._renderer.render(shot.view, shot.cars, ids=True)
        assert rendered.ids is not None
        bodies: dict[int, Body] = dict(self._signs.bodies)
        numbers = {i.name: n for n, i in self._renderer.instances.items() if i.kind == "car"}
        for car in shot.cars:
            bodies[numbers[car.id]] = upright(model_of(CAR), car.pose)
        objects = label(rendered.ids, shot.view, bodies)
        return apply_sensor(rendered.rgb, self._look, rng), objects


class _Scenes:
    """Scenes of one look: light and city stay; exposure, sky and all objects change."""

    def __init__(
        self, renderer: Renderer, city: City, chunk: Chunk, look: Look, start: int
    ) -> None:
        self._renderer, self._city, self._chunk, self._look = renderer, city, chunk, look
        self._classes = even_classes(chunk.stream(2, chunk.first + start))

    def take(self, index: int) -> tuple[Image, tuple[LabeledObject, ...]]:
        own = _look(self._chunk, index)
        look = replace(self._look, sky=own.sky, gains=own.gains, sensor=own.sensor, mount=own.mount)
        rng = self._chunk.stream(3, self._chunk.first + index)
        self._renderer.set_look(look)
        scene = draw_scene(self._city, look.camera_of(Camera()), self._classes, rng, PROP_ID)
        self._renderer.set_props(scene.meshes)
        rendered = self._renderer.render(scene.view, ids=True)
        assert rendered.ids is not None
        return apply_sensor(rendered.rgb, look, rng), label(rendered.ids, scene.view, scene.bodies)


class _Rooms:
    """Rooms of one look, with other furniture in each image, which holds nothing to label."""

    def __init__(
        self, renderer: Renderer, city: City, chunk: Chunk, look: Look, start: int
    ) -> None:
        del start
        self._renderer, self._city, self._chunk, self._look = renderer, city, chunk, look

    def take(self, index: int) -> tuple[Image, tuple[LabeledObject, ...]]:
        rng = self._chunk.stream(3, self._chunk.first + index)
        view, meshes = draw_room(self._city, self._look.camera_of(Camera()), rng)
        self._renderer.set_props(meshes)
        rendered = self._renderer.render(view)
        return apply_sensor(rendered.rgb, self._look, rng), ()


class _Painter(Protocol):
    """Renders the images of one look."""

    def take(self, index: int) -> tuple[Image, tuple[LabeledObject, ...]]: ...


PAINTERS: Final[Mapping[Kind, Callable[[Renderer, City, Chunk, Look, int], _Painter]]] = {
    "driven": _Streets,
    "scene": _Scenes,
    "room": _Rooms,
}


def _write(
    out: Path, chunk: Chunk, index: int, rgb: Image, objects: tuple[LabeledObject, ...]
) -> None:
    name = chunk.name(index)
    path = out / "JPEGImages" / f"{name}.jpg"
    if not write_picture(path, rgb, JPEG_QUALITY):
        raise DatasetError(f"image {str(path)!r} cannot be written.", "Is the disk full?")
    shown = chunk.first + index - (0 if chunk.kind == "scene" else index % PER_LOOK)
    source = {"look": f"{chunk.look_seed}:{shown}", "city": chunk.town}
    sky = _look(chunk, index).sky.file
    if sky is not None:
        source["sky"] = Path(sky).name
    if chunk.kind == "scene":
        source["scene"] = str(chunk.first + index)
    height, width = rgb.shape[:2]
    write_annotation(
        out / "Annotations" / f"{name}.xml",
        Annotation(path.name, width, height, objects, source),
    )
