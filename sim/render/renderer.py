"""The renderer: one town, one OpenGL context, any number of views.

Nothing is drawn that the rendered rows cannot show, and the costly parts (meshes, paint map,
panoramas) do not depend on colours, so that a new look is nearly free.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from pixelopolis.city import City
from pixelopolis.roads import road_layout
from sim.looks import Look, SkyKind
from sim.render.car_model import car_mesh
from sim.render.context import build_program, create_context
from sim.render.ground import Frame, noise_map, paint_map, shade_map
from sim.render.materials import LAYER_PX, LAYERS, material_layers
from sim.render.mesh import rgb_of
from sim.render.sky import LOW_RAD, panorama, sky_dome
from sim.render.town import Instance, Pieces, build_town, clutter_mesh, road_mesh
from sim.render.view import CarBody, View, bird_view, car_view
from sim.scenery import scenery_of

__all__ = ["CarBody", "Instance", "Rendered", "Renderer", "View", "bird_view", "car_view"]

_CAR = np.dtype([("pose", "<f4", 4), ("colour", "<f4", 4), ("id", "<u4")])
_LAYOUT = "3f4 3f4 2f4 1f4 4f1 1u2 1u2"
_MAX_CARS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A picture (h, w, 3) uint8, and which instance each pixel shows (h, w) uint16, 0 for none."""

    rgb: NDArray[np.uint8]
    ids: NDArray[np.uint16] | None


@dataclass(slots=True)
class _Target:
    frame: moderngl.Framebuffer
    resolved: moderngl.Framebuffer
    pixels: NDArray[np.uint8]
    ids: moderngl.Framebuffer | None = None


