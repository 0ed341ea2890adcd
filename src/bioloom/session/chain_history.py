"""What was done to the steps of a chain, to be taken back and done again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bioloom.session.chain_graph import Steps

_LENGTH = 200


@dataclass(frozen=True)
class Edit:
    """What was done, and the steps before and after."""

    text: str
    before: Steps
    after: Steps


class History:
    """The last 200 edits."""

    def __init__(self) -> None:
        self._past: list[Edit] = []
        self._future: list[Edit] = []

    def add(self, edit: Edit) -> None:
        """Remember an edit; what was taken back before cannot be done again."""
        self._past.append(edit)
        del self._past[:-_LENGTH]
        self._future.clear()

    @property
    def last(self) -> Edit | None:
        """The edit that can be taken back."""
        return self._past[-1] if self._past else None

    @property
    def next(self) -> Edit | None:
        """The edit that can be done again."""
        return self._future[-1] if self._future else None

    def has(self, step_id: str) -> bool:
        """Tell whether an edit has a step before or after."""
        edits = (*self._past, *self._future)
        return any(step.id == step_id for edit in edits for step in (*edit.before, *edit.after))

    def change(self, keep: Callable[[Steps], Steps]) -> None:
        """Change the steps of all edits; those that change nothing any more are forgotten."""

        def changed(edits: list[Edit]) -> list[Edit]:
            new = [Edit(edit.text, keep(edit.before), keep(edit.after)) for edit in edits]
            return [edit for edit in new if edit.before != edit.after]

        self._past, self._future = changed(self._past), changed(self._future)

    def back(self) -> Edit:
        """Go back by an edit, and return it."""
        self._future.append(self._past.pop())
        return self._future[-1]

    def forth(self) -> Edit:
        """Go forth by an edit, and return it."""
        self._past.append(self._future.pop())
        return self._past[-1]
