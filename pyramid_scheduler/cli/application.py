"""The application of an ini file, and its scheduler."""

from __future__ import annotations

import configparser
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plaster

from ..core.errors import InvalidSetting, SchedulerError
from ..scheduler import Scheduler


@dataclass(frozen=True)
class Application:
    """Where an application is configured: ``CONFIG.ini[#name]``, and ``key=value`` for the ``%(key)s`` in it.

    Picklable, so that each worker process can load the application afresh.
    """

    uri: str
    name: str | None = None
    overrides: tuple[tuple[str, str], ...] = ()

    def setup_logging(self) -> None:
        """Configure logging as the ini file says, if it says anything."""
        with contextlib.suppress(KeyError, InvalidSetting, plaster.exceptions.PlasterError):
            self._loader().setup_logging(dict(self.overrides))

    def settings(self) -> dict[str, str]:
        """The application's section of the ini file, as far as it can be read without loading the application."""
        loader = self._loader()
        try:
            given = loader.get_settings(f"app:{self.name or loader.uri.fragment or 'main'}", dict(self.overrides))
            if _is_whole(given):
                return dict(given)
            return dict(loader.get_wsgi_app_settings(self.name, dict(self.overrides)))
        except (LookupError, NotImplementedError, configparser.InterpolationError):  # to be told by who loads it
            return {}

    def load(self) -> Scheduler:
        """Load the WSGI application and return its scheduler; raises InvalidSetting where it has none."""
        app: Any = self._load_app()
        registry = getattr(app, "registry", None)
        scheduler = getattr(registry, "scheduler", None)
        if not isinstance(scheduler, Scheduler):
            raise InvalidSetting(
                f"the application of {self.uri} has no scheduler: add pyramid.includes = pyramid_scheduler to it,"
                " or name the application in the file with #name or --app-name"
            )
        return scheduler

    def _load_app(self) -> Any:
        """What is wrong with the file, or an error that is ours, is told in words; the application's own errors keep
        their traceback."""
        loader = self._loader()
        try:
            return loader.get_wsgi_app(self.name, dict(self.overrides))
        except configparser.InterpolationError as error:
            raise InvalidSetting(f"{error}; values for it are given as key=value") from error
        except LookupError as error:
            if not str(error).startswith("No section"):
                raise
            raise InvalidSetting(f"{self.uri}: {error}; #name or --app-name chooses another") from error
        except Exception as error:
            ours = _ours(error) if _is_of_the_configuration(error) else None
            if ours is None:
                raise
            raise InvalidSetting(f"{self.uri}: {ours}") from error

    def _loader(self) -> Any:
        try:
            loader = plaster.get_loader(self.uri, protocols=["wsgi"])
            loader.get_sections()
            return loader
        except (OSError, UnicodeError, configparser.Error) as error:
            raise InvalidSetting(f"{self.uri} cannot be read: {error}") from error
        except plaster.exceptions.PlasterError as error:
            raise InvalidSetting(
                f"{self.uri!r} is no configuration file: the file comes last, as in pscheduler show ID CONFIG.ini"
            ) from error


def _is_whole(section: Mapping[str, str]) -> bool:
    """Whether it is the application's only section. Where it is not, PasteDeploy puts them together, and for that it
    imports the application: a supervisor would carry it along for nothing."""
    return section.get("use", "").startswith(("egg:", "call:")) and "filter-with" not in section


def _is_of_the_configuration(error: Exception) -> bool:
    # Not before: a supervisor, which loads no application, has no use for Pyramid.
    from pyramid.exceptions import ConfigurationError

    return isinstance(error, ConfigurationError)


def _ours(error: BaseException | None) -> SchedulerError | None:
    """What of ours Pyramid has wrapped, if it has."""
    while error is not None and not isinstance(error, SchedulerError):
        error = error.__cause__ or error.__context__
    return error


def parse_overrides(words: list[str]) -> tuple[tuple[str, str], ...]:
    """``key=value`` words as pairs; raises InvalidSetting for anything else."""
    for word in words:
        if "=" not in word:
            raise InvalidSetting(f"{word!r} is neither an option nor key=value")
    return tuple((key, value) for key, _, value in (word.partition("=") for word in words))
