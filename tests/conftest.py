"""Fixtures and settings of all tests.

Property tests use the same examples in every run; pytest --hypothesis-profile=explore tries new
ones. Every message of cars and server, in any test, must match its published schema.
"""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, settings

from pixelopolis.vda5050.base import Message
from tests.support.vda5050_standard import check_message

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts background jobs
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs of tests inherit it

settings.register_profile("same-every-run", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.register_profile(  # a change that a test notices need not be explained
    "mutants", deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate)
)
settings.register_profile("few", deadline=None, derandomize=True, max_examples=10)
settings.load_profile("same-every-run")


@pytest.fixture(scope="session", autouse=True)
def every_message_made_matches_the_standard() -> Iterator[None]:
    made = Message.__init__

    def make(self: Message, **fields: Any) -> None:
        made(self, **fields)
        check_message(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Message, "__init__", make)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, so that no process is left with one at the end."""

    def rank(item: pytest.Item) -> int:
        if item.nodeid.startswith("tests/e2e/test_demo"):
            return 0
        if item.get_closest_marker("e2e"):  # not beside it: each town wants a core
            return 2
        return 1 if item.nodeid.startswith(("tests/sim/", "tests/station/")) else 3

    items.sort(key=rank)
