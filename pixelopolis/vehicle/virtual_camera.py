"""The frame format of a virtual camera on its Unix socket, for car and simulator.

A header (magic, width, height, channels, capture time in monotonic seconds), then
height * width * channels bytes of RGB.
"""

from __future__ import annotations

import struct
from typing import Final

HEADER: Final = struct.Struct("<4sIIId")
MAGIC: Final = b"PXF1"
