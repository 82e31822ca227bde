"""`pixelopolis server`: the server itself, and who may use it."""

from __future__ import annotations

import asyncio
import logging
import tomllib
from collections.abc import Awaitable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelopolis.cli import server_backup, server_users
from pixelopolis.cli.common import (
    DATA,
    CityName,
    DataFolder,
    Json,
    MongodbUri,
    Verbose,
    console,
    print_json,
    print_line,
)
from pixelopolis.cli.server_database import check_known, with_database
from pixelopolis.cli.service_log import LogFormat, service_handler
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs

if TYPE_CHECKING:
    from server.identity.certificates import TlsFiles

app = typer.Typer()
app.add_typer(server_users.app, name="users")
app.command()(server_backup.backup)
app.command()(server_backup.restore)


def _take_settings(context: typer.Context, file: Path | None) -> Path | None:
    """Take a file's values for options that the command line does not have."""
    if file is None:
        return None
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"--config {str(file)!r} cannot be read: {error}.", "Name a TOML file."
        ) from None
    known = {
        option.removeprefix("--"): parameter.name
        for parameter in context.command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    for key in found:
        if key not in known or key == "config":
            raise SettingsError(
                f"--config {str(file)!r}: there is no setting {key!r}.",
                f"Use the options' names: {', '.join(sorted(known))}.",
            )
    context.default_map = {str(known[key]): value for key, value in found.items()}
    return file


@app.callback(invoke_without_command=True)
@needs("server")
def run(
    context: typer.Context,
    _config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            callback=_take_settings,
            is_eager=True,
            help="TOML file with options by name, such as port = 8081; the command line wins.",
        ),
    ] = None,
    city: CityName = "pixelopolis",
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    mongodb: MongodbUri = "",
    data: DataFolder = DATA,
    bird_url: Annotated[
        str | None, typer.Option(help="URL of the simulator's bird's-eye view.")
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="text for people, json for machines; one line a record.")
    ] = LogFormat.TEXT,
    keep_days: Annotated[
        float,
        typer.Option(min=1.0, max=36500.0, help="Forget bookings that ended so many days ago."),
    ] = 90.0,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Host name by which browsers reach it; repeatable. Addresses just work."),
    ] = None,
    tls_port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Listen with TLS too, by a certificate or our own authority."
        ),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Certificate chain of --tls-port (PEM).")
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option(help="Private key of --certificate (PEM).")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Run the server, or say who may use it.

    It has bookings, dispatch, traffic and web pages.
    """
    if context.invoked_subcommand is not None:
        return
    from pixelopolis.city.sources import load_city
    from server.http.app import Settings, serve

    logging.basicConfig(level=logging.INFO, handlers=[service_handler(log_format)])
    logging.getLogger("server").setLevel(logging.DEBUG if verbose else logging.INFO)
    settings = Settings(
        load_city(city),
        host,
        port,
        mongodb,
        data,
        bird_url,
        keep_days,
        tuple(name or ()),
        tls_port,
        _tls_files(tls_port, certificate, private_key),
    )
    asyncio.run(serve(settings))


def _tls_files(
    tls_port: int | None, certificate: Path | None, private_key: Path | None
) -> TlsFiles | None:
    """Return the files to serve with, None for our own authority; checked before anything starts.

    Raises:
        SettingsError: one is missing, or they cannot be used.
    """
    from server.identity.certificates import TlsFiles

    if certificate is None and private_key is None:
        return None
    if certificate is None or private_key is None or tls_port is None:
        raise SettingsError(
            "--tls-port, --certificate and --private-key belong together.", "Give all three."
        )
    files = TlsFiles(certificate, private_key)
    files.context()
    return files


@app.command()
@needs("server")
def enroll(mongodb: MongodbUri = "", data: DataFolder = DATA) -> None:
    """Show a code with which one car can be enrolled within 10 minutes."""
    import time

    from server.identity.car_store import CarStore
    from server.identity.cars import Cars

    def invite(database: Any) -> Awaitable[str]:
        return Cars(CarStore(database), time.monotonic, time.time).invite()

    code = with_database(mongodb, data, invite)
    print_line(code)
    console.print(f"On the car: pixelopolis car enroll {code} --config car.toml", highlight=False)


@app.command()
@needs("server")
def cars(json: Json = False, mongodb: MongodbUri = "", data: DataFolder = DATA) -> None:
    """List the enrolled cars, their public keys, and since when."""
    from datetime import UTC, datetime

    from server.identity.car_store import CarStore

    check_known(mongodb, data)
    known = with_database(mongodb, data, lambda database: CarStore(database).all())
    if json:
        print_json([asdict(car) for car in known])
        return
    for car in known:
        at = datetime.fromtimestamp(car.enrolled_s, UTC)
        print_line(f"{car.serial}: {car.key}, since {at:%Y-%m-%d %H:%M} UTC")


@app.command()
@needs("server")
def revoke(
    car: Annotated[str, typer.Argument(help="Id of the car.")],
    mongodb: MongodbUri = "",
    data: DataFolder = DATA,
) -> None:
    """End a car's key; its link is closed within about a second."""
    from server.identity.car_store import CarStore

    check_known(mongodb, data)
    if not with_database(mongodb, data, lambda database: CarStore(database).revoke(car)):
        raise SettingsError(f"CAR: no car {car!r} is enrolled.", "See `pixelopolis server cars`.")
    print_line(f"The key of {car} is revoked.")
