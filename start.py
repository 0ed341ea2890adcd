#!/usr/bin/env python3
"""Install Bioloom and run its demo, or its tests, with nothing but Python 3.11 or newer.

    python3 start.py [--headless] [--out DIR] ...  install, then run "bioloom demo" with the same arguments
    python3 start.py test [ARGUMENTS OF TOX]       install tox, then run all tests
    python3 start.py --help                        show this text

Everything is installed into the folder .venv beside this file (the tests' environments go into .tox); remove the
folders and nothing is left. The first run downloads what it needs, later runs start at once; changes to the code are
always in effect. On Debian and its relatives, missing system libraries for the window and its tests are installed too
if you are root; otherwise one line says what to install. Without a display no system library is needed for the demo.

Exit status: that of the demo or of the tests; 2 if they could not be started.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST_PYTHON = (3, 11)
OLDEST_OUTER_PIP = (22, 3)  # the first with --python
TOX = ["tox>=4.22", "tox-uv>=1.16"]
ALL_TESTS = ["run-parallel", "--parallel", "2", "--parallel-no-spinner"]  # the window's tests beside the others

WINDOW_PACKAGES = [  # what the Qt and OpenGL libraries from PyPI expect to find on the system
    "libdbus-1-3",
    "libegl1",
    "libfontconfig1",
    "libgl1",
    "libgl1-mesa-dri",
    "libglib2.0-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-shape0",
    "libxcb-xinerama0",
    "libxkbcommon-x11-0",
]
TEST_PACKAGES = [*WINDOW_PACKAGES, "xauth", "xvfb"]
# An OpenCL driver for the CPU: the one on PyPI is older and does not know recent processors.
OPENCL_PACKAGES = ["pocl-opencl-icd"]


class SetupError(Exception):
    """The demo or the tests cannot be started; the text says what to do."""


def say(text: str) -> None:
    """Print one line about the installation."""
    print(f"start.py: {text}", file=sys.stderr, flush=True)


def run(command: list[str | Path], capture: bool = False, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command without the settings that would redirect a virtual environment, or let apt-get ask questions."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONPATH")}
    environment["DEBIAN_FRONTEND"] = "noninteractive"
    words = [str(part) for part in command]
    try:
        return subprocess.run(words, capture_output=capture, check=False, cwd=cwd, env=environment, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, "", f"{error}\n")


def output(command: list[str | Path]) -> str:
    """Return what a command prints, or nothing if it cannot be run or fails."""
    answer = run(command, capture=True)
    return answer.stdout if answer.returncode == 0 else ""


def finish(command: list[str | Path], cwd: Path | None = None) -> int:
    """Run the job itself and return its exit status, for a signal as a shell would report it."""
    status = run(command, cwd=cwd).returncode
    return status if status >= 0 else 128 - status


# --- system packages ------------------------------------------------------------------------------------------------


def missing(packages: list[str]) -> list[str]:
    """Return the Debian packages that are neither installed nor provided by another one."""
    fields = output(["dpkg-query", "-W", "-f", "${db:Status-Status}|${Package}, ${Provides}\n"])
    installed: set[str] = set()
    for line in fields.splitlines():
        status, _, names = line.partition("|")
        if status == "installed":
            installed.update(name.split()[0] for name in names.split(",") if name.strip())
    return [name for name in packages if name not in installed]


def provide(packages: list[str], purpose: str) -> list[str]:
    """Install missing Debian packages if that is possible here; return those still missing."""
    if not shutil.which("dpkg-query"):  # another system: its own libraries have other names
        return []
    absent = missing(packages)
    if not absent:
        return []
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        say(f"installing system packages for {purpose}: {' '.join(absent)}")
        start = time.monotonic()
        for step in (["update"], ["install", "-y", "--no-install-recommends", *absent]):
            result = run([apt, "-qq", "-o", "DPkg::Lock::Timeout=120", *step], capture=True)
            if result.returncode:
                print(result.stdout + result.stderr, file=sys.stderr)
        absent = missing(packages)
        if not absent:
            say(f"system packages installed in {time.monotonic() - start:.0f} s")
    if absent:
        say(f"missing system packages for {purpose}; install them with: sudo apt-get install {' '.join(absent)}")
    return absent


# --- virtual environment --------------------------------------------------------------------------------------------


def venv_version() -> str:
    """Return the version of the environment's Python, or nothing if there is none that works."""
    version = output([PYTHON, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]).strip()
    return version if version and tuple(map(int, version.split("."))) >= OLDEST_PYTHON else ""


