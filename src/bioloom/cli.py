"""The ``bioloom`` command: it reads the command line, calls the recipe room and the rooms below it, and prints.

Exit status 0; 2 and one line on stderr for everything the user can solve; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import bioloom
from bioloom.errors import BioloomError, InputError

if TYPE_CHECKING:
    from bioloom.operations import Operation, Parameter
    from bioloom.recipe import FileResult

DOCKS = ("Pixel classifier", "Measure", "Explore")
_SPACING_HELP = "physical size of a pixel along y,x or z,y,x, such as 0.9,0.3,0.3 (default: pixels)"
_FRAME_HELP = "the axis of time: every frame is processed on its own (default: there is none)"

# How the rooms below name what are options here. Not within names of files, such as my_frame_axis.tif.
_PYTHON_WORDS = (
    (r"\(image=… in Python, --image on the command line\)", "(--image FILE)"),
    (r"list_properties\(\d?\) names", "The reference of measurements names"),
    (r"(?<![\w./\\-])(frame|channel)_axis(?!\w|[./\\-]\w)", r"--\1-axis"),
    (r"\bspacing=(?=[(\[])", "--spacing "),
)


class _Parser(argparse.ArgumentParser):
    """Reports a mistake as the one line that every other mistake gets."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}. See `{self.prog} --help`.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments
        Its words; those of the process if left out.

    Returns
    -------
    int
        The exit status: 0, 2 if something was wrong that the user can solve, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # What libraries log about broken files is not meant for users; the error that follows is.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        status = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # such as `bioloom operations | head -3`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except MemoryError as error:
        return _complain(f"There is not enough memory ({error}). Process smaller images.")
    except (BioloomError, OSError) as error:
        return _complain(str(error))
    return status


def _complain(text: str) -> int:
    print(f"bioloom: {' '.join(_in_options(text).split())}", file=sys.stderr)
    return 2


def _in_options(text: str) -> str:
    """Name the arguments of Python functions as the options that they are here."""
    text = text.replace("channel_axis and channel_names need", "--channel-axis needs")
    for pattern, option in _PYTHON_WORDS:
        text = re.sub(pattern, option, text)
    return text


def _run(words: list[str]) -> int:
    parser = _parser(_operation_of(words))
    options, rest = parser.parse_known_args(words)
    if rest:
        raise InputError(_unknown(options, rest))
    if not options.command:
        raise InputError("Say what to do, such as `bioloom demo`. `bioloom --help` lists the commands.")
    options.words = words
    status: int = options.run(options)
    return status


# --- the words --------------------------------------------------------------------------------------------------------


