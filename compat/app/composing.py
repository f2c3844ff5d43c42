"""A task's calls as signatures: to be changed, composed, and sent later."""

from __future__ import annotations

from typing import Any


class Composing:
    """A part of Task."""

    app: Any

    def signature(self, args: Any = None, *starargs: Any, **starkwargs: Any) -> Any:
        """A call of this task that can be sent, changed and composed."""
        from ..canvas import signature

        starkwargs.setdefault("app", self.app)
        return signature(self, args, *starargs, **starkwargs)

    subtask = signature

    def s(self, *args: Any, **kwargs: Any) -> Any:
        return self.signature(args, kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Any:
        """As ``s``, but results are not prepended to its arguments."""
        return self.signature(args, kwargs, immutable=True)

    def chunks(self, it: Any, n: int) -> Any:
        from ..canvas import chunks

        return chunks(self.s(), it, n, app=self.app)

    def map(self, it: Any) -> Any:
        from ..canvas import xmap

        return xmap(self.s(), it, app=self.app)

    def starmap(self, it: Any) -> Any:
        from ..canvas import xstarmap

        return xstarmap(self.s(), it, app=self.app)
