"""The worker process: real computations, and everything that can go wrong between two processes."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bioloom.errors
from bioloom.errors import BioloomError, Cancelled, InputError
from bioloom.explore import class_colours, embed, points_in_polygon
from bioloom.session import worker_process
from bioloom.session.worker_process import WorkerProcess

EMBED = "bioloom.explore.embed:embed"
COLUMNS = list("abcde")


class Instead:
    """Pickled here, it becomes the result of `function(*args)` there."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


@pytest.fixture(scope="module")
def shared():
    """One worker for many tests: each must leave it usable, as an application would find it."""
    worker = WorkerProcess()
    yield worker
    worker.close()


@pytest.fixture
def fresh():
    worker = WorkerProcess()
    yield worker
    worker.close()


def table(n_rows, seed=1):
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(n_rows, 5)), columns=COLUMNS)


def check(worker, n=5):
    """A quick call whose answer is known."""
    np.testing.assert_array_equal(worker.call("bioloom.explore.colours:class_colours", n), class_colours(n))


def state_of(pid):
    """The state of a process as its first letter tells, nothing if there is no such process."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].strip()
        except (FileNotFoundError, ProcessLookupError):
            return ""
    windows = sys.platform == "win32"
    ask = ["tasklist", "/NH", "/FI", f"PID eq {pid}"] if windows else ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    return "" if windows and str(pid) not in state else state


def gone(pid, within=5.0):
    """Whether the process ends in time. A zombie, not yet collected by its parent, has ended."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        state = state_of(pid)
        if not state or state.startswith("Z"):
            return True
        time.sleep(0.05)
    return False


def test_umap_there_equals_umap_here_and_reports_its_epochs(shared):
    reported = []
    with ThreadPoolExecutor(1) as pool:
        call = {"seed": 3, "progress": lambda *step: reported.append(step)}
        running = pool.submit(shared.call, EMBED, table(60), COLUMNS, "umap", **call)
        here = embed(table(60), COLUMNS, "umap", seed=3)
        there = running.result()
    np.testing.assert_array_equal(there.coordinates, here.coordinates)
    assert there.parameters == here.parameters
    assert reported[-1][0] == reported[-1][1] > 100
    assert [done for done, _ in reported] == sorted(done for done, _ in reported)
    # Where UMAP is compiled already: nobody would hear of what goes wrong in the background.
    for step in worker_process._WARM_UP:
        assert shared.call(step) is None


def test_progress_may_cancel(shared):
    def refuse(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        shared.call(EMBED, table(20), COLUMNS, "pca", progress=refuse)
    assert shared.pid is None
    check(shared)


def test_the_process_stays_for_the_next_call(shared):
    check(shared)
    pid = shared.pid
    assert pid not in (None, os.getpid())
    start = time.perf_counter()
    check(shared)
    assert shared.pid == pid
    assert time.perf_counter() - start < 1


def test_exceptions_come_back_as_they_are(shared):
    with pytest.raises(InputError, match="no column named 'size'") as caught:
        shared.call(EMBED, table(20), ["size"])
    assert "in the computing process" in caught.value.__notes__[0]
    assert "preprocess.py" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match="unexpected keyword"):
        shared.call(EMBED, table(20), COLUMNS, colour="red")
    check(shared)


@pytest.mark.parametrize(
    "name",
    ["os:system", "bioloom", "bioloomed.x:y", "bioloom.files", "bioloom.files:os.system", "subprocess.bioloom.x:run"],
)
def test_only_functions_of_this_package_can_be_named(fresh, name):
    with pytest.raises(InputError, match="no function of this package"):
        fresh.call(name)
    assert fresh.pid is None


@pytest.mark.parametrize("name", ["bioloom.files:contextmanager", "bioloom.files:np", "bioloom.files:nothing_there"])
def test_what_a_module_imported_from_elsewhere_is_not_its_own(shared, name):
    with pytest.raises(InputError, match="no function of this package"):
        shared.call(name)


def test_prints_do_not_break_the_messages(fresh, capfd):
    noise = b"noise on file descriptor 1\n"
    with pytest.raises(InputError, match="pandas table"):
        fresh.call(EMBED, Instead(os.write, 1, noise), COLUMNS)
    with pytest.raises(InputError, match="pandas table"):
        fresh.call(EMBED, Instead(print, "a printed line"), COLUMNS)
    check(fresh)
    assert noise.decode() in capfd.readouterr().err


def test_asking_for_input_there_finds_none(shared):
    with pytest.raises(EOFError):
        shared.call(EMBED, Instead(input), COLUMNS)
    check(shared)


def test_large_arrays_pass_both_ways_and_come_back_writable(shared):
    values = np.arange(13_000_000, dtype=np.float64).reshape(-1, 2)
    given = pd.DataFrame(values, columns=["a", "b"])
    start = time.perf_counter()
    prepared = shared.call("bioloom.explore.preprocess:prepare", given, ["a", "b"], "none")
    print(f"{values.nbytes / 1e6:.0f} MB there and back: {time.perf_counter() - start:.2f} s")
    np.testing.assert_array_equal(prepared.values, values)
    prepared.values[0] = 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_is_explained_and_the_next_call_works(shared, ending, capfd):
    check(shared)
    pid = shared.pid
    threading.Timer(0.5, os.kill, (pid, ending)).start()
    with pytest.raises(BioloomError, match=rf"exit code -{int(ending)}\).*data are unchanged.*fewer rows"):
        shared.call(EMBED, Instead(time.sleep, 20), COLUMNS)
    assert shared.pid is None
    check(shared)
    assert shared.pid != pid


