"""Virtual time: an event loop whose clock jumps to whatever comes next, and processes that die as processes do.

    life = Life("worker 1", loop, dies_after_steps=120)
    life.run(coroutine)     # everything begun in there belongs to that life
    life.kill()             # from here on none of it takes another step: no handler, no `finally`

A thread is a thing of one life too: `asyncio.to_thread` runs its function in line, after a while, and hands the result over
after another; a life that ends before, between or after leaves what a killed process would leave.
"""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVarTuple, Unpack

Arguments = TypeVarTuple("Arguments")

_LIFE: ContextVar["Life | None"] = ContextVar("life", default=None)


class NothingLeftToHappenError(RuntimeError):
    """Everybody waits for somebody else, and no timer is set."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Starts at second 0. No sockets, no threads, no waiting; order depends on nothing but what was asked of it.

    `thread_delay` draws how long a thread takes to begin, and again to hand its result over, in seconds.
    """

    def __init__(self, thread_delay: Callable[[], float]) -> None:
        super().__init__()
        self.outside = Context()  # belongs to no life
        self._now = 0.0
        self._thread_delay = thread_delay
        self._selector = self
        self._tasks: list[asyncio.Task[Any]] = []
        self.set_exception_handler(lambda _loop, _context: None)  # what the dead leave unread

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> list[Any]:
        """Where another loop would sleep."""
        if timeout is None:
            raise NothingLeftToHappenError
        self._now += timeout
        return []

    def call_soon(
        self, callback: Callable[[Unpack[Arguments]], object], *args: *Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        life = context.get(_LIFE)
        if life is None:
            return super().call_soon(callback, *args, context=context)
        return super().call_soon(life.step, callback, args, context, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        life = context.get(_LIFE)
        if life is None:
            return super().call_at(when, callback, *args, context=context)
        return super().call_at(when, life.step, callback, args, context, context=context)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        # Kept, since a task of the dead that was collected as garbage would run its `finally` after all.
        self._tasks.append(super().create_task(coro, **options))
        return self._tasks[-1]

    def run_in_executor(self, executor: object, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        result: asyncio.Future[Any] = self.create_future()
        self.call_later(self._thread_delay(), self._run_thread, result, func, args)
        return result

    def _run_thread(self, result: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            value = func(*args)
        except Exception as error:  # noqa: BLE001 - it is handed over, as a thread's is
            self.call_later(self._thread_delay(), _settle, result, None, error)
            return
        if inspect.iscoroutine(value):  # a thread that waits: it does so on virtual time
            waiting = self.create_task(value)
            waiting.add_done_callback(lambda task: _settle(result, task.result(), None))
        else:
            self.call_later(self._thread_delay(), _settle, result, value, None)

    def bury(self) -> None:
        """Close the loop, and every coroutine that will not be resumed."""
        for task in self._tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            if not task.done() and (coroutine := task.get_coro()) is not None:
                with suppress(BaseException):
                    coroutine.close()
        self._tasks.clear()
        self.close()

    def _process_events(self, event_list: list[Any]) -> None:
        """There is no I/O."""

    def _write_to_self(self) -> None:
        """Nobody else could wake us."""


class Life:
    """One run of a process. `dies_after_steps`: killed instead of taking the step after so many (None: never by itself).

    A step is what happens between two awaits, so every await is a place to die.
    """

    def __init__(self, name: str, loop: VirtualTimeLoop, dies_after_steps: int | None = None) -> None:
        self.name = name
        self.is_alive = True
        self.died = loop.create_future()
        self._loop = loop
        self._steps_left = dies_after_steps
        self._frozen = False
        self._postponed: list[tuple[Callable[..., Any], tuple[Any, ...], Context]] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        context = Context()
        context.run(_LIFE.set, self)
        return self._loop.create_task(work, context=context)

    def step(self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context) -> None:
        if not self.is_alive:
            return
        if self._frozen:
            self._postponed.append((callback, args, context))
            return
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left < 0:
                self.kill()
                return
        callback(*args)

    def kill(self) -> None:
        """Nothing of it takes another step."""
        if self.is_alive:
            self.is_alive = False
            self._loop.call_soon(self.died.set_result, None, context=self._loop.outside)

    def lasts_for_ever(self) -> None:
        """It does not die by itself any more."""
        self._steps_left = None

    def freeze(self, seconds: float) -> None:
        """Stand still, as a machine that is suspended does; then go on as if nothing had been."""
        if not self._frozen:
            self._frozen = True
            self._loop.call_later(seconds, self._thaw, context=self._loop.outside)

    def _thaw(self) -> None:
        self._frozen = False
        postponed, self._postponed = self._postponed, []
        for callback, args, context in postponed:
            self._loop.call_soon(callback, *args, context=context)


def current_life() -> Life | None:
    return _LIFE.get()


def _settle(result: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    if result.cancelled():
        return
    if error is not None:
        result.set_exception(error)
    else:
        result.set_result(value)
