"""Steps and how they hang together: what comes before, what follows, and how to change the order."""

from __future__ import annotations

import dataclasses
import keyword
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from bioloom.errors import InputError
from bioloom.recipe.catalogue import get_operation
from bioloom.recipe.graph import Recipe, Step
from bioloom.recipe.running import first_input

Steps = tuple[Step, ...]

_LONGEST = 48


def find(steps: Steps, step_id: str) -> Step:
    """Return a step by its id.

    Raises
    ------
    InputError
        If there is none.
    """
    for step in steps:
        if step.id == step_id:
            return step
    raise InputError(f"There is no step {step_id!r}. There are: {', '.join(s.id for s in steps) or 'none'}.")


def title(step: Step) -> str:
    """Return what menus call a step's operation."""
    return get_operation(step.operation).title


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Return a name that can name a variable and a file, and that is not taken."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", wanted).strip("_")[:_LONGEST] or "image"
    if not name[0].isalpha() or keyword.iskeyword(name):
        name = f"image_{name}"
    used, number, chosen = set(taken), 1, name
    while chosen in used:
        number += 1
        chosen = f"{name}_{number}"
    return chosen


# ------------------------------------------------------------------------------------------------ relations
def ancestors(steps: Steps, *ids: str) -> Steps:
    """Return some steps and all that they are made of, in order."""
    wanted = set(ids)
    found = []
    for step in reversed(steps):
        if step.id in wanted:
            found.append(step)
            wanted.update(step.inputs.values())
    return tuple(reversed(found))


def descendants(steps: Steps, *ids: str) -> Steps:
    """Return all steps that are made of some, in order, without those."""
    changed = set(ids)
    found = []
    for step in steps:
        if changed.intersection(step.inputs.values()):
            changed.add(step.id)
            if step.id not in ids:
                found.append(step)
    return tuple(found)


def not_made_of(steps: Steps, ids: Collection[str]) -> Steps:
    """Return the steps that are not made of some inputs or steps."""
    gone = {step.id for step in descendants(steps, *ids)}
    return tuple(step for step in steps if step.id not in gone)


def uses(steps: Steps, source: str) -> list[tuple[Step, str]]:
    """Return which steps take a result, and as which of their arrays."""
    return [(step, name) for step in steps for name, taken in step.inputs.items() if taken == source]


def run_of(steps: Steps, step_id: str) -> list[Step]:
    """Return the linear run of a step: each takes its first array from the one before, and nothing else does."""
    run = [find(steps, step_id)]
    by_id = {step.id: step for step in steps}
    while (before := by_id.get(first_input(run[0]))) is not None and len(uses(steps, before.id)) == 1:
        run.insert(0, before)
    while len(following := uses(steps, run[-1].id)) == 1 and first_input(following[0][0]) == run[-1].id:
        run.append(following[0][0])
    return run


# ------------------------------------------------------------------------------------------------ edits
def in_order(steps: Iterable[Step]) -> Steps:
    """Return steps so that each uses only earlier ones; those that may stay where they are do.

    Raises
    ------
    InputError
        If one would be made of its own result.
    """
    waiting = list(steps)
    missing = {step.id for step in waiting}
    done: list[Step] = []
    while waiting:
        ready = next((s for s in waiting if not missing.intersection(s.inputs.values())), None)
        if ready is None:
            raise InputError(f"{waiting[0].id} would be made of its own result. Choose a step that does not follow it.")
        waiting.remove(ready)
        missing.discard(ready.id)
        done.append(ready)
    return tuple(done)


def rewired(steps: Iterable[Step], source: str, target: str, except_for: Iterable[str] = ()) -> list[Step]:
    """Let those that took the result of `source` take that of `target`."""
    kept = set(except_for)
    return [
        dataclasses.replace(s, inputs={n: target if t == source else t for n, t in s.inputs.items()})
        if source in s.inputs.values() and s.id not in kept
        else s
        for s in steps
    ]


def with_first_input(step: Step, source: str) -> Step:
    """Let a step take its first array from somewhere else."""
    name = next(p.name for p in get_operation(step.operation).arrays if p.name in step.inputs)
    return dataclasses.replace(step, inputs={**step.inputs, name: source})


def without(steps: Steps, step_id: str) -> Steps:
    """Take a step out; those that follow take what it took first."""
    removed = find(steps, step_id)
    return tuple(rewired((s for s in steps if s.id != step_id), step_id, first_input(removed)))


