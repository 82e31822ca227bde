"""`pixelopolis server users`: the operators who may log in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pixelopolis.cli.common import (
    DATA,
    DataFolder,
    Json,
    MongodbUri,
    ask_password,
    print_json,
    print_line,
)
from pixelopolis.cli.server_database import check_known, with_database
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs
from pixelopolis.output_file import check_output_folder
from server.identity.access import Role

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="Add, list and remove the operators who may log in.")

Name = Annotated[str, typer.Argument(help="Name: letters, digits, '_', '.' and '-'.")]


@app.command()
@needs("server")
def add(
    name: Name,
    role: Annotated[
        Role, typer.Option(help="viewer sees; operator also moves cars; admin also enrolls them.")
    ] = Role.OPERATOR,
    mongodb: MongodbUri = "",
    data: DataFolder = DATA,
) -> None:
    """Add an operator, or give a known one a new role and password.

    The password is asked for, or read as a line from standard input.
    """
    from pydantic import TypeAdapter, ValidationError

    from server.identity.operator_store import Operator, OperatorStore
    from server.identity.passwords import hash_password
    from server.views.models import OperatorName

    try:
        TypeAdapter(OperatorName).validate_python(name)
    except ValidationError:
        raise SettingsError(
            f"NAME: {name!r} is not 1 to 40 letters, digits, '_', '.' or '-'.", "Choose another."
        ) from None

    if not mongodb:
        check_output_folder(data, "--data")
    operator = Operator(name, role, hash_password(ask_password(confirm=True)))
    with_database(mongodb, data, lambda db: OperatorStore(db).put(operator))
    print_line(f"{name} may log in as {role}.")


@app.command("list")
@needs("server")
def list_(json: Json = False, mongodb: MongodbUri = "", data: DataFolder = DATA) -> None:
    """List the operators and their roles."""
    from server.identity.operator_store import OperatorStore

    check_known(mongodb, data)
    operators = with_database(mongodb, data, lambda db: OperatorStore(db).all())
    if json:
        print_json([{"name": each.name, "role": each.role} for each in operators])
        return
    for each in operators:
        print_line(f"{each.name}: {each.role}")


@app.command()
@needs("server")
def remove(name: Name, mongodb: MongodbUri = "", data: DataFolder = DATA) -> None:
    """Remove an operator, whose sessions end at once."""
    from server.identity.operator_store import OperatorStore

    check_known(mongodb, data)
    if not with_database(mongodb, data, lambda db: OperatorStore(db).remove(name)):
        raise SettingsError(
            f"NAME: there is no operator {name!r}.", "See `pixelopolis server users list`."
        )
    print_line(f"{name} cannot log in any more.")
