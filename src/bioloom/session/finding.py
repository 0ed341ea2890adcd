"""Finding an operation by a few letters: in its title, its other names, its category and its description."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bioloom.operations import Operation

_WORD = re.compile(r"[a-z0-9µ]+")
_CLOSE = 0.74
_SHORTEST_TYPO = 4


@dataclass(frozen=True)
class _Entry:
    operation: Operation
    title: tuple[str, ...]
    others: tuple[str, ...]
    category: tuple[str, ...]
    summary: tuple[str, ...]

    @property
    def joined(self) -> str:
        return "".join(self.title)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


class OperationFinder:
    """Ranks operations by how well they fit what was typed.

    Every word typed must be found: in the title, in other names of the operation (as ImageJ, clEsperanto, SimpleITK or
    scikit-image call it), in its category or in its description; the beginning of a word is enough, blanks may be left
    out (``tophat``), and a mistyped letter is forgiven (``gausian``).

    Parameters
    ----------
    operations
        What can be found.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._entries = [
            _Entry(o, _words(o.title), _words(o.keywords) + _words(o.name), _words(o.category), _words(o.summary))
            for o in operations
        ]

    def find(self, text: str) -> list[Operation]:
        """Return the operations that fit a text, the best first; all in alphabetic order if it is empty."""
        words = _words(text)
        if not words:
            return sorted((e.operation for e in self._entries), key=lambda o: o.title.lower())
        scored = [(self._score(entry, words), entry) for entry in self._entries]
        if all(score <= 0 for score, _ in scored):
            scored = [(self._score(entry, words, forgiving=True), entry) for entry in self._entries]
        found = [(score, entry) for score, entry in scored if score > 0]
        found.sort(key=lambda pair: (-pair[0], len(pair[1].title), pair[1].operation.title.lower()))
        return [entry.operation for _, entry in found]

    def _score(self, entry: _Entry, words: tuple[str, ...], forgiving: bool = False) -> float:
        """Return how well an entry fits; 0 if one of the words is nowhere in it."""
        total = 0.0
        for place, word in enumerate(words, 1):
            score = _found(entry, word, unfinished=place == len(words)) or (_similar(entry, word) if forgiving else 0)
            if not score:
                return 0
            total += score
        joined = "".join(words)
        if entry.joined == joined:
            total += 20
        elif entry.joined.startswith(joined):
            total += 6
        return total


def _found(entry: _Entry, word: str, unfinished: bool) -> float:
    """Return how well a word fits; the last one may still be typed: ``gauss`` on its way to ``gaussian blur``."""
    if word in entry.title:
        return 10
    if any(w.startswith(word) for w in entry.title):
        return 10 if unfinished else 8
    if word in entry.others:
        return 7
    if len(word) > 2 and word in entry.joined:
        return 6
    if any(w.startswith(word) for w in entry.others):
        return 5
    if any(w.startswith(word) for w in entry.category):
        return 3
    if len(word) > 2 and word in "".join(entry.others):
        return 2
    return 1.0 if len(word) > 2 and any(w.startswith(word) for w in entry.summary) else 0


def _similar(entry: _Entry, word: str) -> float:
    if len(word) < _SHORTEST_TYPO:
        return 0
    candidates = {*entry.title, *entry.others, entry.joined}
    # Beginnings of the same length, too: who types "gausi" has not typed the rest yet.
    candidates |= {w[: len(word)] for w in candidates}
    best = max(difflib.SequenceMatcher(None, word, w).ratio() for w in candidates)
    return 4 * best if best >= _CLOSE else 0
