"""Errors that a user can act on.

Every message names what was given, what is needed and how to get there, because it is shown as it stands: in a napari
notification, or as one line on stderr by the command line.
"""


class BioloomError(Exception):
    """A problem that the user can solve; its text says how."""


class InputError(BioloomError, ValueError):
    """The data or a parameter does not fit what was asked for."""


class DeviceError(BioloomError):
    """The chosen computing device is missing or failed."""


class ModelFileError(BioloomError):
    """A classifier file is broken, hostile or of another kind."""


class Cancelled(Exception):
    """Raised inside a running computation after the user asked to stop it."""
