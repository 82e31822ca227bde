"""The texture array: plain paint, ground, facades, roofs and the sign boards.

Each layer is 256 x 256 RGBA, bottom row first. Alpha is the share of the object's own paint: walls
take the building's color, windows keep theirs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import resvg_py
from numpy.typing import NDArray

from pixelopolis.city.signs import LIGHTS, SIGN_CLASSES, sign_svg

LAYER_PX: Final = 256


def rasterize(svg: str, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Return an SVG as (h, w, 4) RGBA uint8, first row at the top, alpha not premultiplied."""
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=width_px, height=height_px, skip_system_fonts=True
    )
    image = cv2.imdecode(np.frombuffer(bytes(png), np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.shape != (height_px, width_px, 4):
        raise ValueError(f"an SVG did not become a {width_px} x {height_px} picture")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA), dtype=np.uint8)


PLAIN, PAVING, GRASS, FLOOR, ROOF, TILES = range(6)
FACADES: Final = tuple(range(6, 12))
SHOP, TEMPLE, LATTICE, STRIPES = range(12, 16)
FIRST_SIGN: Final = 16
FIRST_LIGHT: Final = FIRST_SIGN + len(SIGN_CLASSES)
"""Traffic lights have one layer for each state, in the order of `LIGHTS`."""
LAYERS: Final = FIRST_LIGHT + len(LIGHTS)


def sign_layer(sign_class: str) -> int:
    """Return the layer of a board's artwork; a traffic light shows green."""
    if sign_class == "Traffic_light":
        return FIRST_LIGHT
    return FIRST_SIGN + SIGN_CLASSES.index(sign_class)


@lru_cache(maxsize=1)
def material_layers() -> NDArray[np.uint8]:
    """Return all layers, (LAYERS, 256, 256, 4) uint8, bottom row first."""
    layers = np.full((LAYERS, LAYER_PX, LAYER_PX, 4), 255, np.uint8)
    drawn = {PAVING: _paving(), ROOF: _gravel(), TILES: _tiles(), SHOP: _shop()}
    drawn |= {TEMPLE: _temple(), LATTICE: _lattice(), STRIPES: _stripes()}
    drawn |= dict(zip(FACADES, _facades(), strict=True))
    for layer, body in drawn.items():
        layers[layer] = _tinted(body)
    layers[GRASS] = _speckled(np.random.default_rng(11), 0.13, 1.2)
    layers[FLOOR] = _boards()
    boards = [sign_svg(sign_class) for sign_class in SIGN_CLASSES]
    boards += [sign_svg("Traffic_light", light) for light in LIGHTS]
    for layer, board in enumerate(boards, start=FIRST_SIGN):
        layers[layer, ..., :3] = rasterize(board, LAYER_PX, LAYER_PX)[::-1, :, :3]
        layers[layer, ..., 3] = 0
    layers.setflags(write=False)
    return layers


def _tinted(body: str) -> NDArray[np.uint8]:
    """Return a layer of SVG shapes, which keep their colors, on bare wall."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{body}</svg>'
    image = rasterize(svg, LAYER_PX, LAYER_PX)[::-1].astype(np.float32)
    cover = image[..., 3:] / 255
    layer = np.empty_like(image)
    layer[..., :3] = image[..., :3] * cover + 255 * (1 - cover)
    layer[..., 3] = 255 * (1 - cover[..., 0])
    return np.round(layer).astype(np.uint8)


def _rect(x: float, y: float, w: float, h: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}" {more}/>'


def _window(x: float, y: float, w: float, h: float, glass: str, bars: int = 1) -> str:
    """Return a window: frame, glass with a paler reflection, bars, and a sill's shadow."""
    body = _rect(x - 2, y - 2, w + 4, h + 4, "#f6f3ea")
    body += _rect(x, y, w, h, glass) + _rect(x, y, w, h * 0.38, "#ffffff", 'opacity="0.22"')
    step = w / (bars + 1)
    for k in range(bars):
        body += _rect(x + step * (k + 1) - 0.8, y, 1.6, h, "#f6f3ea")
    return body + _rect(x - 4, y + h + 2, w + 8, 2.5, "#000000", 'opacity="0.28"')


def _facades() -> list[str]:
    """Return walls with 2 x 2 windows a tile (one with ribbons, one of glass)."""
    cells = [(0, 0), (50, 0), (0, 50), (50, 50)]
    plain = "".join(_window(x + 13, y + 11, 24, 26, "#3d5a73") for x, y in cells)
    tall = "".join(_window(x + 15, y + 7, 20, 34, "#46637a", 0) for x, y in cells)
    lit = ("#ffd98a", "#50687c", "#50687c", "#7d97a8")
    mixed = "".join(
        _window(x + 10, y + 13, 30, 22, glass, 2) for (x, y), glass in zip(cells, lit, strict=True)
    )
    ribbons = "".join(
        _rect(0, y + 12, 100, 24, "#4a6d86")
        + _rect(0, y + 12, 100, 8, "#ffffff", 'opacity="0.25"')
        + "".join(_rect(x, y + 12, 1.6, 24, "#e8eef0") for x in (0, 25, 50, 75))
        + _rect(0, y + 36, 100, 2.5, "#000000", 'opacity="0.25"')
        for y in (0, 50)
    )
    glass = _rect(0, 0, 100, 100, "#5d8fae", 'opacity="0.75"') + "".join(
        _rect(x, 0, 1.5, 100, "#dfe9ee") for x in (0, 25, 50, 75)
    )
    glass += "".join(_rect(0, y, 100, 2.2, "#dfe9ee") for y in (0, 25, 50, 75))
    glass += '<path d="M0 100L60 0H85L25 100z" fill="#ffffff" opacity="0.16"/>'
    bricks = "".join(
        _rect((x + 12.5 * (row % 2)) % 100, row * 6.25, 24.4, 5.6, "#000000", f'opacity="{o}"')
        for row in range(16)
        for x, o in ((0, 0.05), (25, 0.10), (50, 0.03), (75, 0.08))
    )
    bricks += "".join(_window(x + 14, y + 10, 22, 28, "#3c5266") for x, y in cells)
    return [plain, tall, mixed, ribbons, glass, bricks]


