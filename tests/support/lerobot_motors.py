"""LeRobot's motors, imported without the learning that the same package imports beside them.

`make setup` installs the package without its dependencies, in a folder of its own.
`lerobot.utils.utils` names PyTorch, Accelerate and Datasets when it is imported, which are
gigabytes, and the motors call nothing of them. Where they are missing, names stand in their place
until the import is done.
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