class Renderer:
    """Renders one town on the thread that made it; close it to free the context.

    Args:
        city: the town; what stands in it comes from sim.scenery.
        look: how it looks; change it with `set_look`.

    Raises:
        RenderError: when this machine has no OpenGL 3.3.
    """

    def __init__(self, city: City, look: Look) -> None:
        self.city = city
        self._layout = road_layout(city)
        self._frame = Frame.around(self._layout.platform)
        self._town = build_town(city, self._layout, scenery_of(city))
        self._instances = dict(self._town.instances)
        self._car_ids: dict[str, int] = {}
        self._targets: dict[tuple[int, int, int], _Target] = {}
        self._paint: dict[str, moderngl.Texture] = {}
        self._panoramas: dict[SkyKind, moderngl.Texture] = {}
        self._look: Look | None = None
        self._gl = create_context()
        try:
            self._make_programs()
            self._make_buffers()
            self.set_look(look)
        except BaseException:
            self.close()
            raise

    @property
    def instances(self) -> Mapping[int, Instance]:
        """What the ids of pictures stand for; cars are added when they are first rendered."""
        return self._instances

    @property
    def driver(self) -> str:
        """Name of the OpenGL driver, such as llvmpipe."""
        return str(self._gl.info["GL_RENDERER"])

    def close(self) -> None:
        """Free the context and all that it holds; again is harmless."""
        context = getattr(self, "_gl", None)
        if context is not None and not isinstance(context.mglo, moderngl.InvalidObject):
            context.gc_mode = None
            context.release()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- set-up ---------------------------------------------------------------------------------

    def _make_programs(self) -> None:
        gl = self._gl
        names = {
            "road": ("ROAD",),
            "ground": ("GROUND",),
            "object": ("OBJECT",),
            "car": ("OBJECT", "CAR"),
            "blob": ("BLOB",),
            "sky": ("SKY",),
            "ground_ids": ("GROUND", "IDS"),
            "object_ids": ("OBJECT", "IDS"),
            "car_ids": ("OBJECT", "CAR", "IDS"),
        }
        self._programs = {key: build_program(gl, *parts) for key, parts in names.items()}
        units = {"materials": 0, "paint": 1, "shade": 2, "noise": 3, "panorama": 4}
        for program in self._programs.values():
            for name, unit in units.items():
                if name in program:
                    program[name].value = unit
            program["Scene"].binding = 0

    def _make_buffers(self) -> None:
        gl = self._gl
        self._scene = gl.buffer(reserve=4 * (16 + 4 * 15))
        self._scene.bind_to_uniform_block(0)
        materials = material_layers()
        self._materials = gl.texture_array((LAYER_PX, LAYER_PX, LAYERS), 4, materials.tobytes())
        self._filter(self._materials, repeat=True)
        noise = noise_map(7)
        self._noise = gl.texture((noise.shape[1], noise.shape[0]), 2, noise.tobytes())
        self._filter(self._noise, repeat=True)
        width, height = self._frame.size_px(0.008, 2048)
        self._shade = gl.texture((width, height), 2)
        self._shade.filter = (moderngl.LINEAR, moderngl.LINEAR)
        self._shade.repeat_x = self._shade.repeat_y = False

        road = gl.buffer(road_mesh(self._layout).tobytes())
        self._road = gl.vertex_array(self._programs["road"], [(road, "3f4", "at")])

        self._ground = self._vertex_arrays(self._town.ground, "ground")
        self._objects = self._vertex_arrays(self._town.objects, "object")
        self._clutter: Pieces | None = None
        self._clutter_arrays: dict[str, moderngl.VertexArray] = {}

        dome = sky_dome()
        self._sky = gl.vertex_array(
            self._programs["sky"], [(gl.buffer(dome.tobytes()), "3f4 2f4", "at", "uv")]
        )
        body = gl.buffer(car_mesh().tobytes())
        self._cars = gl.buffer(reserve=_MAX_CARS * _CAR.itemsize, dynamic=True)
        each = (self._cars, "4f4 4f4 1u4 /i", "car_pose", "car_colour", "car_id")
        names = ("at", "normal", "uv", "layer", "tint", "slot", "id")
        self._car_arrays = {
            key: gl.vertex_array(
                self._programs[program], [(body, _LAYOUT, *names), each], skip_errors=True
            )
            for key, program in (("rgb", "car"), ("ids", "car_ids"))
        }
        square = gl.buffer(np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], "<f4").tobytes())
        self._blobs = gl.vertex_array(
            self._programs["blob"],
            [(square, "2f4", "corner"), (self._cars, "4f4 20x1 /i", "car_pose")],
        )

    def _vertex_arrays(self, pieces: Pieces, program: str) -> dict[str, moderngl.VertexArray]:
        buffer = self._gl.buffer(pieces.vertices.tobytes())
        if pieces is self._town.objects:
            self._object_buffer = buffer
        names = ("at", "normal", "uv", "layer", "tint", "slot", "id")
        return {
            key: self._gl.vertex_array(
                self._programs[name], [(buffer, _LAYOUT, *names)], skip_errors=True
            )
            for key, name in (("rgb", program), ("ids", f"{program}_ids"))
        }

    def _filter(self, texture: moderngl.Texture | moderngl.TextureArray, repeat: bool) -> None:
        texture.build_mipmaps()
        texture.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = repeat

    # --- looks ----------------------------------------------------------------------------------

    def set_look(self, look: Look) -> None:
        """Change the look. A road style or sky seen for the first time costs up to a second."""
        before = self._look
        if before == look:
            return
        style = look.road_style(self.city.road.style)
        if style not in self._paint:
            image = paint_map(self.city, self._layout, self._frame, style)
            texture = self._gl.texture((image.shape[1], image.shape[0]), 4, image.tobytes())
            self._filter(texture, repeat=False)
            self._paint[style] = texture
        if look.sky.kind not in self._panoramas:
            sky = panorama(look.sky.kind)
            texture = self._gl.texture((sky.shape[1], sky.shape[0]), 3, sky.tobytes())
            self._filter(texture, repeat=False)
            texture.repeat_x = True
            self._panoramas[look.sky.kind] = texture
        if before is None or before.light != look.light:
            shade = shade_map(self._frame, look.light, self._town.shadows)
            self._shade.write(shade.tobytes())
        if before is None or before.clutter != look.clutter:
            self._set_clutter(look)
        if (before is not None and (before.repaint, before.repaint_seed) != (
            look.repaint,
            look.repaint_seed,
        )) or (before is None and look.repaint > 0):
            self._repaint(look)
        self._look = look
        self._uniforms = self._look_uniforms(look)

    def _set_clutter(self, look: Look) -> None:
        for array in self._clutter_arrays.values():
            array.release()
        self._clutter, self._clutter_arrays = None, {}
        if look.clutter.count > 0:
            pieces = clutter_mesh(self.city, look.clutter)
            if len(pieces.vertices):
                self._clutter = pieces
                self._clutter_arrays = self._vertex_arrays(pieces, "object")

    def _repaint(self, look: Look) -> None:
        """Give every paint pot of buildings and plants a colour of its own."""
        rng = np.random.default_rng([look.repaint_seed, 2])
        gains = 1 + look.repaint * rng.uniform(-0.4, 0.25, (self._town.slots, 3))
        gains[0] = 1.0
        vertices = self._town.objects.vertices.copy()
        plain = vertices["colour"][:, :3]
        vertices["colour"][:, :3] = np.clip(plain * gains[vertices["slot"]], 0, 255)
        self._object_buffer.write(vertices.tobytes())

    def _look_uniforms(self, look: Look) -> NDArray[np.float32]:
        colours = look.road_colours(self.city.road.style)
        light, ground, frame = look.light, look.ground, self._frame
        flat = math.cos(light.elevation_rad)
        sun = (
            flat * math.cos(light.azimuth_rad),
            flat * math.sin(light.azimuth_rad),
            math.sin(light.elevation_rad),
        )
        rows = [
            (*sun, light.sun_share),
            (*light.sun_rgb, 0),
            (*light.sky_rgb, 0),
            (*look.gains, look.sky.exposure),
            (*colours.surface, colours.grain),
            (*colours.left, look.road.wear),
            (*colours.right, 0),
            (*colours.divider, 0),
            (*ground.kerb, 0),
            (*ground.pavement, 0),
            (*ground.lawn, 0),
            (*ground.floor, 0),
            (frame.x_m, frame.y_m, 1 / frame.width_m, 1 / frame.depth_m),
            (look.sky.rotation_rad / (2 * math.pi), 0, 0, 0),
        ]
        return np.array(rows, dtype="<f4").ravel()

    # --- pictures -------------------------------------------------------------------------------

    def render(self, view: View, cars: Sequence[CarBody] = (), ids: bool = False) -> Rendered:
        """Return the picture of a view, and with `ids` the instance that each pixel shows.

        Args:
            view: see `car_view`, `bird_view`.
            cars: all cars of the town; `view.hide_car` is left out.
            ids: also return instance ids (their edges are never smoothed).
        """
        assert self._look is not None
        target = self._target(view)
        shown = self._upload_cars(view, cars)
        matrix = view.clip_matrix().T.astype("<f4").ravel()
        eye = np.array([*view.eye_m, 0.0], dtype="<f4")
        self._scene.write(np.concatenate([matrix, eye, self._uniforms]).tobytes())
        seen = {
            "object": self._runs(self._town.objects, view),
            "ground": self._runs(self._town.ground, view),
            "clutter": self._runs(self._clutter, view) if self._clutter else [],
        }
        self._bind(target.frame, view)
        self._draw_scene(view, seen, shown)
        if target.resolved is not target.frame:
            self._gl.copy_framebuffer(target.resolved, target.frame)
        target.resolved.read_into(target.pixels, components=4)
        rgb = np.asarray(cv2.cvtColor(target.pixels, cv2.COLOR_RGBA2RGB), dtype=np.uint8)
        return Rendered(rgb, self._draw_ids(target, view, seen, shown) if ids else None)

    def _target(self, view: View) -> _Target:
        key = (view.width_px, view.rows, view.samples)
        if key not in self._targets:
            gl, size = self._gl, (view.width_px, view.rows)
            plain = gl.framebuffer(gl.renderbuffer(size, 4), gl.depth_renderbuffer(size))
            frame = plain
            if view.samples > 1:
                most = min(view.samples, int(gl.max_samples))
                frame = gl.framebuffer(
                    gl.renderbuffer(size, 4, samples=most),
                    gl.depth_renderbuffer(size, samples=most),
                )
            pixels = np.empty((view.rows, view.width_px, 4), np.uint8)
            self._targets[key] = _Target(frame, plain, pixels)
        return self._targets[key]

    def _bind(self, frame: moderngl.Framebuffer, view: View) -> None:
        """Draw on a frame that holds only some rows of the whole picture."""
        frame.use()
        frame.viewport = (0, -view.top_px, view.width_px, view.height_px)
        self._gl.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._gl.depth_func = "<="
        self._gl.front_face = "cw"  # pictures are drawn top row first, which mirrors them
        frame.clear(depth=1.0)

    def _upload_cars(self, view: View, cars: Sequence[CarBody]) -> int:
        shown = [car for car in cars if car.id != view.hide_car][:_MAX_CARS]
        if shown:
            records = np.zeros(len(shown), _CAR)
            for record, car in zip(records, shown, strict=True):
                heading = car.pose.heading_rad
                record["pose"] = (car.pose.x_m, car.pose.y_m, math.cos(heading), math.sin(heading))
                record["colour"] = (*rgb_of(car.colour), 1.0)
                record["id"] = self._car_id(car.id)
            self._cars.write(records.tobytes())
        return len(shown)

    def _car_id(self, name: str) -> int:
        if name not in self._car_ids:
            number = max(self._instances, default=0) + 1
            self._car_ids[name] = number
            self._instances[number] = Instance("car", name, "Car")
        return self._car_ids[name]

    def _runs(self, pieces: Pieces, view: View) -> list[tuple[int, int]]:
        """Return (first, count) of the vertices that may show, neighbours joined."""
        seen = np.flatnonzero(view.sees_boxes(pieces.low_m, pieces.high_m))
        if not len(seen):
            return []
        first, end = pieces.first[seen], pieces.first[seen] + pieces.count[seen]
        cut = np.flatnonzero(first[1:] != end[:-1])
        starts = first[np.concatenate([[0], cut + 1])]
        ends = end[np.concatenate([cut, [len(seen) - 1]])]
        return list(zip(starts.tolist(), (ends - starts).tolist(), strict=True))

    def _draw_scene(self, view: View, seen: dict[str, list[tuple[int, int]]], cars: int) -> None:
        assert self._look is not None
        gl = self._gl
        self._materials.use(0)
        self._paint[self._look.road_style(self.city.road.style)].use(1)
        self._shade.use(2)
        self._noise.use(3)
        self._panoramas[self._look.sky.kind].use(4)
        # front to back, so that what is hidden is not shaded: objects, ground, road, sky
        if cars:
            self._car_arrays["rgb"].render(instances=cars)
        _draw(self._objects["rgb"], seen["object"])
        _draw(self._clutter_arrays.get("rgb"), seen["clutter"])
        _draw(self._ground["rgb"], seen["ground"])
        self._road.render()
        if cars:
            gl.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
            gl.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
            self._blobs.render(moderngl.TRIANGLE_STRIP, instances=cars)
        if _sees_sky(view):
            gl.enable_only(moderngl.DEPTH_TEST)
            self._sky.render()

    def _draw_ids(
        self, target: _Target, view: View, seen: dict[str, list[tuple[int, int]]], cars: int
    ) -> NDArray[np.uint16]:
        size = (view.width_px, view.rows)
        if target.ids is None:
            texture = self._gl.texture(size, 1, dtype="u2")
            target.ids = self._gl.framebuffer(texture, self._gl.depth_renderbuffer(size))
        self._bind(target.ids, view)
        target.ids.clear(depth=1.0)
        if cars:
            self._car_arrays["ids"].render(instances=cars)
        _draw(self._objects["ids"], seen["object"])
        _draw(self._clutter_arrays.get("ids"), seen["clutter"])
        _draw(self._ground["ids"], seen["ground"])
        data = target.ids.read(components=1, dtype="u2", alignment=1)
        return np.frombuffer(data, "<u2").reshape(view.rows, view.width_px)


def _draw(array: Any, runs: list[tuple[int, int]]) -> None:
    for first, count in runs:
        array.render(moderngl.TRIANGLES, vertices=count, first=first)


def _sees_sky(view: View) -> bool:
    """Tell whether any rendered pixel looks above the panorama's lower edge."""
    right, down, forward = view.axes
    for x in (-0.5, 0.5):
        for y in (view.top_px, view.bottom_px):
            ray = (
                forward * view.focal_px
                + right * x * view.width_px
                + down * (y - view.height_px / 2)
            )
            if math.atan2(ray[2], math.hypot(ray[0], ray[1])) > LOW_RAD:
                return True
    return False