def _paving() -> str:
    shades = np.random.default_rng(5).uniform(0.0, 0.09, 32)
    slabs = "".join(
        _rect(k % 4 * 25 + 0.4, k // 4 * 12.5 + 0.4, 24.2, 11.7, "#000000", f'opacity="{o:.3f}"')
        for k, o in enumerate(shades.tolist())
    )
    return slabs + '<path d="M0 0H100V100H0z" fill="#000000" opacity="0.02"/>'


def _gravel() -> str:
    return _rect(0, 0, 100, 100, "#000000", 'opacity="0.12"') + "".join(
        _rect(x, y, 1.5, 1.5, "#000000", 'opacity="0.18"')
        for x, y in np.random.default_rng(6).uniform(0, 98, (150, 2)).tolist()
    )


def _tiles() -> str:
    rows = "".join(_rect(0, 12.5 * k, 100, 3, "#000000", 'opacity="0.30"') for k in range(8))
    return rows + "".join(_rect(20 * k, 0, 2, 100, "#000000", 'opacity="0.14"') for k in range(5))


def _shop() -> str:
    """Return one shop front a tile: awning, window, door."""
    stripes = "".join(
        f'<path d="M{x} 8h12.500v20q-6.25 8-12.5 0z" fill="{c}"/>'
        for x, c in zip(np.arange(0, 100, 12.5).tolist(), ["#d8413a", "#fbf7ee"] * 4, strict=True)
    )
    return (
        _rect(6, 34, 54, 48, "#f6f3ea")
        + _rect(9, 37, 48, 42, "#52748a")
        + '<path d="M9 79L45 37H57L21 79z" fill="#fff" opacity="0.25"/>'
        + _rect(68, 34, 24, 66, "#5b3b26")
        + _rect(72, 39, 16, 30, "#6f97ab")
        + _rect(0, 28, 100, 10, "#000000", 'opacity="0.2"')
        + stripes
    )


def _temple() -> str:
    """Return a colonnade: columns before a shaded wall."""
    columns = "".join(
        _rect(x + 6, 0, 13, 100, "#fbf6e9")
        + _rect(x + 15, 0, 4, 100, "#000000", 'opacity="0.16"')
        + _rect(x + 4, 0, 17, 6, "#fbf6e9")
        + _rect(x + 4, 94, 17, 6, "#fbf6e9")
        for x in (0, 25, 50, 75)
    )
    return _rect(0, 0, 100, 100, "#5d5346") + columns


def _lattice() -> str:
    """Return steel lattice; what shows between the bars is dark."""
    holes = "".join(
        f'<path d="M{x} {y + 7}l18 18-18 18zM{x + 50} {y + 7}l-18 18 18 18z'
        f'M{x + 7} {y}h36L{x + 25} {y + 18}zM{x + 7} {y + 50}h36L{x + 25} {y + 32}z"/>'
        for x in (0, 50)
        for y in (0, 50)
    )
    return f'<g fill="#3b1c14" opacity="0.72">{holes}</g>'


def _stripes() -> str:
    return _rect(0, 0, 50, 100, "#fbf7ee")


def _speckled(rng: np.random.Generator, depth: float, blur_px: float) -> NDArray[np.uint8]:
    noise = rng.normal(0.0, 1.0, (LAYER_PX, LAYER_PX, 1)).astype(np.float32)
    soft = cv2.GaussianBlur(np.tile(noise, (3, 3, 1)), (0, 0), blur_px)
    soft = soft[LAYER_PX : 2 * LAYER_PX, LAYER_PX : 2 * LAYER_PX, None]
    value = np.clip(0.90 + depth * 0.5 * (soft / soft.std() * 0.6 + noise * 0.4), 0, 1)
    layer = np.full((LAYER_PX, LAYER_PX, 4), 255, np.uint8)
    layer[..., :3] = np.round(255 * value)
    return layer


def _boards() -> NDArray[np.uint8]:
    """Return floor boards, eight a tile, each of its own shade."""
    rng = np.random.default_rng(21)
    layer = _speckled(rng, 0.04, 3.0).astype(np.float32)
    width = LAYER_PX // 8
    for k in range(8):
        rows = slice(k * width, (k + 1) * width)
        cut = int(rng.integers(LAYER_PX))
        layer[rows, :cut, :3] *= rng.uniform(0.86, 1.0)
        layer[rows, cut:, :3] *= rng.uniform(0.86, 1.0)
        layer[k * width, :, :3] *= 0.72
        layer[rows, cut, :3] *= 0.72
    return np.round(layer).astype(np.uint8)
