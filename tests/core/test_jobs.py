"""Jobs run beside the application: answers arrive, old ones do not, and nothing that goes wrong is lost."""

import queue
import threading
import time

import pytest

from bioloom import operations, samples
from bioloom.errors import Cancelled, InputError
from bioloom.session.jobs import JobRunner


class Log:
    """What a runner told, in order."""

    def __init__(self, runner):
        self.told = []
        runner.started.connect(lambda name: self.told.append(("started", name)))
        runner.progressed.connect(lambda done, total: self.told.append(("progressed", done, total)))
        runner.ended.connect(lambda: self.told.append(("ended",)))
        runner.failed.connect(lambda name, error: self.told.append(("failed", name, error)))

    def kinds(self):
        return [kind for kind, *_ in self.told]

    @property
    def error(self):
        ((_, name, error),) = [entry for entry in self.told if entry[0] == "failed"]
        return name, error


@pytest.fixture
def runner():
    before = set(threading.enumerate())
    runner = JobRunner()
    yield runner
    runner.cancel()
    assert runner.wait(10)
    left = [t.name for t in set(threading.enumerate()) - before if t.name.startswith("bioloom ")]
    assert left == []


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def until_cancelled(progress):
    """A job that goes on until it is told to stop."""
    while True:
        progress(0, 1)
        time.sleep(0.002)


def test_a_result_is_delivered_after_the_job_has_ended(runner):
    log, results = Log(runner), []
    sample = samples.nuclei_2d(shape=(64, 80), n_nuclei=4, seed=1)

    def count(progress):
        progress(0, 2)
        labels = operations.voronoi_otsu_labeling(sample.image)
        progress(2, 2)
        return int(labels.max())

    def take(result):
        assert not runner.busy
        results.append(result)

    runner.start("Counting", count, take)
    assert runner.wait(20)
    assert results == [int(operations.voronoi_otsu_labeling(sample.image).max())]
    assert log.told == [("started", "Counting"), ("progressed", 0, 2), ("progressed", 2, 2), ("ended",)]


def test_a_job_needs_no_taker(runner):
    log = Log(runner)
    runner.start("Work", lambda progress: 1)
    assert runner.wait(5)
    assert log.kinds() == ["started", "ended"]


def test_a_runner_that_never_ran_is_idle():
    runner = JobRunner()
    log = Log(runner)
    assert not runner.busy
    assert runner.wait(0)
    runner.cancel()
    assert log.told == []


def test_a_new_job_replaces_the_old_one(runner):
    log, results = Log(runner), []
    runner.start("Old", until_cancelled, results.append)
    runner.start("New", lambda progress: "new", results.append)
    assert runner.wait(5)
    assert results == ["new"]
    assert [entry for entry in log.told if entry[0] != "progressed"] == [
        ("started", "Old"), ("started", "New"), ("ended",),
    ]  # fmt: skip


def test_the_answer_of_a_job_that_did_not_notice_is_dropped(runner):
    log, results = Log(runner), []
    go_on, finished = threading.Event(), []

    def deaf(progress):
        assert go_on.wait(5)
        finished.append(True)
        return "old"

    runner.start("Old", deaf, results.append)
    runner.start("New", lambda progress: "new", results.append)
    go_on.set()
    assert runner.wait(5)
    assert finished == [True]
    assert results == ["new"]
    assert log.kinds() == ["started", "started", "ended"]


def test_the_failure_of_an_old_job_is_nobodys_business(runner):
    log, go_on = Log(runner), threading.Event()

    def fail(progress):
        assert go_on.wait(5)
        raise ValueError("too late")

    runner.start("Old", fail)
    runner.start("New", lambda progress: None)
    go_on.set()
    assert runner.wait(5)
    assert "failed" not in log.kinds()


