"""The orders of `cases/`, with the results in its table."""

from __future__ import annotations

import re

import pytest

from tests.support.vda5050_car import CASES, a_car, about, case, only_error, says

RIGHT = dict(
    re.findall(r"^\| (order_\w+\.json) \| (.*) \|$", (CASES / "README.md").read_text(), re.M)
)


def test_the_table_has_every_order() -> None:
    assert sorted(RIGHT) == sorted(path.name for path in CASES.glob("order_*.json"))


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_an_order_is_taken_or_refused_as_the_table_says(name: str) -> None:
    car = a_car()
    car.take_order(case(name))
    state = says(car)
    if RIGHT[name].startswith("accepted"):
        assert (state.order_id, state.errors) == ("o1", ())
        assert [n.node_id for n in state.node_states] == ["11", "at:14:300"]
        return
    error = only_error(car)
    assert error.error_type in RIGHT[name]
    assert error.error_level == ("CRITICAL" if "CRITICAL" in RIGHT[name] else "WARNING")
    assert about(error)["orderId"] == "o1"
    assert (state.order_id, state.node_states) == ("", ())
    if "names the node" in RIGHT[name]:
        assert about(error)["nodeId"] == case(name).nodes[1].node_id
        assert repr(case(name).nodes[1].node_id) in (error.error_description or "")
