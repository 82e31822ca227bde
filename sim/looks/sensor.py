"""Lens and electronics of a look's camera."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sensor:
    """Lens and electronics of a camera; the defaults have no effect.

    Angles are at the lens, so that values mean the same at every image size.
    """

    noise_sigma: float = 0.0
    """Standard deviation of white noise, of 255."""
    blur_px: float = 0.0
    """Standard deviation of the blur in pixels of the image."""
    k1: float = 0.0
    """Radial distortion: r = r_seen / (1 + k1 r_seen²) in focal lengths, negative for a barrel
    (A. W. Fitzgibbon, Simultaneous linear estimation of multiple view geometry and lens
    distortion, CVPR 2001). Unlike a polynomial it holds out to the corners of a wide frame."""
    vignette: float = 0.0
    """Share of light lost in the corners of the frame; it grows with the square of the radius."""
    defocus_rad: float = 0.0
    """Standard deviation of the point spread."""
    exposure_s: float = 0.0
    """Exposure time, which causes motion blur."""
    readout_s: float = 0.0
    """Time from the first row's exposure to the last one's (rolling shutter)."""
    drift: float = 0.0
    """Standard deviation of the natural logarithm of the auto exposure's gain."""
    flicker: float = 0.0
    """Amplitude of mains flicker in bands of rows, as a share of the brightness."""
    flicker_hz: float = 100.0
    """Twice the mains frequency."""
    shot_sigma: float = 0.0
    """Shot noise at full brightness, of 255; it grows with the root of the brightness."""
    read_sigma: float = 0.0
    """Read noise, of 255."""
    noise_grain: float = 0.0
    """Share of the noise in blotches of some pixels, as demosaicing and denoising leave."""
    gamma: float = 1.0
    """Exponent of the tone curve; below 1 lifts the shadows."""
    contrast: float = 0.0
    """Strength of the S shape of the tone curve; negative flattens it."""
    haze: float = 0.0
    """Stray light over the whole image, of 1, from a dirty lens or a window."""
    saturation: float = 1.0
    resolution: float = 1.0
    """Share of an image's own resolution that the camera has; the rest is interpolated."""
    cut: tuple[float, float] = (0.0, 0.0)
    """Shares of the last row, from its left and right end, that a photograph does not show: the
    nearest pixel that it shows is repeated there. They shrink to 0 at the first row."""
    jpeg_quality: int | None = None
    """Quality of the camera's own compression; None: raw images."""
