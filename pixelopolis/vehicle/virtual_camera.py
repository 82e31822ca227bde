"""The frames that a virtual camera sends over a Unix socket, for the car and the simulator.

A header (magic, width, height, channels, capture time in monotonic seconds), then
height * width * channels bytes of RGB.
"""

from __future__ import annotations

import struct
from typing import Final

HEADER: Final = struct.Struct("<4sIIId")
MAGIC: Final = b"PXF1"
