"""Token buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.identity.rate_limit import MAX_NAMES, Rate, RateLimit


@given(
    gaps_s=st.lists(st.floats(0, 20), min_size=1, max_size=60),
    burst=st.integers(1, 10),
    per_s=st.floats(0.05, 5),
)
def test_no_more_pass_than_the_burst_and_the_rate_allow(
    gaps_s: list[float], burst: int, per_s: float
) -> None:
    limit, now_s, passed = RateLimit(Rate(burst, per_s)), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        passed += limit.take("one", now_s) == 0
    assert passed <= burst + now_s * per_s + 1e-6


def test_who_waits_as_long_as_told_passes() -> None:
    limit = RateLimit(Rate(1, 0.5))
    assert limit.take("one", 0.0) == 0
    wait_s = limit.take("one", 0.5)
    assert 0 < wait_s <= 2
    assert limit.take("one", 0.5 + wait_s) == 0


def test_each_name_has_its_own_bucket_and_what_is_given_back_counts_again() -> None:
    limit = RateLimit(Rate(1, 0.1))
    assert [limit.take(name, 0.0) == 0 for name in ("one", "one", "two")] == [True, False, True]
    limit.give_back("two")
    assert limit.take("two", 0.0) == 0


def test_memory_has_a_bound() -> None:
    limit = RateLimit(Rate(1, 0.1))
    for number in range(MAX_NAMES + 10):
        limit.take(str(number), 0.0)
    assert len(limit._buckets) == MAX_NAMES


def test_as_many_pass_at_once_as_the_burst_says_and_one_for_each_given_back() -> None:
    limit = RateLimit(Rate(3, 0.1))
    assert [limit.take("one", 0.0) == 0 for _ in range(5)] == [True, True, True, False, False]
    limit.give_back("one")
    assert [limit.take("one", 0.0) == 0 for _ in range(2)] == [True, False]


def test_who_is_refused_by_one_bucket_takes_nothing_of_the_others() -> None:
    mine, all_ = RateLimit(Rate(1, 0.1)), RateLimit(Rate(2, 0.1))
    limits = ((mine, "me"), (all_, ""))
    assert RateLimit.take_each(limits, 0.0) == 0
    assert all(RateLimit.take_each(limits, 0.0) > 0 for _ in range(10))
    assert RateLimit.take_each(((mine, "another"), (all_, "")), 0.0) == 0
    assert RateLimit.take_each(((mine, "third"), (all_, "")), 0.0) > 0
    assert mine.take("third", 0.0) == 0, "given back"


def test_large_things_take_many_tokens() -> None:
    limit = RateLimit(Rate(100, 10))
    assert limit.take("one", 0.0, 90) == 0
    assert limit.take("one", 0.0, 30) == 2.0
    assert limit.take("one", 2.0, 30) == 0
