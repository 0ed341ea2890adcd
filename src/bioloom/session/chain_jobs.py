"""What of a chain must be computed, and telling what became of it; all on the owner's thread but the computing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from bioloom.recipe.graph import Step
from bioloom.session import chain_graph as graph
from bioloom.session.chain_compute import Digests, Node, Telling, compute, nodes_of
from bioloom.session.chain_results import ResultStore, StepResult, drop_tracebacks
from bioloom.session.jobs import JobProgress, JobRunner

if TYPE_CHECKING:
    from bioloom.session.chain import Chain

Status: TypeAlias = Literal["ready", "computing", "waiting", "failed", "blocked", "not wanted"]


class ChainJobs:
    """Keeps the results of a chain up to date.

    Results go by keys that are made of all that decides about them. So whatever is edited in whatever order, a key that
    is known is a result that is right.

    Parameters
    ----------
    chain
        Whose steps are computed, and whose signals are emitted.
    jobs, deliver
        As for the chain.
    store
        Where results are kept.
    """

    def __init__(
        self,
        chain: Chain,
        jobs: JobRunner,
        deliver: Callable[[Callable[[], object]], None] | None,
        store: ResultStore,
    ) -> None:
        self._chain = chain
        self._jobs = jobs
        self._direct = deliver is None
        self._deliver = deliver or (lambda call: call())
        self._store = store
        self._digests = Digests()
        self._nodes: dict[str, Node] = {}
        # Of each step, the key of what was told last: its result or its error.
        self._told: dict[str, str] = {}
        self._errors: dict[str, Exception] = {}
        self._unwanted: set[str] = set()
        # Results on their way to the owner, who may ask for them while he is told.
        self._handed: dict[str, StepResult] = {}
        self._claimed: frozenset[str] = frozenset()
        # What the running job has not answered yet.
        self._pending: frozenset[str] = frozenset()
        self._now = ""
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return self._jobs.busy

    # ------------------------------------------------------------------------------------------ asking
    def result(self, name: str) -> StepResult | None:
        """Return what is known of a step or an input; what got lost is computed again."""
        node = self._node(name)
        found = self._known(node)
        if found is None and self._told.get(name) == node.key and node.key not in self._errors:
            del self._told[name]
            self.update()
        return found

    def status(self, name: str) -> Status:
        """Return how a step stands; see :meth:`Chain.status`."""
        node = self._node(name)
        if node.key in self._errors:
            return "failed"
        if self._bad(node) is not None:
            return "blocked"
        if self._told.get(name) == node.key or self._known(node) is not None:
            return "ready"
        if not self._is_wanted(name):
            return "not wanted"
        return "computing" if self.busy and node.key == self._now else "waiting"

    def error(self, name: str) -> Exception | None:
        """Return why a step, or one before it, failed."""
        bad = self._bad(self._node(name))
        return None if bad is None else self._errors[bad]

    # ------------------------------------------------------------------------------------------ deciding
    def update(self) -> None:
        """Tell what is known of the steps as they are now, and start computing what is not."""
        if self._closed:
            return
        steps = self._chain.steps
        self._digests.keep_only(steps)
        self._look()
        nodes, present = self._nodes, {step.id for step in steps}
        self._told = {name: key for name, key in self._told.items() if name in present}
        news: list[tuple[Step, Node, StepResult | None]] = []
        missing = []
        for step in steps:
            node = nodes[step.id]
            if self._told.get(step.id) == node.key or not self._is_wanted(step.id):
                continue
            if node.key in self._errors:
                news.append((step, node, None))
            elif self._bad(node) is None:
                found = self._known(node)
                if found is not None:
                    news.append((step, node, found))
                else:
                    missing.append(node)
        self._start(missing)
        for step, node, found in news:
            if self._nodes is not nodes:  # a listener edited the chain, and that was dealt with
                return
            if found is None:
                self._tell_error(step, node.key, self._errors[node.key])
            else:
                self._tell_result(step, node.key, found)

    def _start(self, missing: list[Node]) -> None:
        targets = frozenset(node.key for node in missing)
        if not targets:
            self._claimed = self._pending = targets
            if self.busy:
                self._jobs.cancel()
            return
        if self.busy and targets == self._pending:
            return
        claimed, waiting = set(), list(missing)
        while waiting:
            node = waiting.pop()
            if node.key not in claimed and self._known(node) is None:
                claimed.add(node.key)
                waiting.extend(node.inputs.values())
        self._claimed, self._pending = frozenset(claimed), targets
        order = list({node.key: node for node in self._nodes.values()}.values())
        telling = Telling(self._began, self._arrived, self._failed)
        names = [graph.title(node.step) for node in order if node.key in claimed and node.step is not None]

        def work(progress: JobProgress) -> None:
            compute(order, targets, self._store, progress, lambda key: key in self._claimed, telling)

        self._jobs.start(names[0] if len(names) == 1 else f"{len(names)} steps", work)

    def want(self, name: str, on: bool) -> None:
        """See :meth:`Chain.want`."""
        if on == (name not in self._unwanted):
            return
        (self._unwanted.discard if on else self._unwanted.add)(name)
        self._told.pop(name, None)
        self.update()

    def again(self) -> None:
        """Go on, and try again what failed."""
        for name in [name for name, key in self._told.items() if key in self._errors]:
            del self._told[name]
        self._errors.clear()
        self.update()

    def forget(self) -> None:
        """Compute everything anew."""
        self._claimed = self._pending = frozenset()
        self._jobs.cancel()
        self._store.forget()
        self._told.clear()
        self._errors.clear()
        self.update()

    def let_go(self, inputs: set[str], steps: list[str]) -> None:
        """Forget the results of some steps, and all others that go back to some inputs."""
        keys = {self._nodes[name].key for name in steps if name in self._nodes}
        self._store.forget(keys | self._store.made_of(inputs))
        self._unwanted.difference_update(steps)

    def cancel(self) -> None:
        """Stop computing."""
        self._claimed = self._pending = frozenset()
        self._jobs.cancel()

    def close(self) -> None:
        """Stop for good."""
        self._closed = True
        self.cancel()
        self._store.forget()

    def wait(self, timeout: float | None) -> bool:
        """Wait for the job."""
        done = self._jobs.wait(timeout)
        while done and self._direct and self._jobs.busy:  # a listener started another one
            done = self._jobs.wait(timeout)
        return done

    # ------------------------------------------------------------------------------------------ the job's thread
    def _began(self, key: str) -> None:
        self._deliver(lambda: self._tell_begun(key))

    def _arrived(self, key: str, result: StepResult) -> None:
        self._deliver(lambda: self._tell_arrived(key, result))

    def _failed(self, key: str, error: Exception) -> None:
        self._deliver(lambda: self._tell_failed(key, error))

    # ------------------------------------------------------------------------------------------ telling
    def _tell_begun(self, key: str) -> None:
        self._now = key
        for step in self._steps_with(key):
            self._chain.computing.emit(step.id)

    def _tell_arrived(self, key: str, result: StepResult) -> None:
        self._pending -= {key}
        for step in self._steps_with(key):
            # A listener may edit the chain meanwhile.
            if step in self._steps_with(key) and self._told.get(step.id) != key and self._is_wanted(step.id):
                self._tell_result(step, key, result)

    def _tell_failed(self, key: str, error: Exception) -> None:
        self._pending -= {key}
        # Of two jobs in a row, both may have tried.
        steps = [step for step in self._steps_with(key) if self._told.get(step.id) != key]
        if not steps:
            return
        gone = {k for k in self._errors if not self._is_current(k)}
        self._errors = {k: e for k, e in self._errors.items() if k not in gone} | {key: error}
        # What is forgotten must be told again, should an undo bring it back.
        self._told = {name: k for name, k in self._told.items() if k not in gone}
        for step in steps:
            self._tell_error(step, key, error)
        drop_tracebacks(error)

    def _tell_result(self, step: Step, key: str, result: StepResult) -> None:
        self._told[step.id] = key
        self._handed[key] = result
        try:
            self._chain.result_changed.emit(step.id)
            if result.lost and step.enabled and step.operation == "correct_labels":
                self._chain.corrections_lost.emit(step.id, list(result.lost))
        finally:
            self._handed.pop(key, None)

    def _tell_error(self, step: Step, key: str, error: Exception) -> None:
        self._told[step.id] = key
        self._chain.failed.emit(step.id, error)

    # ------------------------------------------------------------------------------------------ inside
    def _node(self, name: str) -> Node:
        if name not in self._nodes:
            # Either says that there is none, or a listener asks before the edit that added it is dealt with.
            self._chain.step(name)
            self._look()
        return self._nodes[name]

    def _look(self) -> None:
        inputs = {name: self._chain.input(name) for name in self._chain.inputs}
        self._nodes = nodes_of(inputs, self._chain.steps, self._digests)

    def _known(self, node: Node) -> StepResult | None:
        if node.source is not None:
            one = node.source
            return StepResult(one.data, one.id, one.has_time, one.spacing, one.placement)
        return self._handed.get(node.key) or self._store.get(node.key)

    def _bad(self, node: Node) -> str | None:
        """Return the key of the node that failed among one and all that it is made of."""
        if not self._errors:
            return None
        waiting, seen = [node], set()
        while waiting:
            one = waiting.pop()
            if one.key in self._errors:
                return one.key
            if one.key not in seen:
                seen.add(one.key)
                waiting.extend(one.inputs.values())
        return None

    def _steps_with(self, key: str) -> list[Step]:
        if self._closed:
            return []
        return [s for s in self._chain.steps if (node := self._nodes.get(s.id)) is not None and node.key == key]

    def _is_current(self, key: str) -> bool:
        return any(node.key == key for node in self._nodes.values())

    def _is_wanted(self, name: str) -> bool:
        return name not in self._unwanted
