"""Imports LeRobot's motors without the learning code of the same package.

`make setup` installs the package without its dependencies, in its own folder. `lerobot.utils.utils`
imports PyTorch, Accelerate and Datasets, gigabytes that the motors do not use; where they are
missing, empty modules replace them during the import.
"""

import importlib.util
import sys
from pathlib import Path
from unittest.mock import MagicMock

sys.path.append(str(Path(sys.prefix) / "lerobot"))

_NAMED_ONLY = ("torch", "accelerate", "datasets", "datasets.utils", "datasets.utils.logging")
_missing = [name for name in _NAMED_ONLY if importlib.util.find_spec(name.split(".")[0]) is None]
sys.modules.update({name: MagicMock(name=name) for name in _missing})
try:
    from lerobot.motors import Motor, MotorCalibration, MotorNormMode
    from lerobot.motors.dynamixel import DynamixelMotorsBus
finally:
    for _name in _missing:
        del sys.modules[_name]

__all__ = ["DynamixelMotorsBus", "Motor", "MotorCalibration", "MotorNormMode"]