def test_jobs_of_one_owner_never_run_at_the_same_time_and_only_the_last_waiting_one_runs(runner):
    running, most, ran, results, go_on = set(), [], [], [], threading.Event()

    def work(number):
        def job(progress):
            running.add(number)
            most.append(len(running))
            ran.append(number)
            assert go_on.wait(5)
            running.discard(number)
            return number

        return job

    for number in range(20):
        runner.start("Preview", work(number), results.append)
        if number == 0:
            until(lambda: ran == [0])
    go_on.set()
    assert runner.wait(10)
    assert max(most) == 1
    assert ran == [0, 19]
    assert results == [19]


def test_cancel_ends_the_job_at_once_and_stops_its_work(runner):
    log, results, stopped = Log(runner), [], []

    def job(progress):
        try:
            until_cancelled(progress)
        except Cancelled:
            stopped.append(True)
            raise

    runner.start("Long", job, results.append)
    assert runner.busy
    until(lambda: "progressed" in log.kinds())
    runner.cancel()
    assert not runner.busy
    assert log.told[-1] == ("ended",)
    assert runner.wait(5)
    assert (stopped, results) == ([True], [])
    assert log.kinds().count("ended") == 1
    runner.cancel()
    assert log.kinds().count("ended") == 1


def test_a_job_may_ask_whether_it_was_cancelled(runner):
    answers, ask = [], threading.Event()

    def job(progress):
        answers.append(progress.cancelled())
        assert ask.wait(5)
        answers.append(progress.cancelled())

    runner.start("Asking", job)
    until(lambda: answers)
    runner.cancel()
    ask.set()
    assert runner.wait(5)
    assert answers == [False, True]


def test_the_runner_works_on_after_a_cancel(runner):
    results = []
    runner.start("Long", until_cancelled)
    runner.cancel()
    runner.start("Short", lambda progress: 7, results.append)
    assert runner.wait(5)
    assert results == [7]


def test_a_job_that_cancels_itself_ends_without_a_failure(runner):
    log = Log(runner)

    def job(progress):
        raise Cancelled

    runner.start("Job", job)
    assert runner.wait(5)
    assert log.kinds() == ["started", "ended"]
    assert not runner.busy


@pytest.mark.parametrize("kind", [InputError, RuntimeError, StopIteration, MemoryError])
def test_what_a_job_raises_is_reported(runner, kind):
    log = Log(runner)

    def job(progress):
        raise kind("no more of it")

    runner.start("Measuring", job)
    assert runner.wait(5)
    name, error = log.error
    assert (name, type(error), str(error)) == ("Measuring", kind, "no more of it")
    assert log.kinds() == ["started", "ended", "failed"]


def test_what_taking_the_result_raises_is_reported(runner):
    log = Log(runner)

    def refuse(result):
        raise RuntimeError("the layer is gone")

    runner.start("Showing", lambda progress: 1, refuse)
    assert runner.wait(5)
    name, error = log.error
    assert (name, str(error)) == ("Showing", "the layer is gone")
    assert not runner.busy


def test_a_result_may_start_the_next_job(runner):
    results = []

    def chain(result):
        results.append(result)
        runner.start("Second", lambda progress: 2, results.append)

    runner.start("First", lambda progress: 1, chain)
    until(lambda: results == [1, 2])


def test_everything_goes_through_the_owners_delivery():
    calls, threads = queue.SimpleQueue(), []
    runner = JobRunner(calls.put)
    log = Log(runner)

    def job(progress):
        progress(1, 2)
        return threading.current_thread().name

    runner.start("Work", job, lambda name: threads.append((name, threading.current_thread())))
    assert runner.wait(5)
    assert (log.kinds(), runner.busy, threads) == (["started"], True, [])
    while not calls.empty():
        calls.get()()
    assert log.kinds() == ["started", "progressed", "ended"]
    assert threads == [("bioloom Work", threading.current_thread())]


def test_what_was_sent_before_a_cancel_is_not_delivered_after_it():
    calls, results = queue.SimpleQueue(), []
    runner = JobRunner(calls.put)
    log = Log(runner)

    def job(progress):
        progress(1, 2)
        return "late"

    runner.start("Work", job, results.append)
    assert runner.wait(5)
    runner.cancel()
    while not calls.empty():
        calls.get()()
    assert results == []
    assert log.kinds() == ["started", "ended"]
