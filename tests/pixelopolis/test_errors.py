import pickle
import re

import pytest

from pixelopolis import errors
from pixelopolis.errors import CityError, Fault, PixelopolisError


def catalogue() -> list[type[PixelopolisError]]:
    return [
        found
        for found in vars(errors).values()
        if isinstance(found, type)
        and issubclass(found, PixelopolisError)
        and found is not PixelopolisError
    ]


def test_codes_are_stable_and_unique() -> None:
    codes = [error.code for error in catalogue()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"PX[1-5]\d\d", code) for code in codes)


@pytest.mark.parametrize("error", catalogue())
def test_every_error_says_what_and_what_next(error: type[PixelopolisError]) -> None:
    raised = error("speed is 3, expected at most 2.", "Lower it.")
    assert str(raised) == f"[{error.code}] speed is 3, expected at most 2. Lower it."
    assert (raised.message, raised.next_step) == ("speed is 3, expected at most 2.", "Lower it.")


@pytest.mark.parametrize("error", catalogue())
def test_every_error_is_also_a_standard_one(error: type[PixelopolisError]) -> None:
    standard = (ValueError, LookupError, RuntimeError, OSError)
    assert issubclass(error, standard)


def test_city_error_lists_its_faults_a_line_each() -> None:
    faults = (Fault("town.toml:3 road.style", "wrong"), Fault("town.toml:9 edge[1].to", "unknown"))
    lines = str(CityError("city town.toml has 2 faults.", "Correct them.", faults)).splitlines()
    assert lines[1:] == ["  town.toml:3 road.style: wrong", "  town.toml:9 edge[1].to: unknown"]


@pytest.mark.parametrize("error", catalogue())
def test_errors_survive_their_way_out_of_a_worker_process(error: type[PixelopolisError]) -> None:
    raised = error("speed is 3, expected at most 2.", "Lower it.")
    again = pickle.loads(pickle.dumps(raised))
    assert type(again) is error
    assert str(again) == str(raised)


def test_the_faults_of_a_city_survive_too() -> None:
    raised = CityError("two faults.", "Mend them.", (Fault("a.toml:1 node[0]", "no id"),))
    assert pickle.loads(pickle.dumps(raised)).faults == raised.faults