def make_venv() -> None:
    """Create .venv, without pip where this Python cannot put it there (Debian's without python3-venv)."""
    if venv_version():
        return
    say("creating the virtual environment .venv")
    create: list[str | Path] = [sys.executable, "-m", "venv", "--clear"]
    if importlib.util.find_spec("ensurepip") and run([*create, VENV], capture=True).returncode == 0:
        return
    if run([*create, "--without-pip", VENV]).returncode:
        raise SetupError(f"{sys.executable} cannot create a virtual environment in {VENV}; see the lines above")


def pip_command() -> list[str | Path]:
    """Return the pip that installs into .venv: its own, else the one of the Python that runs this file."""
    own: list[str | Path] = [PYTHON, "-m", "pip"]
    if output([*own, "--version"]):
        return own
    version = re.match(r"pip (\d+)\.(\d+)", output([sys.executable, "-m", "pip", "--version"]))
    if version and tuple(map(int, version.groups())) >= OLDEST_OUTER_PIP:
        return [sys.executable, "-m", "pip", "--python", PYTHON]
    # Only Debian's own Python can be completed by a Debian package.
    if sys.prefix == "/usr" and not provide(["python3-venv"], "installing Python packages"):
        run([sys.executable, "-m", "venv", "--clear", VENV], capture=True)
        if output([*own, "--version"]):
            return own
    raise SetupError(f"{sys.executable} has no pip; install pip 22.3 or newer, or Debian's python3-venv")


def install(job: str, requirements: list[str], what: str, project: str = "") -> bool:
    """Install requirements into .venv, unless that was done for the same project file, Python and place.

    Returns whether something was installed.
    """
    make_venv()
    state = [venv_version(), str(ROOT), project, *requirements]
    key = hashlib.sha256("\0".join(state).encode()).hexdigest()
    marker = VENV / f".installed-for-{job}"
    if marker.is_file() and marker.read_text(encoding="utf-8") == key:
        return False
    marker.unlink(missing_ok=True)
    say(f"installing {what} into .venv (only the first time; this can take minutes)")
    start = time.monotonic()
    quiet = ["-qq", "--no-input", "--disable-pip-version-check"]
    if run([*pip_command(), "install", *quiet, *requirements], cwd=ROOT).returncode:
        raise SetupError(f"pip could not install {what}; see the lines above, then run the same command again")
    marker.write_text(key, encoding="utf-8")
    say(f"{what} installed in {time.monotonic() - start:.0f} s")
    return True


# --- the two jobs ---------------------------------------------------------------------------------------------------


def demo(arguments: list[str]) -> int:
    """Install Bioloom and run its demo, which itself decides whether there is a display to use."""
    has_display = sys.platform == "linux" and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if has_display and "--headless" not in arguments and provide(WINDOW_PACKAGES, "the window"):
        say("if the window does not open, install them or add --headless")
    # Editable: the installed package is this folder, so that it is never older than the code.
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    is_new = install("demo", ["-e", ".[all]"], "Bioloom with napari and Qt", project)
    bioloom = PYTHON.with_name("bioloom.exe" if os.name == "nt" else "bioloom")
    say(f"running: {' '.join(['bioloom demo', *arguments])}")
    if is_new:
        say("some steps take a minute now, because they compile what they need (only the first time)")
    return finish([bioloom, "demo", *arguments])


def test(arguments: list[str]) -> int:
    """Install tox and run it, plain or with the arguments given."""
    shows_windows = not arguments or any("gui" in argument for argument in arguments)
    if sys.platform == "linux" and shows_windows:
        if provide(TEST_PACKAGES, "the tests of the window"):
            raise SetupError('the tests of the window need them; the others run with "python3 start.py test -e core"')
        if not shutil.which("xvfb-run"):
            raise SetupError("the tests of the window need xvfb-run; install the package of your system that has it")
    if sys.platform == "linux" and (not arguments or any("opencl" in argument for argument in arguments)):
        provide(OPENCL_PACKAGES, "the tests of the OpenCL path")
    install("test", TOX, "tox")
    arguments = arguments or ALL_TESTS
    say(f"running: {' '.join(['tox', *arguments])}")
    return finish([PYTHON, "-m", "tox", *arguments], cwd=ROOT)


def main(arguments: list[str]) -> int:
    """Do what the command line asks for and return the exit status."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__, end="")
        return 0
    if sys.version_info < OLDEST_PYTHON:
        say(f"this is Python {sys.version.split()[0]}; run it with Python {'.'.join(map(str, OLDEST_PYTHON))} or newer")
        return 2
    try:
        return test(arguments[1:]) if arguments[:1] == ["test"] else demo(arguments)
    except SetupError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
