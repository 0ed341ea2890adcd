"""Which operations the user likes and used last, from this time to the next."""

from __future__ import annotations

from qtpy.QtCore import QSettings

_MOST_RECENT = 8


def favourites() -> list[str]:
    """Return the names of the favourite operations, in the order in which they were chosen."""
    return _read("favourites")


def is_favourite(name: str) -> bool:
    """Tell whether an operation is a favourite."""
    return name in favourites()


def set_favourite(name: str, on: bool) -> None:
    """Make an operation a favourite, or no longer."""
    others = [n for n in favourites() if n != name]
    _settings().setValue("favourites", ",".join([*others, name] if on else others))


def recent() -> list[str]:
    """Return the names of the operations applied last, the newest first."""
    return _read("recent")


def note_use(name: str) -> None:
    """Remember that an operation was applied."""
    _settings().setValue("recent", ",".join([name, *(n for n in recent() if n != name)][:_MOST_RECENT]))


def _read(key: str) -> list[str]:
    value = _settings().value(key, "")
    # QSettings itself splits a text at commas where the file was written by hand.
    text = ",".join(value) if isinstance(value, (list, tuple)) else str(value or "")
    return [name for name in text.split(",") if name]


def _settings() -> QSettings:
    settings = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-bioloom", "panels")
    settings.beginGroup("process")
    return settings