def moved(steps: Steps, step_id: str, to: int) -> Steps:
    """Put a step at another position of its linear run.

    Raises
    ------
    InputError
        If the run has no such position.
    """
    run = run_of(steps, step_id)
    if not 0 <= to < len(run):
        there = f"it stands in a row of {len(run)} steps" if len(run) > 1 else "no other step stands in a row with it"
        raise InputError(f"{title(find(steps, step_id))} cannot be moved there: {there}. Other branches stay apart.")
    ids = [step.id for step in run]
    order = [name for name in ids if name != step_id]
    order.insert(to, step_id)
    if order == ids:
        return steps
    by_id = {step.id: step for step in run}
    sources = [first_input(run[0]), *order]
    new = {name: with_first_input(by_id[name], source) for name, source in zip(order, sources, strict=False)}
    others = {step.id: step for step in rewired(steps, ids[-1], order[-1], except_for=ids) if step.id not in new}
    # The steps of the run keep the places that they have among all steps.
    turn = iter(order)
    return in_order(new[next(turn)] if step.id in new else others[step.id] for step in steps)


# ------------------------------------------------------------------------------------------------ checks
def check(steps: Steps, inputs: Mapping[str, str], changed: Iterable[str]) -> Steps:
    """Return steps of which some are changed, those with complete settings.

    Only the changed ones and what follows them are looked at, because that is done while a user waits.

    Parameters
    ----------
    steps
        All steps.
    inputs
        The kind of each input.
    changed
        The ids of those that are new or others than before.

    Raises
    ------
    InputError
        If something does not fit; the message names the step.
    """
    new = {step.id for step in steps}.intersection(changed)
    if not new:
        return steps
    for step in steps:
        arrays = get_operation(step.operation).arrays
        if step.id in new and arrays and not any(p.name in step.inputs for p in arrays):
            raise InputError(f"{title(step)} needs {arrays[0].name}: choose a layer.")
    looked_at = [*new, *(s.id for s in descendants(steps, *new))]
    part = ancestors(steps, *looked_at)
    known = {step.id for step in part}
    used = {source for step in part for source in step.inputs.values()} - known
    unknown = used.difference(inputs)
    if unknown:
        raise InputError(f"{min(unknown)!r} is neither an input nor a step before.")
    light = tuple(s if s.id in new else _without_corrections(s) for s in part)
    recipe = Recipe(tuple(n for n in inputs if n in used), light, tuple(sorted(new))[:1]).checked(inputs)
    checked = {s.id: s for s in recipe.steps if s.id in new}
    return tuple(checked.get(step.id, step) for step in steps)


def _without_corrections(step: Step) -> Step:
    """Leave out corrections, of which there may be many, and which were checked before."""
    kinds: Mapping[str, Any] = get_operation(step.operation).parameters
    settings = {k: v for k, v in step.settings.items() if k not in kinds or kinds[k].kind != "corrections"}
    return step if len(settings) == len(step.settings) else dataclasses.replace(step, settings=settings)


def renamed(recipe: Recipe, inputs: Mapping[str, str], name: Callable[[str], str]) -> tuple[list[Step], dict[str, str]]:
    """Return the steps of a recipe with other inputs and ids, and the new ids by the old."""
    ids: dict[str, str] = {}
    steps = []
    for step in recipe.steps:
        ids[step.id] = name(step.id)
        sources = {n: ids[t] if t in ids else inputs[t] for n, t in step.inputs.items()}
        steps.append(dataclasses.replace(step, id=ids[step.id], inputs=sources))
    return steps, ids


def numbered_afresh(recipe: Recipe) -> Recipe:
    """Return a recipe whose steps are numbered as if nothing was done before: they name the files of results."""
    taken = set(recipe.inputs)
    operations = {step.id: step.operation for step in recipe.steps}

    def name(step_id: str) -> str:
        plain = operations[step_id]
        wanted = plain if re.fullmatch(rf"{plain}_\d+", step_id) else step_id
        taken.add(new := free_name(wanted, taken))
        return new

    steps, ids = renamed(recipe, {name: name for name in recipe.inputs}, name)
    return dataclasses.replace(recipe, steps=tuple(steps), outputs=tuple(ids.get(one, one) for one in recipe.outputs))


def check_sources(steps: Steps, inputs: Iterable[str], step: Step) -> None:
    """Raise InputError if a step takes what does not exist."""
    known = {*inputs, *(s.id for s in steps)}
    for name, source in step.inputs.items():
        if source not in known:
            raise InputError(f"{title(step)}: {name} is taken from {source!r}, which is neither an input nor a step.")


def check_time(steps: Steps, inputs: Mapping[str, bool]) -> None:
    """Raise InputError if a step takes a time series together with a single image.

    Parameters
    ----------
    steps
        All steps.
    inputs
        Whether each input has time.
    """
    has_time = dict(inputs)
    for step in steps:
        kinds = {has_time[source] for source in step.inputs.values()}
        if len(kinds) > 1:
            movies = [n for n, s in step.inputs.items() if has_time[s]]
            raise InputError(
                f"{title(step)}: {' and '.join(movies)} is a time series, but not all of its images are. "
                "Give images that all have time, or none."
            )
        has_time[step.id] = True in kinds
