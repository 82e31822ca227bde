"""What an operator tells a town survives its document, and one rule changes no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.traffic.operator_rules import Duty, OperatorRules

CARS, EDGES = ("car.1", "car2"), ("9", "11")
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("duty"), st.sampled_from(CARS), st.sampled_from(Duty)),
        st.tuples(st.just("paused"), st.sampled_from(CARS), st.booleans()),
        st.tuples(st.just("edge"), st.sampled_from(EDGES), st.booleans()),
    )
)


@given(CHANGES)
def test_the_last_word_about_each_counts_and_is_stored(changes: list[tuple]) -> None:
    rules, last = OperatorRules(), {}
    for kind, name, value in changes:
        rules = getattr(rules, f"with_{kind}")(name, value)
        last[kind, name] = value
    for (kind, name), value in last.items():
        now = {
            "duty": rules.duty_of(name),
            "paused": rules.must_stand(name),
            "edge": name in rules.closed_edges,
        }
        assert now[kind] == value
    assert OperatorRules.from_document(rules.to_document()) == rules


def test_a_town_of_an_older_version_has_no_rules() -> None:
    assert OperatorRules.from_document({}) == OperatorRules()
    assert OperatorRules(is_halted=True).must_stand("anyone")
