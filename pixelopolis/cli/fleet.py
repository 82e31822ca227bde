"""`pixelopolis fleet`: what operators do, over the server's API."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from pixelopolis.cli.common import Json, ask_password, print_json, print_line
from pixelopolis.errors import ServerError, SettingsError
from pixelopolis.extras import needs
from pixelopolis.identity.private_file import write_private

app = typer.Typer(
    no_args_is_help=True,
    help="See and move the cars of a running town, as an operator: `fleet login` first.",
)

TIMEOUT_S: Final = 15.0
SESSION_FILE: Final = "session.json"

Server = Annotated[str, typer.Option(envvar="PIXELOPOLIS_SERVER", help="Address of the server.")]
SERVER: Final = "http://127.0.0.1:8080"
Car = Annotated[str, typer.Argument(help="The car's id.")]
AnyCar = Annotated[str, typer.Argument(help="The car's id; leave it out with --all.")]
All = Annotated[bool, typer.Option("--all", help="Every car of the town.")]
Edge = Annotated[str, typer.Argument(help="The edge's id, as in the town's file.")]
Count = Annotated[int, typer.Option(min=1, max=200, help="How many, the newest first.")]


def _session_file() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "pixelopolis" / SESSION_FILE


def _token(server: str) -> str:
    if token := os.environ.get("PIXELOPOLIS_TOKEN"):
        return token
    try:
        sessions = json.loads(_session_file().read_text("utf-8"))
        return str(sessions.get(server, ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _keep_token(server: str, token: str) -> None:
    file = _session_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        sessions = dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError):
        sessions = {}
    sessions[server] = token
    write_private(file, json.dumps({k: v for k, v in sessions.items() if v}).encode())


def _ask(server: str, method: str, path: str, body: object = None) -> Any:
    """Send one request; return the answer's JSON, None if it has none.

    Raises:
        ServerError: the server refuses it, or does not answer.
    """
    return asyncio.run(_request(server.rstrip("/"), method, f"/api/operator{path}", body))


async def _request(server: str, method: str, path: str, body: object) -> Any:
    import aiohttp

    if not server.startswith(("http://", "https://")):
        raise SettingsError(
            f"--server {server!r}: no address of a server.", "For example http://127.0.0.1:8080."
        )
    headers = {"Authorization": f"Bearer {token}"} if (token := _token(server)) else {}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, f"{server}{path}", json=body, headers=headers) as answer,
        ):
            text = await answer.text()
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ServerError(
            f"--server {server!r}: it does not answer ({str(error) or 'too late'}).",
            "Check the address, and that the server runs.",
        ) from None
    try:
        document = json.loads(text) if text else None
    except ValueError:
        document = None
    if status < 400:
        return document
    said = (document or {}).get("error", {}) if isinstance(document, dict) else {}
    message = said.get("message", f"{server}: status {status}.")
    if said.get("code") == "not_confirmed":
        message = f"NOT CONFIRMED. {message}"
    if said.get("code") == "unauthenticated":
        raise ServerError(
            f"--server {server!r}: you are not logged in there, or the session has ended.",
            "Run `pixelopolis fleet login NAME`.",
        )
    if said.get("code") == "forbidden":
        raise ServerError(
            f"your role does not allow this: {message}",
            "Ask an administrator for `pixelopolis server users add NAME --role ROLE`.",
        )
    raise ServerError(message, said.get("next_step", "See the server's log."))


def _say(outcome: dict[str, Any], words: str) -> None:
    confirmed = outcome.get("confirmed") or []
    print_line(f"{words}; confirmed by {', '.join(confirmed)}." if confirmed else f"{words}.")


def _tell_car(server: str, car: str, word: str, words: str) -> None:
    _say(_ask(server, "POST", f"/cars/{quote(car, safe='')}/{word}"), f"{car} {words}")


def _one_or_all(car: str, everybody: bool) -> None:
    if bool(car) == everybody:
        raise typer.BadParameter("give one car, or --all.", param_hint="CAR")


# --- sessions -------------------------------------------------------------------------------------


@app.command()
@needs("server")
def login(
    name: Annotated[str, typer.Argument(help="The operator's name.")], server: Server = SERVER
) -> None:
    """Log in as an operator.

    The password is asked for, or read as a line from standard input.
    """
    password = ask_password()
    answer = _ask(server, "POST", "/login", {"name": name, "password": password})
    _keep_token(server.rstrip("/"), answer["token"])
    print_line(f"{answer['name']} is logged in as {answer['role']}.")


@app.command()
@needs("server")
def logout(server: Server = SERVER) -> None:
    """End the session."""
    _ask(server, "POST", "/logout")
    _keep_token(server.rstrip("/"), "")
    print_line("Logged out.")


# --- what there is --------------------------------------------------------------------------------


@app.command()
@needs("server")
def cars(server: Server = SERVER, as_json: Json = False) -> None:
    """List the cars: what each does and why, and what it holds."""
    answer = _ask(server, "GET", "/cars")
    if as_json:
        print_json(answer)
        return
    if answer["is_halted"]:
        print_line("ALL CARS ARE STOPPED")
    if answer["closed_edges"]:
        print_line(f"closed: {', '.join(answer['closed_edges'])}")
    for car in answer["cars"]:
        duty = "" if car["duty"] == "service" else f" ({car['duty']})"
        ride = f", ride {car['booking_id']}" if car["booking_id"] else ""
        on = f", on {', '.join(car['edges'])}" if car["edges"] else ""
        why = f": {car['reason']}" if car["reason"] else ""
        print_line(f"{car['id']:12} {car['state']}{duty}{ride}{on}{why}")


@app.command()
@needs("server")
def bookings(server: Server = SERVER, count: Count = 50, as_json: Json = False) -> None:
    """List the newest bookings, active or ended."""
    answer = _ask(server, "GET", f"/bookings?count={count}")
    if as_json:
        print_json(answer)
        return
    for booking in answer["bookings"]:
        place = f", number {booking['place_in_line']}" if booking["place_in_line"] else ""
        why = f": {booking['reason']}" if booking["reason"] else ""
        car = booking["car_id"] or "-"
        to = f"{booking['station_device_id']} -> {booking['destination_id']}"
        print_line(f"{booking['id']} {booking['state']:9} {car:10} {to}{place}{why}")


@app.command()
@needs("server")
def waits(server: Server = SERVER, as_json: Json = False) -> None:
    """List who waits and why: cars for streets, visitors for cars."""
    answer = _ask(server, "GET", "/waits")
    if as_json:
        print_json(answer)
        return
    for wait in answer["waits"]:
        who = wait["car_id"] or f"ride {wait['booking_id']}"
        since = "" if wait["waits_s"] is None else f" for {wait['waits_s']:.0f} s"
        print_line(f"{who}{since}: {wait['reason']}")


@app.command()
@needs("server")
def audit(server: Server = SERVER, count: Count = 50, as_json: Json = False) -> None:
    """List the newest commands of operators, and how each ended."""
    answer = _ask(server, "GET", f"/audit?count={count}")
    if as_json:
        print_json(answer)
        return
    for entry in answer["entries"]:
        details = f" ({entry['details']})" if entry["details"] else ""
        what = f"{entry['operator']}: {entry['action']} {entry['target']}"
        print_line(f"{entry['sequence']} {what}: {entry['outcome']}{details}")


# --- cars -----------------------------------------------------------------------------------------


@app.command()
@needs("server")
def pause(car: Car, server: Server = SERVER) -> None:
    """Let a car stand until it is resumed."""
    _tell_car(server, car, "pause", "is paused")


@app.command()
@needs("server")
def stop(car: AnyCar = "", everybody: All = False, server: Server = SERVER) -> None:
    """Stop a car, or all, by emergency stop.

    It fails unless each car confirms in time, and names those that do not.
    """
    _one_or_all(car, everybody)
    if everybody:
        _say(_ask(server, "POST", "/stop"), "All cars are stopped")
    else:
        _tell_car(server, car, "stop", "is stopped")


@app.command()
@needs("server")
def resume(car: AnyCar = "", everybody: All = False, server: Server = SERVER) -> None:
    """Take a car back into service, or let all go on.

    With --all those go on that were stopped together; who is paused alone still stands.
    """
    _one_or_all(car, everybody)
    if everybody:
        _say(_ask(server, "POST", "/resume"), "All cars go on")
    else:
        _tell_car(server, car, "resume", "is in service")


@app.command()
@needs("server")
def home(car: Car, server: Server = SERVER) -> None:
    """Send a car to a place where cars start, once it has no ride."""
    _tell_car(server, car, "home", "drives home once it has no ride")


@app.command()
@needs("server")
def park(car: Car, server: Server = SERVER) -> None:
    """Take a car out of service and out of the way."""
    _tell_car(server, car, "park", "parks once it has no ride")


@app.command()
@needs("server")
def retire(car: Car, server: Server = SERVER) -> None:
    """Give a car no visitors any more, after its ride."""
    _tell_car(server, car, "retire", "is retired")


@app.command()
@needs("server")
def remove(car: Car, server: Server = SERVER) -> None:
    """Take a car off the streets, because somebody has lifted it off."""
    _tell_car(server, car, "remove", "is removed")


@app.command()
@needs("server")
def place(
    car: Car,
    edge: Edge,
    meters: Annotated[float, typer.Argument(min=0.0, max=1000.0, help="Meters along the edge.")],
    server: Server = SERVER,
) -> None:
    """Say where a car stands, and rely on it again."""
    body = {"edge": edge, "s_m": meters}
    outcome = _ask(server, "POST", f"/cars/{quote(car, safe='')}/place", body)
    _say(outcome, f"{car} stands on {edge}")


# --- rides and streets ----------------------------------------------------------------------------


@app.command()
@needs("server")
def end(
    booking: Annotated[str, typer.Argument(help="The booking's id.")], server: Server = SERVER
) -> None:
    """End a ride, or take a visitor out of the line."""
    answer = _ask(server, "POST", f"/bookings/{quote(booking, safe='')}/end")
    print_line(f"Ride {answer['id']} is {answer['state']}.")


@app.command()
@needs("server")
def close(edge: Edge, server: Server = SERVER) -> None:
    """Let no car enter an edge; who is on it may leave."""
    _say(_ask(server, "POST", f"/streets/{quote(edge, safe='')}/close"), f"{edge} is closed")


@app.command("open")
@needs("server")
def open_(edge: Edge, server: Server = SERVER) -> None:
    """Let cars enter an edge again."""
    _say(_ask(server, "POST", f"/streets/{quote(edge, safe='')}/open"), f"{edge} is open")
