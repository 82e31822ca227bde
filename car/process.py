"""One car as a process: camera, control, board and network, each at its own pace.

The camera thread keeps the newest frame. The control thread turns it into wheel speeds at once, at
least every 50 ms. The detector thread detects signs and cars. The board thread drives the motors.
The event loop in the main thread serves the server link and viewers. None waits for another.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from dataclasses import asdict
from typing import Any

import cv2

from car.board.factory import make_board
from car.camera.thread import CameraThread
from car.control_thread import ControlThread
from car.detector_thread import DetectorThread
from car.driving.driver import Driver, DriverSettings, search_speed_mps
from car.driving.lead_car.tracker import TO_FOLLOW
from car.driving.localization.belief import Belief
from car.driving.localization.lane_grid import LaneGrid
from car.driving.localization.sign_model import SignModel
from car.driving.types import LaneModel, Sightings, SightModel
from car.identity import CarIdentity
from car.live_view.mjpeg_server import StreamServer
from car.live_view.pictures import PICTURE_LOST_S, LivePictures
from car.orders.executor import OrderExecutor
from car.orders.health import health_of
from car.orders.server_link import ServerLink
from car.orders.state_report import Health
from car.perception.detector import load_detector
from car.perception.ground_motion import GroundView
from car.perception.lane_network import load_lane_model
from car.settings import CarSettings
from car.shared_state import SharedState
from pixelopolis.addresses import origin
from pixelopolis.city.model import City
from pixelopolis.city.sources import load_city
from pixelopolis.errors import SettingsError
from pixelopolis.supervision import Worker, keep_working, trouble_of
from pixelopolis.web.mjpeg import Broadcast

log = logging.getLogger(__name__)


class CarProcess:
    """Everything that runs on one car.

    Args:
        settings: from `car.toml`.
        city: the town of the settings.
        model: the lane model.
        identity: the car's key, and how it knows the server.
        detector: of signs and cars; None to drive without.
    """

    def __init__(
        self,
        settings: CarSettings,
        city: City,
        model: LaneModel,
        identity: CarIdentity,
        detector: SightModel | None = None,
    ) -> None:
        self.settings = settings
        self._board = make_board(settings.board)
        self._camera = CameraThread(settings.camera.source, settings.camera.rotate_deg)
        start, mounting = settings.start_place(city), settings.camera.mounting
        executor = OrderExecutor(city, settings.id, start)
        self._shared_state = SharedState(
            executor, self._health, self._emergency_stop, settings.cruise_mps
        )
        self._detector_thread = detector and DetectorThread(
            self._camera,
            detector,
            most_hz=settings.detector.most_hz,
        )
        self._control = ControlThread(
            Driver(
                model,
                DriverSettings(
                    settings.cruise_mps,
                    camera=mounting,
                    search=settings.search,
                    search_mps=search_speed_mps(city),
                    has_detector=detector is not None,
                ),
                Belief(SignModel(LaneGrid(city), mounting), start) if detector else None,
                GroundView(mounting, model.part),
            ),
            self._camera,
            self._board,
            self._shared_state,
            on_event=lambda: self._in_loop(self._link.send_soon),
            sightings=self._sightings,
            on_frame=lambda: self._in_loop(self._fresh.set),
        )
        self._link = ServerLink(
            (settings.server.url, *settings.server.others),
            settings.id,
            self._shared_state,
            identity.authorize,
            settings.seed,
            identity.tls,
        )
        self._broadcast = Broadcast()
        self._pictures = LivePictures(
            city, mounting, self._shared_state.view, self._sightings, settings.stream.jpeg_quality
        )
        self._stream = StreamServer(
            self._broadcast, self._pictures.snapshot, self._status, identity.opens_view
        )
        self._fresh = asyncio.Event()
        self._stop = asyncio.Event()
        self._link_worker, self._view_worker = Worker("link"), Worker("live view")
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Drive until SIGTERM, SIGINT or SIGHUP; the wheels stand when this returns.

        Raises:
            SettingsError: the live view's address cannot be used.
        """
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._loop.add_signal_handler(number, self._stop.set)
        place = self.settings.stream
        try:
            await self._stream.start(place.host, place.port)
        except OSError as error:
            raise SettingsError(
                f"stream: cannot listen on {place.host}:{place.port}: {error.strerror}.",
                "Choose another stream.host or stream.port.",
            ) from error
        log.info("%s: live view at %s", self.settings.id, self.video_url)
        self._board.start()
        self._camera.start()
        if self._detector_thread:
            self._detector_thread.start()
        self._control.start()
        tasks = [
            asyncio.create_task(keep_working(worker, work), name=worker.name)
            for worker, work in (
                (self._link_worker, self._link.run),
                (self._view_worker, self._stream_frames),
            )
        ]
        try:
            await self._stop.wait()
        finally:
            await asyncio.to_thread(self._stand_still)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stream.close()
            await asyncio.to_thread(self._close_sensors)

    def stop(self) -> None:
        """End `run` (call in the event loop's thread)."""
        self._stop.set()

    @property
    def driving_workers(self) -> tuple[Worker, ...]:
        """The threads and tasks needed to drive."""
        detector_thread = (self._detector_thread.worker,) if self._detector_thread else ()
        camera, control = self._camera.worker, self._control.worker
        return (camera, control, *detector_thread, *self._board.workers, self._link_worker)

    @property
    def display_workers(self) -> tuple[Worker, ...]:
        """Those that only show it."""
        return (self._control.figures_worker, self._view_worker, self._pictures.worker)

    @property
    def video_url(self) -> str:
        host = self.settings.stream.public_host or self.settings.stream.host
        return f"{origin(host, self._stream.port)}/video.mjpg"

    def _stand_still(self) -> None:
        self._control.close()
        self._board.close()

    def _close_sensors(self) -> None:
        if self._detector_thread:
            self._detector_thread.close()
        self._camera.close()

    def _in_loop(self, call: Any, *args: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *args)

    def _emergency_stop(self, on: bool) -> None:
        if on:
            self._board.request_emergency_stop()
        else:
            self._board.request_release()

    def _health(self) -> Health:
        return health_of(
            self._board.status(),
            self._camera_trouble(),
            self._control.speedometer.speeds(),
            self.video_url,
            failed=trouble_of(self.driving_workers),
            failed_to_show=trouble_of(self.display_workers),
            wheel_fault=self._control.wheel_fault,
        )

    def _camera_trouble(self) -> str:
        frozen = self._control.picture_frozen
        return self._camera.trouble or (frozen.words if frozen else "")

    async def _stream_frames(self) -> None:
        """Encode each new frame once while there are viewers, or the placeholder once a second."""
        while True:
            try:
                async with asyncio.timeout(PICTURE_LOST_S):
                    await self._fresh.wait()
            except TimeoutError:
                pass
            self._fresh.clear()
            if self._broadcast.viewers:
                self._broadcast.put(await asyncio.to_thread(self._pictures.newest))

    def _sightings(self) -> Sightings | None:
        return self._detector_thread.newest() if self._detector_thread else None

    def _status(self) -> dict[str, Any]:
        loop, board = self._control.metrics.figures(), self._board.status()
        return {
            "id": self.settings.id,
            **self._shared_state.summary(),
            "frame_to_command_ms": {"p50": loop.p50_ms, "p99": loop.p99_ms},
            "frames": loop.frames,
            "video_fps": round(self._camera.fps(time.monotonic()), 2),
            "viewers": self._broadcast.viewers,
            "loop_misses": loop.loop_misses,
            "video_url": self.video_url,
            "link": {"connected": self._link.connected, "url": self._link.url},
            "camera": {"trouble": self._camera_trouble()},
            "workers": {
                worker.name: {"trouble": worker.trouble, "restarts": worker.restarts}
                for worker in (*self.driving_workers, *self.display_workers)
            },
            "detector": asdict(self._detector_thread.figures()) if self._detector_thread else None,
            "board": {
                "connected": board.connected,
                "problem": board.problem,
                "battery_mv": board.battery_mv,
                "lost_packets": board.lost_packets,
                "late_cycles": board.late_cycles,
                "slowed": board.slowed,
                "emergency_stop": str(board.estop),
            },
        }


async def run_car(settings: CarSettings) -> None:
    """Run the car of some settings until it is told to stop.

    Raises:
        PixelopolisError: a key, town, place, model or address cannot be used.
    """
    identity = CarIdentity.load(settings)
    cv2.setNumThreads(1)  # pictures are small; leave the cores to the other cars
    city = load_city(settings.city)
    model, see = load_lane_model(settings.model), settings.detector
    detector = load_detector(see.model, see.delegate, TO_FOLLOW) if see.use else None
    await CarProcess(settings, city, model, identity, detector).run()
