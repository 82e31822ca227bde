"""The safe-state search compared with an exhaustive search of all possible moves."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelopolis.city.sources import load_city
from server.traffic import safe_state as safety
from server.traffic.safe_state import Step, Token, find_plan, plan_next_step
from server.traffic.street_graph import OPEN, Closed, StreetGraph

STREETS = StreetGraph(load_city("pixelopolis"))
EDGES = sorted(STREETS.city.edges)

State = tuple[tuple[str, ...], frozenset[str], tuple[bool, ...]]
"""Positions of cars with goals, positions of the others, and which goals have been reached."""


def wants(token: Token, closed: Closed) -> bool:
    if token.goal is None:
        return False
    stays = token.edge == token.goal and not token.must_move
    return stays or STREETS.way(token.edge, token.goal, closed) is not None


def can_finish(tokens: Sequence[Token], closed: Closed) -> bool:
    """Whether some sequence of single steps brings every car that can arrive to its goal."""
    wanting = [t for t in tokens if wants(t, closed)]
    others = frozenset(t.edge for t in tokens if t not in wanting)
    flags = tuple(t.edge == t.goal and not t.must_move for t in wanting)
    first: State = (tuple(t.edge for t in wanting), others, flags)
    seen, queue = {first}, deque([first])
    while queue:
        state = queue.popleft()
        if all(state[2]):
            return True
        for following in after(state, wanting, closed):
            if following not in seen:
                seen.add(following)
                queue.append(following)
    return False


def after(state: State, wanting: Sequence[Token], closed: Closed) -> Iterator[State]:
    where, others, flags = state
    taken = {*where, *others}
    for i, edge in enumerate(where):
        for to in steps_from(edge, taken, closed):
            done = (*flags[:i], flags[i] or to == wanting[i].goal, *flags[i + 1 :])
            yield (*where[:i], to, *where[i + 1 :]), others, done
    for edge in others:
        for to in steps_from(edge, taken, closed):
            yield where, others - {edge} | {to}, flags


def steps_from(edge: str, taken: set[str], closed: Closed) -> list[str]:
    return [
        to
        for from_, to in STREETS.city.movements
        if from_ == edge
        and to not in taken
        and to not in closed.edges
        and (from_, to) not in closed.movements
    ]


def play(steps: Sequence[Step], tokens: Sequence[Token], closed: Closed) -> dict[str, list[str]]:
    """Take the steps, all of which are legal; return the edges that each car visited."""
    been = {token.car: [token.edge] for token in tokens}
    for car, edge in steps:
        taken = {edges[-1] for edges in been.values()}
        assert edge in steps_from(been[car][-1], taken, closed), f"{car} cannot go to {edge}"
        been[car].append(edge)
    return been


def is_there(token: Token, been: Sequence[str]) -> bool:
    return token.goal in been[1 if token.must_move and token.edge == token.goal else 0 :]


@st.composite
def situations(draw: st.DrawFn, with_goals: int, most: int) -> tuple[list[Token], Closed]:
    rng = random.Random(draw(st.integers(0, 2**32)))
    count = rng.randint(1, most)
    edges = rng.sample(EDGES, len(EDGES))
    shut = frozenset(edges[count : count + rng.choice((0, 0, 1, 2))])
    ways = frozenset(rng.sample(sorted(STREETS.city.movements), rng.choice((0, 0, 1, 2))))
    tokens = [
        Token(
            f"car{i}",
            edge,
            rng.choice(EDGES) if i < with_goals else None,
            must_move=i < with_goals and rng.random() < 0.3,
        )
        for i, edge in enumerate(edges[:count])
    ]
    return tokens, Closed(shut, ways)


@given(situations(with_goals=1, most=3))
@settings(max_examples=40)
def test_for_one_ride_it_knows_exactly_whether_it_can_be_finished(
    situation: tuple[list[Token], Closed],
) -> None:
    tokens, closed = situation
    plan = find_plan(STREETS, tokens, closed)
    assert (plan is not None) is can_finish(tokens, closed)


@given(situations(with_goals=2, most=14))
@settings(max_examples=60)
def test_a_plan_is_legal_and_brings_everyone_who_can_get_there(
    situation: tuple[list[Token], Closed],
) -> None:
    tokens, closed = situation
    plan = find_plan(STREETS, tokens, closed)
    if plan is None:
        return
    been = play(plan, tokens, closed)
    for token in tokens:
        assert not wants(token, closed) or is_there(token, been[token.car])


@given(st.integers(0, 2**32), st.integers(3, 13))
@settings(max_examples=40)
def test_in_an_open_town_with_two_free_edges_everything_can_be_finished(
    seed: int, count: int
) -> None:
    rng = random.Random(seed)
    places = rng.sample(EDGES, count)
    tokens = [
        Token(f"car{i}", edge, rng.choice(EDGES), must_move=rng.random() < 0.2)
        for i, edge in enumerate(places)
    ]
    plan = find_plan(STREETS, tokens, OPEN)
    if count <= len(EDGES) // 2:
        assert plan is not None
    if plan is not None:
        been = play(plan, tokens, OPEN)
        assert all(is_there(token, been[token.car]) for token in tokens)


@given(situations(with_goals=2, most=8))
@settings(max_examples=60)
def test_the_next_step_clears_the_way_for_one_car_and_ends_with_its_own(
    situation: tuple[list[Token], Closed],
) -> None:
    tokens, closed = situation
    first = tokens[0]
    steps = plan_next_step(STREETS, tokens, closed, first.car)
    stays = first.edge == first.goal and not first.must_move
    if stays or not wants(first, closed):
        return
    if steps is None:
        assert not can_finish([first, *(Token(t.car, t.edge) for t in tokens[1:])], closed)
        return
    been = play(steps, tokens, closed)
    assert [car for car, _ in steps].count(first.car) == 1
    assert steps[-1][0] == first.car
    # its step leads toward its goal
    edge = been[first.car][-1]
    assert edge == first.goal or STREETS.way(edge, str(first.goal), closed) is not None


def test_a_car_that_is_not_there_has_no_next_step() -> None:
    assert plan_next_step(STREETS, [Token("car1", "1", "4")], OPEN, "car2") is None


def test_nobody_who_is_there_moves_and_nobody_without_a_goal() -> None:
    tokens = [Token("a", "1", "1"), Token("b", "4"), Token("c", "9", "9")]
    assert find_plan(STREETS, tokens, OPEN) == ()
    assert find_plan(STREETS, [], OPEN) == ()


def test_who_is_pushed_off_its_goal_comes_back_to_it() -> None:
    """9 leads to 10, where b is, by its goal; a has to go through."""
    tokens = [Token("a", "9", "2"), Token("b", "10", "10")]
    plan = find_plan(STREETS, tokens, OPEN)
    assert plan is not None
    been = play(plan, tokens, OPEN)
    assert len(been["b"]) > 1
    assert (been["a"][-1], been["b"][-1]) == ("2", "10")


def test_who_must_move_goes_around_to_its_own_edge() -> None:
    plan = find_plan(STREETS, [Token("a", "7", "7", must_move=True)], OPEN)
    assert plan is not None
    assert [edge for _, edge in plan] == ["9", "11", "13", "7"]


def test_the_given_order_is_kept_where_it_can_be() -> None:
    """Both want the same edge: the one with priority gets there first, then is moved on."""
    for order in (("a", "b"), ("b", "a")):
        tokens = {"a": Token("a", "1", "2"), "b": Token("b", "10", "2")}
        plan = find_plan(STREETS, [tokens[name] for name in order], OPEN)
        assert plan is not None
        assert plan[0] == (order[0], "2")


def test_goals_that_are_cut_off_are_given_up_and_their_cars_pushed() -> None:
    closed = Closed(frozenset({"5"}))
    tokens = [Token("cut", "2", "5"), Token("goes", "1", "15")]
    plan = find_plan(STREETS, tokens, closed)
    assert plan is not None
    been = play(plan, tokens, closed)
    assert "15" in been["goes"]
    # alone it stays where it is
    assert find_plan(STREETS, tokens[:1], closed) == ()


def test_it_pushes_aside_off_its_own_way_when_it_can() -> None:
    """Car b stands where 4 and 15 begin; a is bound for 4, so b moves to 15, and back."""
    for goal, aside in (("4", "15"), ("15", "4")):
        steps = plan_next_step(STREETS, [Token("a", "2", goal), Token("b", "3")], OPEN, "a")
        assert steps == (("b", aside), ("a", "3"))


def test_a_queue_is_pushed_on_from_its_front() -> None:
    tokens = [Token("a", "1", "3"), Token("b", "2"), Token("c", "3"), Token("d", "15")]
    plan = find_plan(STREETS, tokens, OPEN)
    assert plan is not None
    been = play(plan, tokens, OPEN)
    assert been["a"] == ["1", "2", "3"]
    assert been["d"] == ["15"], "who does not stand in the way stays"


@pytest.mark.parametrize(
    ("busy", "way"),
    [
        ((), ("15", "14", "6")),
        (("15",), ("4", "5", "6")),  # 10 s longer
        (("15", "5"), ("15", "14", "6")),
        (("9",), ("15", "14", "6")),
    ],
)
def test_free_streets_are_preferred(busy: tuple[str, ...], way: tuple[str, ...]) -> None:
    tokens = [Token("a", "3", "6"), *(Token(f"b{edge}", edge) for edge in busy)]
    plan = find_plan(STREETS, tokens, OPEN)
    assert plan is not None
    assert tuple(edge for car, edge in plan if car == "a") == way


def test_a_way_that_is_45_seconds_longer_is_too_long() -> None:
    plan = find_plan(STREETS, [Token("a", "9", "2"), Token("b", "10")], OPEN)
    assert plan == (("b", "2"), ("b", "3"), ("a", "10"), ("a", "2"))


def test_a_plan_that_is_too_long_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = [Token("a", "1", "4"), Token("b", "9", "14")]
    steps = find_plan(STREETS, tokens, OPEN)
    assert steps is not None
    assert len(steps) == 6
    # checked before each further route: three steps bring a there, then b wants to go on
    for most, found in ((2, False), (3, True)):
        monkeypatch.setattr(safety, "MAX_STEPS", most)
        assert (find_plan(STREETS, tokens, OPEN) is not None) is found


def test_a_full_ring_cannot_move_and_a_free_edge_lets_it() -> None:
    everywhere = [Token(f"car{edge}", edge, STREETS.city.exits[edge][0].to_edge) for edge in EDGES]
    assert find_plan(STREETS, everywhere, OPEN) is None
    assert plan_next_step(STREETS, everywhere, OPEN, "car1") is None
    assert find_plan(STREETS, everywhere[1:], OPEN) is not None


DEAD_END = Closed(frozenset({"2"}))
"""Streets 8 and 1 are then a dead end."""


def test_the_next_step_lets_those_pass_who_would_be_shut_out() -> None:
    tokens = [Token("a", "7", "8"), Token("b", "13", "1")]
    assert plan_next_step(STREETS, tokens, DEAD_END, "a") == (("a", "9"),)
    assert plan_next_step(STREETS, tokens[:1], DEAD_END, "a") == (("a", "8"),)


def test_where_not_all_can_finish_one_may_go_on_alone() -> None:
    tokens = [Token("a", "7", "8"), Token("b", "13", "8")]
    closed = Closed(frozenset({"1"}))
    assert find_plan(STREETS, tokens, closed) is None
    assert plan_next_step(STREETS, tokens, closed, "a") == (("a", "8"),)
    assert plan_next_step(STREETS, [Token("a", "7", "1")], closed, "a") is None
