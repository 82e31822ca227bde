from __future__ import annotations

import re

from pixelopolis.vehicle.paint import PAINTS, paint_of


def test_the_cars_of_a_town_have_colors_of_their_own_until_there_are_no_more() -> None:
    names = [paint_of(f"car{number}").name for number in range(1, len(PAINTS) + 2)]
    assert names == [*(paint.name for paint in PAINTS), PAINTS[0].name]
    assert len({paint.rgb for paint in PAINTS}) == len(PAINTS)
    assert all(re.fullmatch("#[0-9a-f]{6}", paint.rgb) for paint in PAINTS)


def test_any_serial_has_the_same_color_every_time() -> None:
    for serial in ("", "left-wagon", "car0", "car" + "9" * 40, "赤"):
        assert paint_of(serial) == paint_of(serial)
        assert paint_of(serial) in PAINTS
