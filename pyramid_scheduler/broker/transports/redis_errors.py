"""Redis's errors as ours."""

from __future__ import annotations

from redis.exceptions import RedisError

from ...core.errors import BrokerUnavailable


class Errors:
    """A context, stateless. No generator: where a worker is idle, a job's way costs what the calls on it cost."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (RedisError, OSError)):
            raise BrokerUnavailable(f"the Redis broker does not answer as it should: {error}") from error


ERRORS = Errors()
