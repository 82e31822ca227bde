"""A host of a virtual bus with a manual clock, and wheels that turn."""

from pixelopolis.geometry import Pose
from pixelopolis.vehicle.control_table import (
    BOARD,
    BOARD_ID,
    XL430,
    BoardRegister,
    ControlTable,
    MotorRegister,
)
from sim.hardware.bus import VirtualBus
from sim.hardware.dynamixel import ALERT, Instruction, Packet, Parser, encode
from sim.hardware.motor import MOTOR_BOOT_S
from sim.live.town import TownCar
from sim.physics.lockstep import STEP_S
from sim.physics.vehicle import Vehicle

BROADCAST = 254


class Host:
    """A host with a manual clock."""

    def __init__(self, bus: VirtualBus | None = None) -> None:
        self.bus = bus or VirtualBus()
        self._car = TownCar(Vehicle(Pose(0.0, 0.0, 0.0)), self.bus)
        self.now_s = 100.0
        self.bus.step(self.now_s)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.005)):
            self.now_s += 0.005
            self.bus.step(self.now_s)

    def ask(self, device: int, instruction: int, parameters: bytes = b"") -> list[Packet]:
        answer = self.bus.receive(encode(device, instruction, parameters), self.now_s)
        return Parser().feed(answer)

    def error(self, device: int, instruction: int, parameters: bytes = b"") -> int:
        (status,) = self.ask(device, instruction, parameters)
        assert (status.id, status.instruction) == (device, Instruction.STATUS)
        return status.parameters[0]

    def write(self, device: int, table: ControlTable, name: str, value: int) -> int:
        register = table[name]
        data = register.address.to_bytes(2, "little") + register.encode(value)
        return self.error(device, Instruction.WRITE, data)

    def read(self, device: int, table: ControlTable, name: str) -> int:
        register = table[name]
        where = register.address.to_bytes(2, "little") + register.size.to_bytes(2, "little")
        (status,) = self.ask(device, Instruction.READ, where)
        assert status.parameters[0] & ~ALERT == 0
        return register.decode(status.parameters[1:])

    def power(self) -> None:
        assert self.write(BOARD_ID, BOARD, BoardRegister.MOTOR_POWER, 1) == 0
        self.wait(MOTOR_BOOT_S + 0.01)

    def drive(self, units: int) -> None:
        """Set both motors to velocity mode with a goal."""
        self.power()
        for motor in (1, 2):
            assert self.write(motor, XL430, MotorRegister.OPERATING_MODE, 1) == 0
            assert self.write(motor, XL430, MotorRegister.TORQUE_ENABLE, 1) == 0
            assert self.write(motor, XL430, MotorRegister.GOAL_VELOCITY, units) == 0

    def roll(self, seconds: float) -> None:
        """Let time pass while the wheels follow the motors; motor 2 is read regularly."""
        for step in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            if step % 8 == 0:
                self.ask(2, Instruction.PING)
            self._car.step(self.now_s)
            self._car.vehicle.step(STEP_S)


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)
