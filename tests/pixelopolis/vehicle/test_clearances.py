"""A cleared place is no longer covered by the car's body."""

from pixelopolis.geometry import Pose
from pixelopolis.vehicle.bodies import bodies_touch, body_corners
from pixelopolis.vehicle.clearances import (
    CLEAR_OF_EDGE_M,
    CLEAR_OF_JUNCTION_M,
    EDGE_MARGIN_M,
    JUNCTION_MARGIN_M,
)

END = Pose(0.0, 0.0, 0.0)


def test_a_car_that_has_cleared_an_edge_is_not_touched_by_the_next_one_at_its_end() -> None:
    assert not bodies_touch(END, END.ahead(CLEAR_OF_EDGE_M))
    assert not bodies_touch(END, END.ahead(CLEAR_OF_EDGE_M - 0.99 * EDGE_MARGIN_M))
    assert bodies_touch(END, END.ahead(CLEAR_OF_EDGE_M - 1.01 * EDGE_MARGIN_M))


def test_a_car_that_has_cleared_a_junction_has_its_body_beyond_it() -> None:
    rear_m = min(x for x, _ in body_corners(END.ahead(CLEAR_OF_JUNCTION_M)))
    assert 0.0 < rear_m <= JUNCTION_MARGIN_M + 1e-9
