"""Colours of a terminal."""

from __future__ import annotations

from typing import Any

_COLOURS = {"black": 0, "red": 1, "green": 2, "yellow": 3, "blue": 4, "magenta": 5, "cyan": 6, "white": 7}
BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE = _COLOURS.values()
RESET = "\033[0m"


def fg(s: Any) -> str:
    """What turns a terminal to that colour."""
    return f"\033[1;{s}m"


_OPS = {
    **{name: fg(30 + number) for name, number in _COLOURS.items()},
    **{f"i{name}": fg(40 + number) for name, number in _COLOURS.items() if name != "black"},
    **{name: f"\033[{n}m" for name, n in {"bold": 1, "underline": 4, "blink": 5, "reverse": 7, "bright": 8}.items()},
}


class colored:
    """``colored().red("text")``: text that turns red where ``enabled``; parts can be added."""

    def __init__(self, *parts: Any, op: str = "", enabled: bool = True, **kwargs: Any) -> None:
        self.parts = parts
        self.op = op
        self.enabled = enabled

    @property
    def names(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _COLOURS}

    def node(self, parts: tuple[Any, ...], op: str) -> colored:
        return type(self)(*parts, op=op, enabled=self.enabled)

    def __getattr__(self, name: str) -> Any:
        """``red``, ``ired`` (the ground), ``bold``, ``underline``, …: the parts in that way."""
        if name not in _OPS:
            raise AttributeError(name)
        return lambda *parts: self.node(parts, _OPS[name])

    def reset(self, *parts: Any) -> colored:
        return self.node(parts or ("",), RESET)

    def no_color(self) -> str:
        return "".join(part.no_color() if isinstance(part, colored) else str(part) for part in self.parts)

    def __str__(self) -> str:
        if not self.enabled:
            return self.no_color()
        return f"{self.op}{''.join(map(str, self.parts))}{RESET if self.op else ''}"

    def __repr__(self) -> str:
        return repr(self.no_color())

    def __add__(self, other: Any) -> str:
        return str(self) + str(other)

    def __len__(self) -> int:
        return len(self.no_color())
