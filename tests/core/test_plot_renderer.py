"""Drawing on a thread of its own: which request is computed, when it is shown, and what a painting waits for."""

import threading
import time

import pytest

from bioloom.session.plot_renderer import LatestRenderer


def test_the_latest_request_wins_and_none_is_computed_that_nobody_waits_for():
    go, computed, shown = threading.Event(), [], []

    def compute(number):
        computed.append(number)
        go.wait(5)
        return number

    renderer = LatestRenderer(compute, lambda call: call(), shown.append, pytest.fail)
    for number in range(50):
        renderer.request(number)
        if number == 0:
            while not computed:
                time.sleep(0.001)
    assert renderer.busy
    go.set()
    assert renderer.wait(5)
    assert computed == [0, 49]
    assert shown == [0, 49], "what was begun is shown too: a view that moves is never empty"


def test_errors_are_delivered_and_the_next_request_works():
    shown, failed = [], []
    renderer = LatestRenderer(lambda n: 1 / n, lambda call: call(), shown.append, failed.append)
    renderer.request(0)
    assert renderer.wait(5)
    renderer.request(2)
    assert renderer.wait(5)
    assert isinstance(failed[0], ZeroDivisionError)
    assert shown == [0.5]


def test_nothing_is_delivered_after_the_end():
    shown, calls = [], []
    renderer = LatestRenderer(lambda n: n, calls.append, shown.append, shown.append)
    renderer.request(1)
    assert renderer.wait(5)
    renderer.close()
    for call in calls:
        call()
    renderer.request(2)
    assert renderer.wait(1)
    assert shown == []


def test_a_painting_waits_a_moment_for_what_is_nearly_done():
    go, shown, sent = threading.Event(), [], []

    def compute(number):
        go.wait(5)
        return number

    renderer = LatestRenderer(compute, sent.append, shown.append, pytest.fail)
    renderer.request(1)
    begin = time.monotonic()
    renderer.hand_over(0.03)
    assert shown == []
    assert 0.02 < time.monotonic() - begin < 1
    threading.Timer(0.02, go.set).start()
    renderer.hand_over(5)
    assert shown == [1]
    assert renderer.wait(5)
    for call in sent:
        call()
    assert shown == [1], "what was handed over does not come again"


def test_no_painting_waits_for_what_took_long_before():
    shown = []
    renderer = LatestRenderer(lambda n: time.sleep(n) or n, lambda call: None, shown.append, pytest.fail)
    renderer.request(0.25)
    assert renderer.wait(5)
    renderer.hand_over()
    assert shown == [0.25]
    renderer.request(0.3)
    begin = time.monotonic()
    renderer.hand_over(0.2)
    assert time.monotonic() - begin < 0.15
    assert renderer.wait(5)
    renderer.hand_over(0.2)
    assert shown == [0.25, 0.3]
