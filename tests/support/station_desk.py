"""A scripted server: the requests and events of the real one, under a test's control.

It serves the page, drives one car where a test puts it, and streams numbered images from a second
port, as a car does. Tests inject faults.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any, Self

import cv2
import numpy as np
from aiohttp import WSCloseCode, web
from numpy.typing import NDArray

from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.city.route_path import RoutePath
from pixelopolis.city.routing import find_route
from pixelopolis.city.sources import load_city
from pixelopolis.city.start_places import spawn_places
from pixelopolis.geometry import Curve
from pixelopolis.vehicle.paint import paint_of
from server.http.pages import add_pages
from server.http.views import qr_svg
from tests.support.paths import ROOT

STATION = ROOT / "station"
CITY = load_city("pixelopolis")
BOUNDARY = "frame"
ENDED = {"arrived", "cancelled", "failed"}
Json = dict[str, Any]
Picture = NDArray[np.uint8]


def points_of(curve: Curve) -> list[list[float]]:
    return [[round(float(x), 4), round(float(y), 4)] for x, y in curve.points_m[::4]] + [
        [float(v) for v in curve.points_m[-1]]
    ]


def city_json(city: City, bird_url: str | None) -> Json:
    def stop(destination: str) -> Json:
        place = city.destinations[destination]
        pose = city.edges[place.edge].curve.pose_at(place.s_m)
        return {
            "id": place.id,
            "kind": place.kind,
            "names": dict(place.names),
            "x_m": pose.x_m,
            "y_m": pose.y_m,
            "edge": place.edge,
        }

    return {
        "name": city.name,
        "bounds_m": list(city.bounds_m),
        "road": {"style": city.road.style, "lane_width_m": city.road.lane_width_m},
        "edges": [{"id": e.id, "points_m": points_of(e.curve)} for e in city.edges.values()],
        "movements": [{"points_m": points_of(m.curve)} for m in city.movements.values()],
        "nodes": [{"id": n.id, "x_m": n.x_m, "y_m": n.y_m} for n in city.nodes.values()],
        "signs": [],
        "destinations": [stop(d) for d in city.destinations],
        "bird_url": bird_url,
    }


def road_picture(number: int, width: int = 240, height: int = 320) -> bytes:
    """Return a street with approaching dashes as JPEG, as a car sees it."""
    image = np.zeros((height, width, 3), np.uint8)
    horizon = height * 45 // 100
    image[:horizon] = np.linspace((236, 200, 150), (244, 232, 214), horizon)[:, None]
    image[horizon:] = (122, 190, 138)
    houses = ((22, 70, (90, 120, 230)), (70, 48, (150, 90, 60)), (196, 84, (60, 72, 210)))
    for x, tall, color in houses:
        cv2.rectangle(image, (x - 24, horizon - tall), (x + 24, horizon + 6), color, -1)
    middle = width // 2

    def across(offset: float, depth: float) -> tuple[int, int]:
        return int(middle + offset * depth * width), int(horizon + depth * (height - horizon))

    lane = [across(-0.55, 1), across(0.55, 1), across(0.04, 0), across(-0.04, 0)]
    cv2.fillPoly(image, [np.array(lane)], (247, 253, 255))
    cv2.line(image, across(-0.55, 1), across(-0.04, 0), (47, 57, 213), 6, cv2.LINE_AA)
    cv2.line(image, across(0.55, 1), across(0.04, 0), (184, 86, 36), 6, cv2.LINE_AA)
    for k in range(4):
        near = ((k + number % 20 / 20) / 4) ** 2
        cv2.circle(image, across(0, near), int(2 + 8 * near), (90, 200, 255), -1, cv2.LINE_AA)
    return cv2.imencode(".jpg", image)[1].tobytes()


def at_px(x_m: float, y_m: float) -> tuple[int, int]:
    """Return where the view from above shows a place."""
    return int(80 + x_m * 130), int(430 - y_m * 125)


@cache
def roads() -> Picture:
    """Return the view from above without cars."""
    image = np.full((480, 640, 3), (140, 200, 160), np.uint8)
    for width, color in ((44, (120, 90, 60)), (36, (250, 253, 255))):
        for edge in [*CITY.edges.values(), *CITY.movements.values()]:
            line = np.array([at_px(x, y) for x, y in edge.curve.points_m[::8]])
            cv2.polylines(image, [line], False, color, width, cv2.LINE_AA)
    return image


class ScriptedDesk:
    """`async with ScriptedDesk() as desk`, then `desk.url`."""

    def __init__(self, cars: int = 2, has_bird: bool = True) -> None:
        self.city = CITY
        self.places = dict(zip(("car1", "car2"), spawn_places(self.city, cars), strict=False))
        self.cars = {car: self._car_json(car, place) for car, place in self.places.items()}
        self.has_bird = has_bird
        self.line = 0
        """The place in line of who books; 0 if a car is free."""
        self.is_video_up = True
        self.is_video_stalled = False
        self.is_up = True
        self.requests: list[tuple[str, str]] = []
        self.bookings: dict[str, Json] = {}
        self.stations: dict[str, str] = {}
        """Device ids by token."""
        self.views = 0
        self.booked_with: list[Json] = []
        self.frame = 0
        self.thought: Json | None = None
        """What the car says of its pictures."""
        self.refusal: tuple[int, str] | None = None
        self.lost_answers = 0
        """So many of the next bookings are made, but their answers get lost."""
        self._sockets: set[web.WebSocketResponse] = set()
        self._runners: list[web.AppRunner] = []
        self._path: RoutePath | None = None
        self._port = 0

    # --- running ------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        video = web.Application()
        video.router.add_get("/video.mjpg", self._video)
        video.router.add_get("/bird.mjpg", self._video)
        self.video_url = f"{await self._serve(video, 0)}/video.mjpg"
        self._bird_url = self.video_url.replace("video.mjpg", "bird.mjpg")
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        for runner in self._runners:
            await runner.cleanup()

    async def start(self) -> None:
        """Answer again, at the same address and with the same data."""
        self.is_up = True
        app = web.Application(middlewares=[self._note])
        app.router.add_get("/api/city", self._city)
        app.router.add_post("/api/stations", self._station)
        app.router.add_get("/api/station", self._own_station)
        app.router.add_post("/api/bookings/{id}/view", self._view)
        app.router.add_post("/api/bookings", self._book)
        app.router.add_get("/api/bookings/{id}", self._booking)
        app.router.add_delete("/api/bookings/{id}", self._cancel)
        app.router.add_get("/api/events", self._events)
        app.router.add_get("/api/bookings/{id}/events", self._events)
        app.router.add_get("/api/bookings/{id}/link", self._link)
        app.router.add_get("/healthz", self._health)
        add_pages(app, STATION)
        self.url = await self._serve(app, self._port)
        self._port = int(self.url.rsplit(":", 1)[1])

    async def stop(self) -> None:
        """Stop like a killed server."""
        self.is_up = False
        for socket in list(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)
        if len(self._runners) > 1:
            await self._runners.pop().cleanup()

    async def _serve(self, app: web.Application, port: int) -> str:
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self._runners.append(runner)
        assert site._server is not None
        return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]

    # --- actions of a test ----------------------------------------------------------------------

    @property
    def booking(self) -> Json:
        """The newest booking."""
        return list(self.bookings.values())[-1]

    async def change(self, **fields: object) -> None:
        """Change the newest booking and notify its station."""
        self.booking.update(fields)
        await self._tell({"type": "booking", "booking": self.booking})

    async def drive_to(self, part: float) -> None:
        """Move the booked car to a share (0 to 1) of its route."""
        assert self._path is not None
        pose = self._path.pose_at(self._path.curve.length_m * part)
        await self.change_car(
            self.booking["car_id"], x_m=pose.x_m, y_m=pose.y_m, heading_rad=pose.heading_rad
        )

    async def change_car(self, car: str, **fields: object) -> None:
        self.cars[car].update(fields)
        await self._tell(self._cars_event())

    async def arrive(self) -> None:
        await self.drive_to(1.0)
        await self.change(state="arrived", eta_s=0.0)

    # --- requests ---------------------------------------------------------------------------------

    def _car_json(self, car: str, place: Place) -> Json:
        pose = self.city.edges[place.edge].curve.pose_at(place.s_m)
        paint = paint_of(car)
        return {
            "id": car,
            "color": paint.name,
            "color_rgb": paint.rgb,
            "x_m": pose.x_m,
            "y_m": pose.y_m,
            "heading_rad": pose.heading_rad,
            "state": "ready",
            "reason": "",
            "reason_code": None,
            "reason_values": {},
            "online": True,
        }

    def _cars_event(self) -> Json:
        return {"type": "cars", "cars": list(self.cars.values())}

    async def _tell(self, event: Json) -> None:
        for socket in list(self._sockets):
            await socket.send_json(event)

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        response: web.StreamResponse = await handler(request)
        if not response.prepared:
            response.headers["Cache-Control"] = "no-cache"
        return response

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    async def _city(self, request: web.Request) -> web.Response:
        city = city_json(self.city, self._bird_url if self.has_bird else None)
        answer = web.json_response(city)
        answer.enable_compression()
        return answer

    async def _station(self, request: web.Request) -> web.Response:
        device_id = (await request.json())["device_id"]
        token = f"token-{len(self.stations) + 1}"
        self.stations[token] = device_id
        return web.json_response({"device_id": device_id, "token": token}, status=201)

    def _station_of(self, request: web.Request) -> str:
        """Return the station whose token a request has.

        Raises:
            HTTPUnauthorized: none.
        """
        offered = request.headers.get("Sec-WebSocket-Protocol", "").rpartition("bearer.")[2]
        token = request.headers.get("Authorization", f"Bearer {offered}").removeprefix("Bearer ")
        if ride := self.bookings.get(token.removeprefix("ride-")):
            return str(ride["station_device_id"])
        if token not in self.stations:
            raise web.HTTPUnauthorized
        return self.stations[token]

    async def _own_station(self, request: web.Request) -> web.Response:
        return web.json_response({"device_id": self._station_of(request)})

    async def _view(self, request: web.Request) -> web.Response:
        self._station_of(request)
        self.views += 1
        url = f"{self.bookings[request.match_info['id']]['video_url']}?token={self.views}"
        return web.json_response({"url": url, "ends_in_s": 60.0})

    async def _book(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert self._station_of(request) == body["station_device_id"]
        self.booked_with.append(body)
        if self.refusal is not None:
            status, code = self.refusal
            return self._error(status, code)
        destination = self.city.destinations[body["destination_id"]]
        end = Place(destination.edge, destination.s_m)
        route = find_route(self.city, self.places["car1"], end)
        self._path = RoutePath(self.city, route)
        wish = body["request_id"]
        booking: Json = self.bookings.get(wish) or {
            "id": wish,
            "state": "queued" if self.line else "booked",
            "car_id": None if self.line else "car1",
            "place_in_line": self.line or None,
            "expected_wait_s": 45.0 if self.line else None,
            "station_device_id": body["station_device_id"],
            "destination_id": body["destination_id"],
            "eta_s": None,
            "reason": "",
            "reason_code": None,
            "reason_values": {},
            "video_url": self.video_url,
            "route": [],
            "path_m": points_of(self._path.curve),
        }
        self.bookings[booking["id"]] = booking
        if self.lost_answers:
            self.lost_answers -= 1
            raise web.HTTPBadGateway
        return web.json_response(booking, status=201)

    async def _booking(self, request: web.Request) -> web.Response:
        self._station_of(request)
        booking = self.bookings.get(request.match_info["id"])
        return web.json_response(booking) if booking else self._error(404, "unknown_booking")

    async def _link(self, request: web.Request) -> web.Response:
        self._station_of(request)
        id_ = request.match_info["id"]
        url = f"{request.url.origin()}/#ride={id_}.ride-{id_}"
        return web.json_response({"url": url, "qr_svg": qr_svg(url)})

    async def _cancel(self, request: web.Request) -> web.Response:
        self._station_of(request)
        self.bookings[request.match_info["id"]]["state"] = "cancelled"
        return web.json_response(self.bookings[request.match_info["id"]])

    def _error(self, status: int, code: str) -> web.Response:
        error = {"code": code, "message": "In English.", "next_step": "In English."}
        return web.json_response({"error": error}, status=status)

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        station = self._station_of(request)
        socket = web.WebSocketResponse(protocols=("pixelopolis.events",))
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            await socket.send_json(self._cars_event())
            for booking in self.bookings.values():
                ours = booking["station_device_id"] == station
                if ours and booking["state"] not in ENDED:
                    await socket.send_json({"type": "booking", "booking": booking})
            async for message in socket:
                json.loads(message.data)
        finally:
            self._sockets.discard(socket)
        return socket

    async def _video(self, request: web.Request) -> web.StreamResponse:
        if not self.is_video_up:
            raise web.HTTPServiceUnavailable
        if request.path == "/video.mjpg" and request.query.get("token") != str(self.views):
            raise web.HTTPUnauthorized
        response = web.StreamResponse(
            headers={
                "Content-Type": f"multipart/x-mixed-replace;boundary={BOUNDARY}",
                "Cache-Control": "no-store",
                "Access-Control-Allow-Origin": "*",
            }
        )
        await response.prepare(request)
        is_bird = request.path == "/bird.mjpg"
        while self.is_video_up:
            if self.is_video_stalled:
                await asyncio.sleep(0.1)
                continue
            self.frame += 1
            jpeg = self._bird_picture() if is_bird else road_picture(self.frame)
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
            if self.thought is not None and not is_bird:
                head += f"\r\nThought: {json.dumps(self.thought)}"
            try:
                await response.write(f"{head}\r\n\r\n".encode() + jpeg + b"\r\n")
            except ConnectionError:
                break
            await asyncio.sleep(0.1)
        return response

    def _bird_picture(self) -> bytes:
        image = roads().copy()
        for car in self.cars.values():
            cv2.circle(image, at_px(car["x_m"], car["y_m"]), 12, (60, 190, 250), -1, cv2.LINE_AA)
        return cv2.imencode(".jpg", image)[1].tobytes()
