"""What each command does: it hands its options to the rooms below and prints what comes back."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bioloom.cli import _recipe_commands
from bioloom.cli._parser import place_of
from bioloom.cli._printing import complain, print_table, tell_file, tell_hint
from bioloom.errors import InputError

DOCKS = ("Pixel classifier", "Measure", "Explore")


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
        _, panel = viewer.window.add_plugin_dock_widget("napari-bioloom", dock, tabify=dock != DOCKS[0])
    # The last one shows what the loop is about: the plot, linked with the objects.
    panel.raise_panel()
    viewer.window.resize(1500, 1000)
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
    print_table(("", "name", "engine", "kind", "memory", "state"), rows)
    return 0


def _operations(options: argparse.Namespace) -> int:
    from bioloom.recipe.catalogue import CATALOGUE

    entries = sorted(CATALOGUE.values(), key=lambda entry: (entry.category, entry.name))
    if options.json:
        from bioloom.recipe.function_calls import schemas_text

        print(schemas_text())
    else:
        rows = [(e.name, e.category, ", ".join(e.engines), e.summary) for e in entries]
        print_table(("name", "category", "engines", "summary"), rows)
    return 0


def _segment(options: argparse.Namespace) -> int:
    from bioloom import device
    from bioloom.recipe import find_files, segment_files
    from bioloom.recipe.catalogue import get_operation
    from bioloom.recipe.words import parse_setting

    operation = get_operation(options.operation)
    words = {p: vars(options).get(place_of(p)) for p in operation.parameters.values()}
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
        table_format=options.tables,
        arguments=options.words,
        on_file=tell_file,
        on_hint=tell_hint,
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
        on_hint=tell_hint,
    )
    print(f"{options.out}: {len(table)} objects, {len(table.columns)} columns")
    return 0


def _choose_device() -> None:
    """Let pixel classifiers use a GPU where there is one."""
    from bioloom import device

    device.current()


def _train(options: argparse.Namespace) -> int:
    from bioloom.classify.scores import report
    from bioloom.recipe import train_files
    from bioloom.recipe.words import parse_names

    given = {
        name: vars(options)[name]
        for name in ("positive_class", "normalise", "n_trees", "max_depth", "seed")
        if vars(options)[name] is not None
    }
    features = _features(options)
    if features is not None:
        given["features"] = features
    if options.class_names is not None:
        given["class_names"] = parse_names(options.class_names)
    if options.extra_trees:
        given["trees"] = "extra trees"
    if options.balanced:
        given["balanced"] = True
    if options.labels is None:
        _choose_device()
    result = train_files(
        options.kind,
        options.images,
        options.annotations,
        options.out,
        labels=options.labels,
        continued=options.continued,
        settings=given,
        channel_axis=options.channel_axis,
        frame_axis=options.frame_axis,
        spacing=_spacing(options),
        arguments=options.words,
    )
    print(result.fit.pairs.describe())
    for path, why in result.fit.failures:
        complain(why if str(path) in why else f"{path}: {why}")
    print("\n".join(result.fit.what_was_used()), end="\n\n")
    print(report(result.classifier))
    forest = result.classifier.forest
    print(f"\n{result.path}: {forest.n_classes} classes, {forest.n_features} features, {len(forest.roots)} trees")
    return 2 if result.fit.failures else 0


def _features(options: argparse.Namespace) -> str | None:
    """Return the text of the features; a preset must be one of the names."""
    if options.preset is None:
        return None if options.features is None else str(options.features)
    from bioloom.classify import PRESETS

    if options.labels is not None:
        raise InputError("Presets are sets of pixel features. Name measurements with --features, or leave it out.")
    if options.preset not in PRESETS:
        raise InputError(f"There is no preset {options.preset!r}. There are: {'; '.join(PRESETS)}.")
    return str(options.preset)


def _classify(options: argparse.Namespace) -> int:
    from bioloom.recipe import classify_files, find_files

    if options.labels is None:
        _choose_device()
    result = classify_files(
        options.model,
        find_files(options.images),
        options.out,
        labels=options.labels,
        probabilities=options.probabilities,
        uncertainty=options.uncertainty,
        objects=options.objects,
        spacing=_spacing(options),
        frame_axis=options.frame_axis,
        channel_axis=options.channel_axis,
        existing="keep" if options.keep_existing else "replace",
        table_format=options.tables,
        arguments=options.words,
        on_file=tell_file,
    )
    return 2 if result.failures else 0


def _spacing(options: argparse.Namespace) -> tuple[float, ...] | None:
    from bioloom.recipe.words import parse_spacing

    return None if options.spacing is None else parse_spacing(options.spacing)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "demo": _demo,
    "devices": _devices,
    "operations": _operations,
    "segment": _segment,
    "run": _recipe_commands.run,
    "recipe": _recipe_commands.recipe,
    "measure": _measure,
    "train": _train,
    "classify": _classify,
}