def test_a_process_that_ends_itself_or_died_unnoticed_is_replaced(shared):
    with pytest.raises(BioloomError, match="exit code 7"):
        shared.call(EMBED, Instead(os._exit, 7), COLUMNS)
    check(shared)
    shared._child.process.kill()
    shared._child.process.wait()
    check(shared)


def test_sys_exit_there_does_not_end_anything(shared):
    check(shared)
    pid = shared.pid
    with pytest.raises(BioloomError, match="SystemExit"):
        shared.call(EMBED, Instead(sys.exit, 1), COLUMNS)
    check(shared)
    assert shared.pid == pid


def test_cancel_kills_a_running_umap_within_a_second(shared):
    check(shared)
    pid, pressed = shared.pid, []

    def cancelled():
        if time.monotonic() > deadline:
            pressed.append(time.monotonic())
        return bool(pressed)

    deadline = time.monotonic() + 1.5
    with pytest.raises(Cancelled):
        shared.call(EMBED, table(20_000), COLUMNS, "umap", cancelled=cancelled)
    assert time.monotonic() - pressed[0] < 1
    assert gone(pid)
    check(shared)


def test_a_call_that_waits_for_its_turn_can_be_cancelled_without_harm_to_the_first(shared):
    def sleep_there():
        with pytest.raises(InputError):
            shared.call(EMBED, Instead(time.sleep, 1), COLUMNS)

    check(shared)
    first = threading.Thread(target=sleep_there)
    first.start()
    time.sleep(0.2)
    pid = shared.pid
    with pytest.raises(Cancelled):
        shared.call(EMBED, table(20), COLUMNS, "pca", cancelled=lambda: True)
    first.join(5)
    assert shared.pid == pid


def test_calls_from_several_threads_get_their_own_answers(shared):
    finished = []

    def ask(seed):
        for _ in range(20):
            check(shared, seed)
        finished.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(finished) == list(range(8))


def test_close_cancels_a_running_call_and_leaves_no_process(shared):
    check(shared)
    pid = shared.pid
    threading.Timer(0.3, shared.close).start()
    with pytest.raises(Cancelled):
        shared.call(EMBED, Instead(time.sleep, 20), COLUMNS)
    assert gone(pid)
    shared.close()
    check(shared)


def test_warm_up_goes_on_in_the_background_and_close_ends_it(fresh):
    start = time.perf_counter()
    thread = fresh.warm_up()
    assert time.perf_counter() - start < 0.5
    while fresh.pid is None:
        time.sleep(0.01)
    pid = fresh.pid
    fresh.close()
    thread.join(5)
    assert not thread.is_alive()
    assert gone(pid)


def test_a_call_made_during_the_warm_up_comes_before_the_next_step(fresh, monkeypatch):
    check(fresh)
    call, begun, done = fresh.call, threading.Event(), []

    def slow_step(step):
        begun.set()
        # Long enough for a busy computer to let the test go on meanwhile.
        call("bioloom.explore.colours:class_colours", Instead(eval, "__import__('time').sleep(0.3) or 5"))
        done.append(step)

    monkeypatch.setattr(fresh, "call", slow_step)
    thread = fresh.warm_up()
    assert begun.wait(10)
    time.sleep(0.05)
    call("bioloom.explore.colours:class_colours", 5)
    assert len(done) == 1
    thread.join(5)
    assert [step.rpartition("_")[2] for step in done] == ["clusters", "imports", "umap"]


def test_a_forgotten_worker_takes_its_process_along():
    worker = WorkerProcess()
    check(worker)
    pid = worker.pid
    del worker
    gc.collect()
    assert gone(pid)


SCRIPT = """
import os, sys
from bioloom.session.worker_process import WorkerProcess
print("main runs", flush=True)
worker = WorkerProcess()
worker.call("bioloom.explore.colours:class_colours", 5)
print(worker.pid, flush=True)
{ending}
"""


@pytest.mark.parametrize("ending", ["", "sys.exit(3)", "os._exit(3)", "os.kill(os.getpid(), 9)"])
def test_the_process_ends_with_the_application_however_that_ends(tmp_path, ending):
    # Lies beside the script: were the current folder searched first, the child would not start.
    (tmp_path / "queue.py").write_text("raise RuntimeError('the wrong queue')", encoding="utf-8")
    script = tmp_path / "scripts" / "main.py"
    script.parent.mkdir()
    script.write_text(SCRIPT.format(ending=ending), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(Path(bioloom.errors.__file__).parents[1])}
    answer = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60, env=environment
    )
    lines = answer.stdout.split("\n")
    assert lines[0] == "main runs", answer.stderr
    assert answer.stdout.count("main runs") == 1
    assert gone(int(lines[1]))


def test_the_polygon_kernel_there_equals_the_one_here(shared):
    x, y = np.random.default_rng(0).uniform(-1, 1, size=(2, 1000))
    triangle = np.array([[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]])
    there = shared.call("bioloom.explore.polygon:points_in_polygon", x, y, triangle)
    np.testing.assert_array_equal(there, points_in_polygon(x, y, triangle))
    assert 0.4 < there.mean() < 0.6
