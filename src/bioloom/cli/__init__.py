"""The ``bioloom`` command: it reads the command line, calls the recipe room and the rooms below it, and prints.

Exit status 0; 2 and one line on stderr for everything the user can solve; 130 after Ctrl-C.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Sequence

from bioloom.cli._parser import build_parser, operation_of, unknown
from bioloom.cli._printing import complain
from bioloom.errors import BioloomError, InputError

__all__ = ["main"]


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
        return complain(f"There is not enough memory ({error}). Process smaller images.")
    except (BioloomError, OSError) as error:
        return complain(str(error))
    return status


def _run(words: list[str]) -> int:
    parser = build_parser(operation_of(words))
    options, rest = parser.parse_known_args(words)
    if rest:
        raise InputError(unknown(options, rest))
    if not options.command:
        raise InputError("Say what to do, such as `bioloom demo`. `bioloom --help` lists the commands.")
    from bioloom.cli._commands import COMMANDS

    options.words = words
    return COMMANDS[options.command](options)
