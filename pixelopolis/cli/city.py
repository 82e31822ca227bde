"""`pixelopolis city`: check a city and draw its map."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from pixelopolis.city.sources import load_city
from pixelopolis.cli.common import Json, console, print_json
from pixelopolis.errors import SettingsError
from pixelopolis.extras import needs

app = typer.Typer(no_args_is_help=True, help="Check a city and draw its map.")

Name = Annotated[
    str, typer.Argument(help="A shipped city, grid:COLSxROWS:SEED, track:SEED, or a TOML file.")
]


@app.command()
def check(name: Name, json: Json = False) -> None:
    """Validate a city and summarize it; list every fault with its line."""
    city = load_city(name)
    turns = Counter(movement.turn.value for movement in city.movements.values())
    x0, y0, x1, y1 = city.bounds_m
    document = {
        "name": city.name,
        "style": city.road.style,
        "nodes": len(city.nodes),
        "edges": len(city.edges),
        "lane_m": round(sum(edge.length_m for edge in city.edges.values()), 3),
        "size_m": [round(x1 - x0, 3), round(y1 - y0, 3)],
        "turns": dict(sorted(turns.items())),
        "signs": len(city.signs),
        "destinations": sorted(city.destinations),
    }
    if json:
        print_json(document)
        return
    movements = ", ".join(f"{count} {turn}" for turn, count in sorted(turns.items()))
    console.print(
        f"{city.name}: no faults. {document['nodes']} nodes, {document['edges']} edges, "
        f"{document['lane_m']} m of lane; movements: {movements}; {document['signs']} signs, "
        f"{len(city.destinations)} destinations.",
        markup=False,
        highlight=False,
    )


@app.command()
@needs("sim")
def draw(
    name: Name,
    out: Annotated[Path, typer.Option(help="Output file (.svg, .png).")],
    width: Annotated[int, typer.Option(min=100, max=8000, help="Width of a PNG in pixels.")] = 1600,
) -> None:
    """Draw a map of streets, directions, signs and destinations."""
    city = load_city(name)
    if out.suffix not in (".svg", ".png"):
        raise SettingsError(
            f"out: expected a name that ends in .svg or .png, got {str(out)!r}.",
            "Choose one of the two.",
        )
    from pixelopolis.city.map_svg import city_png, city_svg

    data = city_png(city, width) if out.suffix == ".png" else city_svg(city).encode()
    try:
        out.write_bytes(data)
    except OSError as error:
        raise SettingsError(
            f"out: cannot write {str(out)!r} ({error}).", "Choose a folder that exists."
        ) from error
    console.print(f"wrote {out} ({len(data)} bytes)", markup=False, highlight=False)
