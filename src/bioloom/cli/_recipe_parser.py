"""The words of the commands about recipes."""

from __future__ import annotations

import argparse
from collections.abc import Callable

# As bioloom.recipe.run_files.FORMATS, which would load the libraries that compute.
FORMATS = ("tif", "png", "zarr")
# As bioloom.tables.TABLE_FORMATS.
TABLE_FORMATS = ("csv", "tsv", "parquet", "h5ad")


def add_table_format(command: argparse.ArgumentParser) -> None:
    """Add the option that chooses what tables are written as."""
    command.add_argument(
        "--tables", default="csv", choices=TABLE_FORMATS, help="format of tables; h5ad is AnnData (%(default)s)"
    )


def add_run(run: argparse.ArgumentParser, axis: Callable[[str], int]) -> None:
    """Add the options of ``bioloom run``."""
    run.add_argument("recipe", metavar="RECIPE", help="recipe file (.yaml)")
    run.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, or patterns such as 'data/*.tif'")
    run.add_argument("--out", required=True, metavar="DIR", help="folder for the results")
    run.add_argument("--jobs", type=int, metavar="N", help="number of processes (default: one per core)")
    run.add_argument("--resume", action="store_true", help="leave out what the same recipe finished before")
    run.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=SOURCE",
        help="where an input of the recipe comes from: a path with {stem} for the name of IMAGE, or #0, #1, … for a "
        "channel of IMAGE; may be given several times",
    )
    run.add_argument(
        "--spacing", metavar="Z,Y,X", help="physical size of a pixel, in the unit of the recipe (default: of the file)"
    )
    run.add_argument("--frame-axis", type=axis, metavar="N", help="the axis of time (default: what the file tells)")
    run.add_argument(
        "--channel-axis", type=axis, metavar="N", help="the axis of channels (default: what the file tells)"
    )
    run.add_argument("--blocks", action="store_true", help="block by block, for images larger than the memory")
    run.add_argument("--format", default="tif", choices=FORMATS, help="of pixels (%(default)s)")
    add_table_format(run)
    run.add_argument("--device", metavar="NAME", help="see `bioloom devices`; or numpy, opencl, auto")


def add_recipe(recipe: argparse.ArgumentParser, kind: type[argparse.ArgumentParser]) -> None:
    """Add the commands under ``bioloom recipe``."""
    actions = recipe.add_subparsers(dest="action", metavar="ACTION", title="actions", parser_class=kind)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        added = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        added.add_argument("recipe", metavar="RECIPE", help="recipe file (.yaml)")
        return added

    action("check", "check a recipe and list its steps")
    for name, what, ending in (("script", "Python script", "py"), ("notebook", "Jupyter notebook", "ipynb")):
        written = action(name, f"write a {what} that does the same")
        written.add_argument("--out", metavar=f"FILE.{ending}", help="the file (default: print it)")
        written.add_argument(
            "--input", action="append", default=[], metavar="NAME=FILE", help="an image to be read by it"
        )
        written.add_argument("--spacing", metavar="Z,Y,X", help="physical size of a pixel")
        written.add_argument("--frame-axis", type=int, metavar="N", help="the axis of time")