def _parser(operation: Operation | None) -> argparse.ArgumentParser:
    parser = _Parser(prog="bioloom", description="Segment, classify and measure bio-images.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"bioloom {bioloom.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        sub.set_defaults(run=run)
        return sub

    demo = command("demo", _demo, "run the whole loop on a simulated sample and show it in napari")
    demo.add_argument("--out", default="bioloom-demo", metavar="DIR", help="folder for the results (%(default)s)")
    demo.add_argument("--headless", action="store_true", help="only write the files, open no window")
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="seed of everything random (%(default)s)")
    demo.add_argument("--sample", default="nuclei_2d", metavar="NAME", help="the simulated sample (%(default)s)")

    command("devices", _devices, "list the devices that can compute; * marks the one in use")

    listing = command("operations", _operations, "list the operations of the catalogue")
    listing.add_argument("--json", action="store_true", help="as JSON, with a schema of the parameters of each")

    segment = command("segment", _segment, "run an operation of the catalogue on image files")
    segment.add_argument("images", nargs="+", metavar="IMAGE", help="files, or patterns such as 'data/*.tif'")
    segment.add_argument(
        "--operation", required=True, metavar="NAME", help="see `bioloom operations`; with --help: its parameters"
    )
    _add_out(segment)
    segment.add_argument("--device", metavar="NAME", help="see `bioloom devices`; or numpy, opencl, auto")
    _add_frame_axis(segment)
    if operation is not None:
        _add_operation(segment, operation)

    measure = command("measure", _measure, "measure the objects of a label image and write a table")
    measure.add_argument("labels", metavar="LABELS", help="file of labels")
    measure.add_argument(
        "--image", action="append", default=[], metavar="IMAGE", help="file of intensities; may be given several times"
    )
    measure.add_argument("--channel-axis", type=int, metavar="N", help="the axis of channels in a single IMAGE")
    measure.add_argument("--properties", metavar="A,B,C", help="measurements or groups of them (default: all)")
    measure.add_argument("--spacing", metavar="Z,Y,X", help=_SPACING_HELP)
    _add_frame_axis(measure)
    measure.add_argument("--out", required=True, metavar="TABLE.csv", help="the table")

    classify = command("classify", _classify, "run a classifier on image files")
    classify.add_argument("model", metavar="MODEL", help="classifier file (.cl)")
    classify.add_argument("images", nargs="+", metavar="IMAGE", help="files, or patterns such as 'data/*.tif'")
    _add_out(classify)
    classify.add_argument(
        "--labels", metavar="LABELS", help="object classifiers: file of labels; {stem} stands for the image's name"
    )
    classify.add_argument("--probabilities", action="store_true", help="pixel classifiers: also write probabilities")
    classify.add_argument(
        "--objects", type=int, metavar="CLASS", help="pixel classifiers: also write the connected regions of a class"
    )
    classify.add_argument("--spacing", metavar="Z,Y,X", help=f"{_SPACING_HELP[:-17]} (default: as in the training)")
    _add_frame_axis(classify)
    classify.add_argument(
        "--channel-axis", type=_axis, metavar="N", help="the axis of channels (default: found by their number)"
    )
    return parser


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the results")


def _add_frame_axis(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frame-axis", type=_axis, metavar="N", help=_FRAME_HELP)


def _axis(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no axis; count from 0")
    return int(text)


def _operation_of(words: list[str]) -> Operation | None:
    """Find the operation before the rest is read, because its parameters are options."""
    if words[:1] != ["segment"]:
        return None
    early = _Parser(prog="bioloom segment", add_help=False, allow_abbrev=False)
    early.add_argument("--operation")
    name = early.parse_known_args(words)[0].operation
    if name is None:
        return None
    from bioloom.operations import get_operation

    return get_operation(name)


def _add_operation(parser: argparse.ArgumentParser, operation: Operation) -> None:
    """Make options of the operation's parameters; `Parameter.check` is the only one to judge their values."""
    from bioloom.recipe.words import describe, placeholder

    first, *parameters = operation.parameters.values()
    parser.description = f"{operation.name}: {operation.summary} IMAGE is its {first.name}."
    group = parser.add_argument_group(f"parameters of {operation.name}")
    for parameter in parameters:
        name, place = parameter.name.replace("_", "-"), _place(parameter)
        text = describe(parameter).replace("%", "%%")
        group.add_argument(f"--{name}", dest=place, metavar=placeholder(parameter), help=text)
        if name != parameter.name:  # as it is called in Python
            group.add_argument(f"--{parameter.name}", dest=place, help=argparse.SUPPRESS)


def _place(parameter: Parameter) -> str:
    return f"parameter {parameter.name}"


def _unknown(options: argparse.Namespace, rest: list[str]) -> str:
    """Say what is wrong with words that fit nowhere."""
    strange = next((word.partition("=")[0] for word in rest if word.startswith("-")), None)
    if strange is None:
        return f"{rest[0]!r} does not fit here. Name all files one after the other, before the options."
    if options.command == "segment":
        from bioloom.operations import get_operation

        operation = get_operation(options.operation)
        known = ", ".join(f"--{name.replace('_', '-')}" for name in list(operation.parameters)[1:])
        return f"{operation.name} has no parameter {strange}. It has: {known or 'none'}."
    command = " ".join(["bioloom", *filter(None, [options.command])])
    return f"{command} has no option {strange}. See `{command} --help`."


# --- the commands -----------------------------------------------------------------------------------------------------


def _demo(options: argparse.Namespace) -> int:
    from bioloom.recipe.batch import check_folder
    from bioloom.recipe.demo import N_STEPS, Step, keep_for_window, run_loop, write_results
    from bioloom.recipe.display import why_no_window
    from bioloom.samples import make_sample

    check_folder(options.out)
    sample = make_sample(options.sample, options.seed)
    reason = "--headless" if options.headless else why_no_window()
    if reason and not options.headless:
        print(f"No window: {reason}. The files are written all the same.")
    done = []

    def tell(step: Step) -> None:
        done.append(step)
        print(f"{len(done)}/{N_STEPS} {step.seconds:6.2f} s  {step.name}: {step.what}", flush=True)

    result = run_loop(sample, options.seed, on_step=tell)
    files = write_results(result, options.out)
    for path in files:
        print(path)
    count, quality = result.scores["objects_measured"], result.scores["object_f1"]
    print(f"{count:g} objects, F1 {quality:.2f} against the truth; more in report.md")
    print(f"The results are in {Path(options.out).resolve()}", flush=True)
    if not reason:
        keep_for_window(result)
        _open_window()
    return 0


def _open_window() -> None:
    import napari

    viewer = napari.Viewer(title="Bioloom demo")
    viewer.open_sample("napari-bioloom", "demo")
    for dock in DOCKS:
        viewer.window.add_plugin_dock_widget("napari-bioloom", dock, tabify=dock != DOCKS[0])
    viewer.reset_view()
    napari.run()


def _devices(options: argparse.Namespace) -> int:
    from bioloom import device

    used = device.current()
    rows = [
        (
            "*" if d == used else "",
            *(d.name, d.engine, d.kind, f"{d.memory / 2**30:.1f} GiB" if d.memory else "-"),
            "works" if d.works else f"does not work: {d.problem}",
        )
        for d in device.list_devices()
    ]
    _print_table(("", "name", "engine", "kind", "memory", "state"), rows)
    return 0


def _operations(options: argparse.Namespace) -> int:
    from bioloom.operations import CATALOGUE

    entries = sorted(CATALOGUE.values(), key=lambda entry: (entry.category, entry.name))
    if options.json:
        print(json.dumps([entry.schema() for entry in entries], indent=2))
    else:
        rows = [(e.name, e.category, ", ".join(e.engines), e.summary) for e in entries]
        _print_table(("name", "category", "engines", "summary"), rows)
    return 0


def _segment(options: argparse.Namespace) -> int:
    from bioloom import device
    from bioloom.operations import get_operation
    from bioloom.recipe import find_files, segment_files
    from bioloom.recipe.words import parse_setting

    operation = get_operation(options.operation)
    words = {p: vars(options).get(_place(p)) for p in operation.parameters.values()}
    given = {p: word for p, word in words.items() if word is not None}
    if options.device:
        device.select(options.device)
    result = segment_files(
        find_files(options.images),
        operation.name,
        options.out,
        settings={p.name: parse_setting(operation, p, text) for p, text in given.items() if not p.is_array},
        arrays={p.name: text for p, text in given.items() if p.is_array},
        frame_axis=options.frame_axis,
        arguments=options.words,
        on_file=_tell_file,
        on_hint=_tell_hint,
    )
    return 2 if result.failures else 0


def _measure(options: argparse.Namespace) -> int:
    from bioloom.recipe import measure_file

    table = measure_file(
        options.labels,
        options.image,
        options.out,
        spacing=_spacing(options),
        frame_axis=options.frame_axis,
        properties=None if options.properties is None else [p.strip() for p in options.properties.split(",")],
        channel_axis=options.channel_axis,
        arguments=options.words,
        on_hint=_tell_hint,
    )
    print(f"{options.out}: {len(table)} objects, {len(table.columns)} columns")
    return 0


def _classify(options: argparse.Namespace) -> int:
    from bioloom.recipe import classify_files, find_files

    result = classify_files(
        options.model,
        find_files(options.images),
        options.out,
        labels=options.labels,
        probabilities=options.probabilities,
        objects=options.objects,
        spacing=_spacing(options),
        frame_axis=options.frame_axis,
        channel_axis=options.channel_axis,
        arguments=options.words,
        on_file=_tell_file,
    )
    return 2 if result.failures else 0


# --- printing ---------------------------------------------------------------------------------------------------------


def _spacing(options: argparse.Namespace) -> tuple[float, ...] | None:
    from bioloom.recipe.words import parse_spacing

    return None if options.spacing is None else parse_spacing(options.spacing)


def _tell_file(file: FileResult) -> None:
    if file.error:
        _complain(file.error if str(file.path) in file.error else f"{file.path}: {file.error}")
    else:
        print(f"{file.path} -> {', '.join(map(str, file.outputs))} ({file.seconds:.2f} s)", flush=True)


def _tell_hint(text: str) -> None:
    print(f"bioloom: note: {text}", file=sys.stderr, flush=True)


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
