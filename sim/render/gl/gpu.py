"""GPU resources: programs, vertex arrays, textures and framebuffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import moderngl
import numpy as np
from numpy.typing import NDArray

from sim.render.gl.context import build_program, create_context
from sim.render.maps.ground import noise_map
from sim.render.meshes.car import car_mesh
from sim.render.meshes.materials import LAYER_PX, LAYERS, material_layers
from sim.render.meshes.town import Pieces
from sim.render.sky.sky import sky_dome
from sim.render.view import View

CAR_RECORD: Final = np.dtype([("pose", "<f4", 4), ("colour", "<f4", 4), ("id", "<u4")])
"""One car in the shaders' layout: x, y, cosine and sine of heading; color; instance id."""

MAX_CARS: Final = 256

SCENE_FLOATS: Final = 16 + 4 * 29
"""Size of the uniform block `Scene`."""

MATERIALS_UNIT, PAINT_UNIT, SHADE_UNIT, NOISE_UNIT, PANORAMA_UNIT = range(5)

_UNITS: Final = {
    "materials": MATERIALS_UNIT,
    "paint": PAINT_UNIT,
    "shade": SHADE_UNIT,
    "noise": NOISE_UNIT,
    "panorama": PANORAMA_UNIT,
}

_PROGRAMS: Final = {
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

_VERTEX_FORMAT: Final = "3f4 3f4 2f4 1f4 4f1 1u2 1u2"
_VERTEX_NAMES: Final = ("at", "normal", "uv", "layer", "tint", "slot", "id")
_CAR_NAMES: Final = ("car_pose", "car_colour", "car_id")


@dataclass(frozen=True, slots=True)
class Arrays:
    """One mesh, ready to be drawn in color and as ids."""

    buffer: moderngl.Buffer
    color: moderngl.VertexArray
    ids: moderngl.VertexArray

    def release(self) -> None:
        for part in (self.color, self.ids, self.buffer):
            part.release()


@dataclass(slots=True)
class Target:
    """Framebuffers for images of one size."""

    frame: moderngl.Framebuffer
    resolved: moderngl.Framebuffer
    """The same as `frame` unless that has several samples per pixel."""
    ids: moderngl.Framebuffer


class Gpu:
    """One OpenGL context with the resources that every city needs.

    Raises:
        RenderError: this computer has no OpenGL 3.3.
    """

    _current: Gpu | None = None
    """The one whose context is active; a process may have several, on one thread."""

    def __init__(self) -> None:
        self.context = create_context()
        Gpu._current = self
        self.closed = False
        self._targets: dict[tuple[int, int, int], Target] = {}
        self._programs = {key: self._program(*names) for key, names in _PROGRAMS.items()}
        self.scene = self.context.buffer(reserve=4 * SCENE_FLOATS)
        self.scene.bind_to_uniform_block(0)
        self.materials = self.context.texture_array(
            (LAYER_PX, LAYER_PX, LAYERS), 4, material_layers().tobytes()
        )
        _smooth(self.materials, repeat=True)
        self.noise = self.texture(noise_map(7), repeat=True)
        self.cars = self.context.buffer(reserve=MAX_CARS * CAR_RECORD.itemsize, dynamic=True)
        self.car = self._car_arrays()
        square = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], "<f4")
        self.blob = self.context.vertex_array(
            self._programs["blob"],
            [(self._buffer(square), "2f4", "corner"), (self.cars, "4f4 20x1 /i", "car_pose")],
        )
        self.dome = self.context.vertex_array(
            self._programs["sky"], [(self._buffer(sky_dome()), "3f4 2f4", "at", "uv")]
        )

    @property
    def driver(self) -> str:
        """Name of the OpenGL driver, such as llvmpipe."""
        return str(self.context.info["GL_RENDERER"])

    def activate(self) -> None:
        """Make this context the active one."""
        if Gpu._current is not self:
            self.context.__enter__()  # type: ignore[no-untyped-call]
            Gpu._current = self

    def close(self) -> None:
        """Free the context and its resources; idempotent."""
        if not self.closed:
            self.closed = True
            self.context.release()
            if Gpu._current is self:
                Gpu._current = None

    def texture(
        self, image: NDArray[np.uint8], repeat: bool = False, mipmaps: bool = True
    ) -> moderngl.Texture:
        """Return a texture of an image (h, w) or (h, w, channels), its first row at v = 0."""
        channels = image.shape[2] if image.ndim == 3 else 1
        size = (image.shape[1], image.shape[0])
        texture = self.context.texture(size, channels, image.tobytes(), alignment=1)
        if mipmaps:
            _smooth(texture, repeat)
        else:
            texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
            texture.repeat_x = texture.repeat_y = repeat
        return texture

    def road(self, triangles_m: NDArray[np.float32]) -> moderngl.VertexArray:
        """Return the vertex array of the road's plane (n, 3)."""
        content = [(self._buffer(triangles_m), "3f4", "at")]
        return self.context.vertex_array(self._programs["road"], content)

    def arrays(self, pieces: Pieces, program: str) -> Arrays:
        """Return the vertex arrays of a mesh for the program "ground" or "object"."""
        buffer = self._buffer(pieces.vertices)
        content = [(buffer, _VERTEX_FORMAT, *_VERTEX_NAMES)]
        color, ids = (
            self.context.vertex_array(self._programs[name], content, skip_errors=True)
            for name in (program, f"{program}_ids")
        )
        return Arrays(buffer, color, ids)

    def target(self, view: View) -> Target:
        """Return the framebuffers for a view, cached by size."""
        key = (view.width_px, view.height_px, view.samples)
        if key not in self._targets:
            gl, size = self.context, (view.width_px, view.height_px)
            plain = gl.framebuffer(gl.renderbuffer(size, 4), gl.depth_renderbuffer(size))
            frame = plain
            samples = min(view.samples, int(gl.max_samples))
            if samples > 1:
                frame = gl.framebuffer(
                    gl.renderbuffer(size, 4, samples=samples),
                    gl.depth_renderbuffer(size, samples=samples),
                )
            ids = gl.framebuffer(gl.renderbuffer(size, 1, dtype="u2"), gl.depth_renderbuffer(size))
            self._targets[key] = Target(frame, plain, ids)
        return self._targets[key]

    def _program(self, *names: str) -> moderngl.Program:
        program = build_program(self.context, *names)
        for name in program:
            member = program[name]
            if isinstance(member, moderngl.UniformBlock):
                member.binding = 0
            elif isinstance(member, moderngl.Uniform) and name in _UNITS:
                member.value = _UNITS[name]
        return program

    def _buffer(self, data: NDArray[np.generic]) -> moderngl.Buffer:
        return self.context.buffer(data.tobytes())

    def _car_arrays(self) -> Arrays:
        body = self._buffer(car_mesh())
        content = [
            (body, _VERTEX_FORMAT, *_VERTEX_NAMES),
            (self.cars, "4f4 4f4 1u4 /i", *_CAR_NAMES),
        ]
        color, ids = (
            self.context.vertex_array(self._programs[name], content, skip_errors=True)
            for name in ("car", "car_ids")
        )
        return Arrays(body, color, ids)


