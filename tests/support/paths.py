"""Folders of the project and of material beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
"""The project's folder."""
SHARED: Final = ROOT.parent / "shared"
"""Material beside the project; a test that needs it is skipped where it is missing."""
