"""Signals that ask a long command to stop: it finishes what it is doing, saves and leaves."""

import contextlib
import os
import signal
import sys
import time
from types import FrameType, TracebackType

from sancai.commands.options import log

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
"""Ctrl-C, `kill`, a closed terminal, a batch system's warning before the time is up; as far as the system has them."""
FORCING = ("SIGINT", "SIGTERM")
"""Those that, given again, stop at once."""
SAME_PRESS = 1.0
"""Seconds in which several signals count as one."""


class Interrupts:
    """A context in which the first signal sets a flag, and the second Ctrl-C or `kill` raises KeyboardInterrupt.

    torchrun forwards signals that its ranks got from the terminal already, perhaps late: one repetition is not a
    second press there.  A signal that the process was started to ignore (`nohup`) stays ignored.
    """

    def __init__(self) -> None:
        self.caught: int | None = None
        self._at = 0.0
        self._repeats = 1 if "RANK" in os.environ else 0
        self._before: dict[signal.Signals, object] = {}

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.caught is not None

    def __enter__(self) -> "Interrupts":
        for name in NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _ask(self, number: int, frame: FrameType | None) -> None:
        name, now = signal.Signals(number).name, time.monotonic()
        if name == "SIGHUP":
            _leave_terminal()
        if self.caught is not None:
            if name in FORCING and now - self._at > SAME_PRESS and not self._repeats:
                raise KeyboardInterrupt
            self._repeats = 0
            return
        self.caught, self._at = number, now
        with contextlib.suppress(OSError, ValueError):
            log(f"\n{name}: stopping after this step; the state is saved (Ctrl-C again stops at once)")


def _leave_terminal() -> None:
    """Write nowhere from now on where the terminal is gone."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty():
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
