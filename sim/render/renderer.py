"""The renderer: one city, one OpenGL context, any number of views.

Objects outside the rendered rows are culled, and the costly parts (meshes, paint map, panoramas) do
not depend on colors, so that a new look is cheap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Final

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from pixelopolis.city.model import City
from pixelopolis.city.road_layout import road_layout
from pixelopolis.city.signs import CAR
from pixelopolis.errors import RenderError
from sim.looks.look import MAX_LAMPS, Look
from sim.render.gl import gpu
from sim.render.gl.gpu import (
    CAR_RECORD,
    MAX_CARS,
    Arrays,
    Gpu,
    Target,
    bind_frame,
    draw_runs,
    read_rows,
)
from sim.render.gl.look_block import look_block, repainted
from sim.render.maps.ground import GroundArea, LineStyle, line_style, paint_map
from sim.render.maps.light import Shadow, light_map, sky_map
from sim.render.meshes.crowd import crowd_of
from sim.render.meshes.mesh import rgb_of
from sim.render.meshes.scenery import scenery_of
from sim.render.meshes.town import (
    Instance,
    Pieces,
    build_town,
    clutter_meshes,
    pieces_of,
    road_mesh,
)
from sim.render.sky.panorama_file import panorama_from
from sim.render.sky.sky import LOW_RAD, panorama, with_lamps
from sim.render.view import CarBody, View, bird_view, car_view

__all__ = ["CarBody", "Instance", "Rendered", "Renderer", "View", "bird_view", "car_view"]


MAX_PAINT_MAPS: Final = 4
"""Number of cached maps; those of the largest cities take 0.4 GB each."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """An image (h, w, 3) uint8, and the instance of each pixel (h, w) uint16, 0 for none."""

    rgb: NDArray[np.uint8]
    ids: NDArray[np.uint16] | None


@dataclass(frozen=True, slots=True)
class _Visible:
    """Runs of vertices (first, count) that a view may show, and the number of cars."""

    objects: list[tuple[int, int]]
    ground: list[tuple[int, int]]
    loose: list[tuple[Arrays, list[tuple[int, int]]]]
    cars: int


class Renderer:
    """Renders one city on the thread that made it; close it to free the context.

    Args:
        city: the city; sim.render.meshes.scenery generates its buildings.
        look: the initial look; see `set_look`.

    Raises:
        RenderError: this computer has no OpenGL 3.3.
    """

    def __init__(self, city: City, look: Look) -> None:
        self.city = city
        self._layout = road_layout(city)
        self._frame = GroundArea.around(self._layout.platform)
        self._town = build_town(city, self._layout, scenery_of(city))
        self._sky_shade = sky_map(self._frame, self._town.shadows)
        self._instances = dict(self._town.instances)
        self._car_ids: dict[str, int] = {}
        self._paint: dict[LineStyle, moderngl.Texture] = {}
        self._panoramas: dict[str, moderngl.Texture] = {}
        self._gpu = Gpu()
        try:
            self._road = self._gpu.road(road_mesh(self._layout))
            self._ground = self._gpu.arrays(self._town.ground, "ground")
            self._objects = self._gpu.arrays(self._town.objects, "object")
            self._clutter: tuple[Pieces, Arrays] | None = None
            self._props: tuple[Pieces, Arrays] | None = None
            self._props_shadows: tuple[Shadow, ...] = ()
            self._crowd_shadows: tuple[Shadow, ...] = ()
            self._sun_is_old = True
            shade = np.dstack([self._sky_shade] * 4)
            self._shade = self._gpu.texture(shade, mipmaps=False)
            self._look: Look | None = None
            self.set_look(look)
        except BaseException:
            self.close()
            raise

    @property
    def instances(self) -> Mapping[int, Instance]:
        """Meaning of instance ids; cars are added when they are first rendered."""
        return self._instances

    @property
    def driver(self) -> str:
        """Name of the OpenGL driver, such as llvmpipe."""
        return self._gpu.driver

    def close(self) -> None:
        """Free the context and its resources; idempotent."""
        self._gpu.close()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- looks ----------------------------------------------------------------------------------

    def set_look(self, look: Look) -> None:
        """Change the look. A new road style, line width or sky costs up to a second.

        Raises:
            RenderError: the renderer is closed, a panorama's file cannot be used, or there are too
                many lamps.
        """
        self._activate()
        before = self._look
        if before == look:
            return
        if len(look.lamps) > MAX_LAMPS:
            raise RenderError(
                f"expected at most {MAX_LAMPS} lamps in a look, found {len(look.lamps)}.",
                "Leave the weakest ones out.",
            )
        sky = look.sky.file or look.sky.kind
        if sky not in self._panoramas:
            drawn = panorama_from(Path(sky)) if look.sky.file else panorama(look.sky.kind)
            texture = self._gpu.texture(with_lamps(drawn))
            texture.repeat_x = True
            self._panoramas[sky] = texture
        self._paint_lines(look)
        if before is None or _changes(before, look, "light", "lamps", "people"):
            self._sun_is_old = True
        if before is None or _changes(before, look, "clutter", "people"):
            self._set_clutter(look)
        if before is None or _changes(before, look, "repaint", "repaint_seed", "lights_seed"):
            self._repaint(look)
        self._look = look
        self._colors = look_block(look, self.city.road.style, self._frame)

    def _paint_lines(self, look: Look) -> None:
        """Move a look's lines to the end of `_paint`, and drop the least recently used ones."""
        key = line_style(look, self.city.road.style)
        if key not in self._paint:
            if len(self._paint) >= MAX_PAINT_MAPS:
                self._paint.pop(next(iter(self._paint))).release()
            image = paint_map(self.city, self._layout, self._frame, key)
            self._paint[key] = self._gpu.texture(image)
        self._paint[key] = self._paint.pop(key)

    def _activate(self) -> None:
        if self._gpu.closed:
            raise RenderError("this renderer is closed.", "Make a new one.")
        self._gpu.activate()

    def set_props(self, meshes: Sequence[NDArray[np.void]], shadows: Sequence[Shadow] = ()) -> None:
        """Add objects to the city, replacing those added before.

        Args:
            meshes: arrays of `mesh.VERTEX`, in meters of the city; their ids are the caller's.
            shadows: the solids that cast their shadows.

        Raises:
            RenderError: the renderer is closed.
        """
        self._activate()
        self._props = self._exchange(self._props, pieces_of([m for m in meshes if len(m)]))
        if shadows or self._props_shadows:
            self._props_shadows = tuple(shadows)
            self._sun_is_old = True

    def _set_clutter(self, look: Look) -> None:
        meshes = clutter_meshes(self.city, look.clutter) if look.clutter.count else []
        crowd = crowd_of(look.people, self._layout.platform)
        self._crowd_shadows = tuple(s for person in crowd for s in person.shadows())
        self._clutter = self._exchange(
            self._clutter, pieces_of([*meshes, *(person.mesh() for person in crowd)])
        )

    def _exchange(
        self, old: tuple[Pieces, Arrays] | None, pieces: Pieces
    ) -> tuple[Pieces, Arrays] | None:
        if old is not None:
            old[1].release()
        return (pieces, self._gpu.arrays(pieces, "object")) if len(pieces.vertices) else None

    def _write_shade(self, look: Look) -> None:
        shadows = (*self._town.shadows, *self._props_shadows, *self._crowd_shadows)
        light = light_map(self._frame, look, self._sky_shade, shadows)
        self._shade.write(light.tobytes())
        self._sun_is_old = False

    def _repaint(self, look: Look) -> None:
        town = self._town
        painted = repainted(town.objects.vertices, town.slots, max(town.instances, default=0), look)
        self._objects.buffer.write(painted.tobytes())

    # --- pictures -------------------------------------------------------------------------------

    def render(self, view: View, cars: Sequence[CarBody] = (), ids: bool = False) -> Rendered:
        """Return the image of a view and, with `ids`, the instance of each pixel.

        Args:
            view: see `car_view`, `bird_view`.
            cars: all cars of the city; `view.hide_car` is left out.
            ids: also return instance ids, without antialiasing.

        Raises:
            RenderError: the renderer is closed.
        """
        self._activate()
        assert self._look is not None
        if self._sun_is_old:
            self._write_shade(self._look)
        target = self._gpu.target(view)
        in_town = self._look.beside is None
        visible = _Visible(
            objects=_runs(self._town.objects, view) if in_town else [],
            ground=_runs(self._town.ground, view) if in_town else [],
            loose=[
                (loose[1], _runs(loose[0], view))
                for loose in (self._clutter, self._props)
                if loose is not None
            ],
            cars=self._upload_cars(view, cars),
        )
        matrix = view.clip_matrix().T.ravel()
        eye = np.array([*view.eye_m, 0.0], dtype=np.float32)
        self._gpu.scene.write(np.concatenate([matrix, eye, self._colors]).tobytes())
        bind_frame(self._gpu.context, target.frame, view)
        self._draw(view, visible)
        if target.resolved is not target.frame:
            self._gpu.context.copy_framebuffer(target.resolved, target.frame)
        pixels = read_rows(target.resolved, view, 4, "f1")
        rgb = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), dtype=np.uint8)
        return Rendered(rgb, self._draw_ids(target, view, visible) if ids else None)

    def _upload_cars(self, view: View, cars: Sequence[CarBody]) -> int:
        shown = [car for car in cars if car.id != view.hide_car]
        if len(shown) > MAX_CARS:
            raise RenderError(
                f"expected at most {MAX_CARS} cars in a picture, found {len(shown)}.",
                "Pass only the cars near the camera.",
            )
        if shown:
            records = np.zeros(len(shown), CAR_RECORD)
            for record, car in zip(records, shown, strict=True):
                heading = car.pose.heading_rad
                record["pose"] = (car.pose.x_m, car.pose.y_m, math.cos(heading), math.sin(heading))
                record["colour"] = (*rgb_of(car.color), 1.0)
                record["id"] = self._car_id(car.id)
            self._gpu.cars.write(records.tobytes())
        return len(shown)

    def _car_id(self, name: str) -> int:
        if name not in self._car_ids:
            number = max(self._instances, default=0) + 1
            self._car_ids[name] = number
            self._instances[number] = Instance("car", name, CAR)
        return self._car_ids[name]

    def _draw(self, view: View, visible: _Visible) -> None:
        assert self._look is not None
        gl = self._gpu.context
        self._gpu.materials.use(gpu.MATERIALS_UNIT)
        next(reversed(self._paint.values())).use(gpu.PAINT_UNIT)
        self._shade.use(gpu.SHADE_UNIT)
        self._gpu.noise.use(gpu.NOISE_UNIT)
        self._panoramas[self._look.sky.file or self._look.sky.kind].use(gpu.PANORAMA_UNIT)
        # front to back, so that hidden pixels are not shaded: objects, ground, road, sky
        if visible.cars:
            self._gpu.car.color.render(instances=visible.cars)
        draw_runs(self._objects.color, visible.objects)
        for arrays, runs in visible.loose:
            draw_runs(arrays.color, runs)
        draw_runs(self._ground.color, visible.ground)
        self._road.render()
        if visible.cars:
            gl.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
            gl.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
            self._gpu.blob.render(moderngl.TRIANGLE_STRIP, instances=visible.cars)
        if _sees_sky(view):
            gl.enable_only(moderngl.DEPTH_TEST)
            self._gpu.dome.render()

    def _draw_ids(self, target: Target, view: View, visible: _Visible) -> NDArray[np.uint16]:
        bind_frame(self._gpu.context, target.ids, view)
        if visible.cars:
            self._gpu.car.ids.render(instances=visible.cars)
        draw_runs(self._objects.ids, visible.objects)
        for arrays, runs in visible.loose:
            draw_runs(arrays.ids, runs)
        draw_runs(self._ground.ids, visible.ground)
        return np.asarray(read_rows(target.ids, view, 1, "u2")[..., 0], dtype=np.uint16)


def _changes(before: Look, look: Look, *names: str) -> bool:
    return any(getattr(before, name) != getattr(look, name) for name in names)


def _runs(pieces: Pieces, view: View) -> list[tuple[int, int]]:
    """Return (first, count) of the vertices that may be visible; adjacent runs are joined."""
    seen = np.flatnonzero(view.sees_boxes(pieces.low_m, pieces.high_m))
    if not len(seen):
        return []
    first, end = pieces.first[seen], pieces.first[seen] + pieces.count[seen]
    cut = np.flatnonzero(first[1:] != end[:-1])
    starts = first[np.concatenate([[0], cut + 1])]
    ends = end[np.concatenate([cut, [len(seen) - 1]])]
    return list(zip(starts.tolist(), (ends - starts).tolist(), strict=True))


def _sees_sky(view: View) -> bool:
    """Return whether any rendered pixel looks above the panorama's lower edge."""
    corners = product((0, view.width_px), (0, view.rows))
    rays = [view.ray(x_px, y_px) for x_px, y_px in corners]
    return any(math.atan2(up, math.hypot(x, y)) > LOW_RAD for x, y, up in rays)
