"""The words of the command line: commands, options and their help."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

import bioloom
from bioloom.cli._recipe_parser import add_recipe, add_run, add_table_format
from bioloom.errors import InputError

if TYPE_CHECKING:
    from bioloom.operations import Operation, Parameter

_SPACING_HELP = "physical size of a pixel along y,x or z,y,x, such as 0.9,0.3,0.3 (default: pixels)"
_SPACING_HELP_TRAINED = _SPACING_HELP.replace("pixels)", "as in the training)")
_CLASS_HELP = "segmenter, probability, selector: the class that it is about (2)"
_FRAME_HELP = "the axis of time: every frame is processed on its own (default: there is none)"


# As in bioloom.recipe.training.KINDS, which would load the libraries that compute.
TRAINED = ("pixel", "segmenter", "probability", "object", "selector", "merger")


class Parser(argparse.ArgumentParser):
    """Reports a mistake as the one line that every other mistake gets."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}. See `{self.prog} --help`.")


def build_parser(operation: Operation | None) -> argparse.ArgumentParser:
    """Return the parser of all commands, in which `segment` has the parameters of an operation."""
    parser = Parser(prog="bioloom", description="Segment, classify and measure bio-images.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"bioloom {bioloom.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)

    demo = command("demo", "run the whole loop on a simulated sample and show it in napari")
    demo.add_argument("--out", default="bioloom-demo", metavar="DIR", help="folder for the results (%(default)s)")
    demo.add_argument("--headless", action="store_true", help="only write the files, open no window")
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random (%(default)s)")
    demo.add_argument("--sample", default="nuclei_2d", metavar="NAME", help="the simulated sample (%(default)s)")

    command("devices", "list the devices that can compute; * marks the one in use")

    listing = command("operations", "list the operations of the catalogue")
    listing.add_argument("--json", action="store_true", help="as JSON, with a schema of the parameters of each")

    segment = command("segment", "run an operation of the catalogue on image files")
    segment.add_argument("images", nargs="+", metavar="IMAGE", help="files, or patterns such as 'data/*.tif'")
    segment.add_argument(
        "--operation", required=True, metavar="NAME", help="see `bioloom operations`; with --help: its parameters"
    )
    _add_out(segment)
    segment.add_argument("--device", metavar="NAME", help="see `bioloom devices`; or numpy, opencl, auto")
    _add_frame_axis(segment)
    add_table_format(segment)
    if operation is not None:
        _add_operation(segment, operation)

    add_run(command("run", "run a recipe on image files"), _axis)
    add_recipe(command("recipe", "check a recipe, or write it as a script or a notebook"), Parser)

    measure = command("measure", "measure the objects of a label image and write a table")
    measure.add_argument("labels", metavar="LABELS", help="file of labels")
    measure.add_argument(
        "--image", action="append", default=[], metavar="IMAGE", help="file of intensities; may be given several times"
    )
    measure.add_argument("--channel-axis", type=int, metavar="N", help="the axis of channels in a single IMAGE")
    measure.add_argument("--properties", metavar="A,B,C", help="measurements or groups of them (default: all)")
    measure.add_argument("--spacing", metavar="Z,Y,X", help=_SPACING_HELP)
    _add_frame_axis(measure)
    measure.add_argument(
        "--out", required=True, metavar="TABLE", help="the table: .csv, .tsv, .parquet or .h5ad (AnnData)"
    )

    _add_training(command("train", "train a classifier on folders of images and annotations"))

    classify = command("classify", "run a classifier on image files")
    classify.add_argument("model", metavar="MODEL", help="classifier file (.cl)")
    classify.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, or patterns such as 'data/*.tif'")
    _add_out(classify)
    classify.add_argument(
        "--labels", metavar="LABELS", help="object classifiers: file of labels; {stem} stands for the image's name"
    )
    classify.add_argument("--probabilities", action="store_true", help="pixel classifiers: also write probabilities")
    classify.add_argument(
        "--uncertainty", action="store_true", help="pixel classifiers: also write how uncertain each pixel is, 0 to 1"
    )
    classify.add_argument(
        "--objects", type=int, metavar="CLASS", help="pixel classifiers: also write the connected regions of a class"
    )
    classify.add_argument("--spacing", metavar="Z,Y,X", help=_SPACING_HELP_TRAINED)
    _add_frame_axis(classify)
    classify.add_argument(
        "--channel-axis", type=_axis, metavar="N", help="the axis of channels (default: found by their number)"
    )
    classify.add_argument(
        "--keep-existing", action="store_true", help="leave results that are there already (default: replace them)"
    )
    add_table_format(classify)
    return parser


def _add_training(train: argparse.ArgumentParser) -> None:
    train.add_argument("kind", choices=TRAINED, metavar="KIND", help=f"what to train: {', '.join(TRAINED)}")
    train.add_argument("images", metavar="IMAGES", help="folder of images")
    train.add_argument("annotations", metavar="ANNOTATIONS", help="folder of annotations with the same names")
    train.add_argument(
        "--labels", metavar="FOLDER", help="object, selector, merger: folder of label images, same names"
    )
    train.add_argument("--out", required=True, metavar="MODEL.cl", help="the classifier file")
    model = train.add_argument_group("the classifier")
    features = model.add_mutually_exclusive_group()
    features.add_argument(
        "--features", metavar="TEXT", help="such as 'original gaussian_blur=2'; of objects: 'area solidity'"
    )
    features.add_argument("--preset", metavar="NAME", help="a set of pixel features, such as 'small objects'")
    model.add_argument("--class", dest="positive_class", type=int, metavar="N", help=_CLASS_HELP)
    model.add_argument("--class-names", metavar="1=A,2=B", help="what to call the classes")
    model.add_argument(
        "--normalise", metavar="none|linear|log", help="pixels: fit the intensities of each image to one range"
    )
    model.add_argument("--trees", dest="n_trees", type=int, metavar="N", help="number of trees, 1 to 1000 (100)")
    model.add_argument("--depth", dest="max_depth", type=int, metavar="N", help="most decisions in a row, 1 to 30 (6)")
    model.add_argument("--seed", type=int, metavar="N", help="same data and seed, same classifier (0)")
    model.add_argument("--extra-trees", action="store_true", help="extremely randomised trees")
    model.add_argument("--balanced", action="store_true", help="give all classes the same weight")
    model.add_argument(
        "--continue",
        dest="continued",
        metavar="MODEL.cl",
        help="a classifier to train on; keeps what it was trained on",
    )
    train.add_argument("--spacing", metavar="Z,Y,X", help=_SPACING_HELP)
    _add_frame_axis(train)
    train.add_argument("--channel-axis", type=_axis, metavar="N", help="the axis of channels (default: there is none)")


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results")


def _add_frame_axis(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frame-axis", type=_axis, metavar="N", help=_FRAME_HELP)


def _axis(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no axis; count from 0")
    return int(text)


def operation_of(words: list[str]) -> Operation | None:
    """Find the operation before the rest is read, because its parameters are options."""
    if words[:1] != ["segment"]:
        return None
    early = Parser(prog="bioloom segment", add_help=False, allow_abbrev=False)
    early.add_argument("--operation")
    name = early.parse_known_args(words)[0].operation
    if name is None:
        return None
    from bioloom.recipe.catalogue import get_operation

    return get_operation(name)


def _add_operation(parser: argparse.ArgumentParser, operation: Operation) -> None:
    """Make options of the operation's parameters; `Parameter.check` is the only one to judge their values."""
    from bioloom.recipe.words import describe, placeholder

    first, *parameters = operation.parameters.values()
    parser.description = f"{operation.name}: {operation.summary} IMAGE is its {first.name}."
    group = parser.add_argument_group(f"parameters of {operation.name}")
    for parameter in parameters:
        name, place = parameter.name.replace("_", "-"), place_of(parameter)
        text = describe(parameter).replace("%", "%%")
        group.add_argument(f"--{name}", dest=place, metavar=placeholder(parameter), help=text)
        if name != parameter.name:  # as it is called in Python
            group.add_argument(f"--{parameter.name}", dest=place, help=argparse.SUPPRESS)


def place_of(parameter: Parameter) -> str:
    """Return under which name the value of an operation's parameter is among the options."""
    return f"parameter {parameter.name}"


def unknown(options: argparse.Namespace, rest: list[str]) -> str:
    """Say what is wrong with words that fit nowhere."""
    strange = next((word.partition("=")[0] for word in rest if word.startswith("-")), None)
    if strange is None:
        return f"{rest[0]!r} does not fit here. Name all files one after the other, before the options."
    if options.command == "segment":
        from bioloom.recipe.catalogue import get_operation

        operation = get_operation(options.operation)
        known = ", ".join(f"--{name.replace('_', '-')}" for name in list(operation.parameters)[1:])
        return f"{operation.name} has no parameter {strange}. It has: {known or 'none'}."
    command = " ".join(["bioloom", *filter(None, [options.command])])
    return f"{command} has no option {strange}. See `{command} --help`."