def _smooth(texture: moderngl.Texture | moderngl.TextureArray, repeat: bool) -> None:
    texture.build_mipmaps()
    # nearest mip level only: trilinear filtering doubles the cost under llvmpipe
    texture.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
    texture.repeat_x = texture.repeat_y = repeat


def bind_frame(context: moderngl.Context, frame: moderngl.Framebuffer, view: View) -> None:
    """Clear and bind a view's rows of a full-size frame.

    On a smaller frame, pixels would differ in their last bits from those of the whole image.
    """
    frame.use()
    frame.scissor = (0, 0, view.width_px, view.height_px)
    frame.clear(depth=1.0)
    frame.scissor = (0, view.top_px, view.width_px, view.rows)
    context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
    context.depth_func = "<="
    context.front_face = "cw"  # images are drawn top row first, which mirrors them


def read_rows(frame: moderngl.Framebuffer, view: View, components: int, dtype: str) -> NDArray[Any]:
    """Return a copy of the view's rows of a frame, (rows, width, components)."""
    viewport = (0, view.top_px, view.width_px, view.rows)
    data = frame.read(viewport, components, dtype=dtype, alignment=1)
    kind = np.uint8 if dtype == "f1" else np.uint16
    return np.frombuffer(data, kind).reshape(view.rows, view.width_px, components)


def draw_runs(array: moderngl.VertexArray, runs: list[tuple[int, int]]) -> None:
    """Draw (first, count) vertices of each run."""
    for first, count in runs:
        array.render(moderngl.TRIANGLES, vertices=count, first=first)
