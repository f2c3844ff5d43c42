"""Signals by their names."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

SIGNAMES = {name for name in dir(signal) if name.startswith("SIG") and "_" not in name}
SIGMAP = {getattr(signal, name): name for name in SIGNAMES}
_PR_SET_PDEATHSIG = 1


class Signals:
    """``signals["TERM"] = handler``; what this platform does not have is passed over."""

    ignored = signal.SIG_IGN
    default = signal.SIG_DFL

    def signum(self, name: Any) -> int:
        """The number; AttributeError for a name that this platform does not have, TypeError for what is no name."""
        if isinstance(name, int):
            return int(name)
        if not isinstance(name, str) or not name.isupper():
            raise TypeError(f"the name of a signal is in capitals: {name!r} is none")
        return int(getattr(signal, name if name.startswith("SIG") else f"SIG{name}"))

    def supported(self, name: Any) -> bool:
        try:
            self.signum(name)
        except AttributeError:
            return False
        return True

    def reset(self, *signal_names: Any) -> None:
        """Back to what the platform does by itself."""
        self.update((name, self.default) for name in signal_names)

    def ignore(self, *names: Any) -> None:
        self.update((name, self.ignored) for name in names)

    def update(self, _d_: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None, **sigmap: Any) -> None:
        """Set the handlers of several."""
        for name, handler in {**dict(_d_ or {}), **sigmap}.items():
            self[name] = handler

    def arm_alarm(self, seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def reset_alarm(self) -> int:
        return signal.alarm(0)

    def __getitem__(self, name: Any) -> Any:
        return signal.getsignal(self.signum(name))

    def __setitem__(self, name: Any, handler: Any) -> None:
        with suppress(AttributeError, ValueError):  # not here, or not in this thread
            signal.signal(self.signum(name), handler)


signals = Signals()
get_signal = signals.signum
install_signal_handler = signals.__setitem__
reset_signal = signals.reset
ignore_signal = signals.ignore


def signal_asked_for(name: Any) -> int:
    """What a caller of remote control names, who may do so in small letters; TERM if nothing."""
    return signals.signum(name.upper() if isinstance(name, str) and name else name or "TERM")


def signal_name(signum: int) -> str:
    """The name without its SIG."""
    return SIGMAP[signum][3:]


def set_pdeathsig(name: Any) -> None:
    """Have the system send this process a signal when its parent ends; on Linux only."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signals.signum(name))
