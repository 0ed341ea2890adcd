"""YAML and JSON from strangers: read without making anything but plain data of it.

Tags, anchors and aliases, deep nesting and long texts are refused. What is built are only mappings, lists, texts,
numbers, true, false and null.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from bioloom.errors import InputError

MAX_BYTES = 16 << 20
_MAX_DEPTH = 20
_MAX_DIGITS = 40
_MAX_PARTS = 500_000

_WORDS: dict[str, Any] = {"null": None, "~": None, "": None, "true": True, "false": False}
WHOLE = re.compile(r"[-+]?[0-9]+")
NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

# libyaml's parser is many times as fast; what is made of the text is decided here for both.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Any:
    """Read YAML or JSON that may be hostile.

    It is built straight from the parser's events, and from nothing but mappings, lists and plain words, so that no tag
    and no alias can do anything, and memory grows no faster than the text.

    Raises
    ------
    InputError
        If it is too long or nested too deep, holds tags, anchors or aliases, or is no YAML.
    """
    if len(text) > MAX_BYTES:
        raise InputError(f"The text has {len(text) >> 20} MiB; a recipe has at most {MAX_BYTES >> 20} MiB.")
    try:
        return _built(yaml.parse(text, Loader=_Parser))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"This is no YAML: {' '.join(str(error).split())[:300]}") from None


def _built(events: Iterator[Any]) -> Any:
    """Return what the events of one document describe."""
    outer: list[Any] = []
    open_ones: list[Any] = [outer]
    keys: list[Any] = [None]
    documents = 0
    for number, event in enumerate(events):
        line = event.start_mark.line + 1
        if number > _MAX_PARTS:
            raise InputError(f"The text has more than {_MAX_PARTS} parts, as no recipe has (line {line}).")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise InputError(f"Line {line} holds an anchor or an alias (& or *). Recipes have none: write it out.")
        if getattr(event, "tag", None) is not None:
            raise InputError(f"Line {line} holds the tag {event.tag[:60]!r}. Recipes have none: remove it.")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise InputError(f"Line {line} begins a second document; a recipe is one.")
        if isinstance(event, yaml.CollectionEndEvent):
            value = open_ones.pop()
            keys.pop()
        elif isinstance(event, yaml.CollectionStartEvent):
            open_ones.append({} if isinstance(event, yaml.MappingStartEvent) else [])
            keys.append(None)
            if len(open_ones) > _MAX_DEPTH:
                raise InputError(f"Line {line} is nested deeper than {_MAX_DEPTH} levels, as no recipe is.")
            continue
        elif isinstance(event, yaml.ScalarEvent):
            is_key = isinstance(open_ones[-1], dict) and keys[-1] is None
            value = event.value if is_key or not event.implicit[0] else _word(event.value, line)
        else:
            continue
        inside = open_ones[-1]
        if isinstance(inside, list):
            inside.append(value)
        elif keys[-1] is None:
            if not isinstance(value, str) or value in inside or value == "<<":
                why = "is no word"
                if isinstance(value, str):
                    why = f"({value[:40]!r}) stands there twice" if value in inside else "merges another mapping"
                raise InputError(f"A key in line {line} {why}. Write each once, as a word.")
            keys[-1] = value
        else:
            inside[keys[-1]] = value
            keys[-1] = None
    return outer[0] if outer else None


def _word(text: str, line: int) -> Any:
    """Return what a word without quotes is: a number, a word of JSON, or a text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[:1] in "-+.0123456789" and NUMBER.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise InputError(f"The number {text[:20]}… in line {line} has too many digits.")
        return int(text) if WHOLE.fullmatch(text) else float(text)
    return text
