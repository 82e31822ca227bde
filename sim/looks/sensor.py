"""A camera's lens and electronics: values of a look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sensor:
    """One camera's lens and electronics; the defaults change nothing.

    Angles are at the lens, so that a value means the same at every picture size.
    """

    noise_sigma: float = 0.0
    """Standard deviation of white noise, of 255."""
    blur_px: float = 0.0
    """Standard deviation of blur in pixels of the picture."""
    k1: float = 0.0
    """Radial distortion: r = r_seen / (1 + k1 r_seen²) in focal lengths, negative for a barrel
    (A. W. Fitzgibbon, Simultaneous linear estimation of multiple view geometry and lens
    distortion, CVPR 2001). Unlike a polynomial it holds out to the corners of a wide frame."""
    vignette: float = 0.0
    """Part of the light that is lost in the corners of the frame, by the square of the radius."""
    defocus_rad: float = 0.0
    """Standard deviation of a point's spread."""
    exposure_s: float = 0.0
    """How long the shutter is open: what moves meanwhile is smeared."""
    readout_s: float = 0.0
    """From the first row's exposure to the last one's (rolling shutter)."""
    drift: float = 0.0
    """Standard deviation of the natural logarithm of the gain, as auto exposure hunts."""
    flicker: float = 0.0
    """How far lamps on the mains darken and brighten bands of rows, part of the brightness."""
    flicker_hz: float = 100.0
    """Twice the mains' frequency."""
    shot_sigma: float = 0.0
    """Noise of light itself at full brightness, of 255; it goes with the root of brightness."""
    read_sigma: float = 0.0
    """Noise of the electronics, of 255, everywhere the same."""
    noise_grain: float = 0.0
    """Part of the noise that is blotches of some pixels, as demosaicing and denoising leave it."""
    gamma: float = 1.0
    """Exponent of the tone curve; below 1 lifts the shadows."""
    contrast: float = 0.0
    """How far the tone curve bends into an S; negative flattens it."""
    haze: float = 0.0
    """Light scattered over the whole picture by a dirty lens or against a window, of 1."""
    saturation: float = 1.0
    jpeg_quality: int | None = None
    """Of the camera's own compression; None: it sends raw pictures."""
