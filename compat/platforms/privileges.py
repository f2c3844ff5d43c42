"""Which user and group a process is."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Container
from typing import Any

from ..exceptions import SecurityError, SecurityWarning

try:
    import grp
    import pwd
except ImportError:  # not on Windows
    grp = pwd = None  # type: ignore[assignment]

ASSUMING_ROOT = "the group of this process has no entry in the group database: it is taken for root's"
ROOT_DISALLOWED = (
    "the worker would load pickles as root (uid={uid} euid={euid} gid={gid} egid={egid}):"
    " run it as another user, or set C_FORCE_ROOT in its environment"
)
ROOT_DISCOURAGED = (
    "the worker runs as root (uid={uid} euid={euid} gid={gid} egid={egid}): better run it as another user"
)
PICKLES = ("pickle", "application/group-python-serialize")
RISKY_GROUPS = ("sudo", "wheel")


def parse_uid(uid: Any) -> int:
    """The number of a user that is given by it, or by name; KeyError where there is none."""
    try:
        return int(uid)
    except ValueError:
        try:
            return pwd.getpwnam(uid).pw_uid
        except (AttributeError, KeyError):
            raise KeyError(f"User does not exist: {uid}") from None


def parse_gid(gid: Any) -> int:
    """The number of a group that is given by it, or by name; KeyError where there is none."""
    try:
        return int(gid)
    except ValueError:
        try:
            return grp.getgrnam(gid).gr_gid
        except (AttributeError, KeyError):
            raise KeyError(f"Group does not exist: {gid}") from None


def setuid(uid: Any) -> None:
    os.setuid(parse_uid(uid))


def setgid(gid: Any) -> None:
    os.setgid(parse_gid(gid))


def setgroups(groups: list[int]) -> None:
    """Be in these groups; in as many of them as the platform allows."""
    try:
        os.setgroups(groups[: os.sysconf("SC_NGROUPS_MAX")])
    except OSError as error:
        if error.errno != errno.EPERM or set(os.getgroups()) - set(groups):
            raise


def initgroups(uid: int, gid: int) -> None:
    """Be in the groups of that user, and in ``gid``."""
    os.initgroups(pwd.getpwuid(uid).pw_name, gid)


def maybe_drop_privileges(uid: Any = None, gid: Any = None) -> None:
    """Become another user (and, unless ``gid`` says another, of its first group), for good."""
    if sys.platform == "win32":
        return
    if os.geteuid() and not os.getuid():
        raise SecurityError("root runs this with another effective user, which cannot be given up")
    user = uid and parse_uid(uid)
    group = gid and parse_gid(gid)
    if user:
        _become(user, group)
    elif group:
        setgid(group)
    if user and not os.getuid() and not os.geteuid():
        raise SecurityError("the process is root's although its user was changed")
    if group and not os.getgid() and not os.getegid():
        raise SecurityError("the process is in root's group although its group was changed")


def _become(user: int, group: Any) -> None:
    """The groups first: once the user is changed they cannot be."""
    group = group or pwd.getpwuid(user).pw_gid
    setgid(group)
    initgroups(user, group)
    setuid(user)
    try:
        setuid(0)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
    else:
        raise SecurityError("the process could become root again after its user was changed")


def check_privileges(accept_content: Container[str]) -> None:
    """Warn of a worker that is root's; an error where it would load pickles, unless ``C_FORCE_ROOT`` is set."""
    if grp is None:
        return
    ids = {"uid": os.getuid(), "euid": os.geteuid(), "gid": os.getgid(), "egid": os.getegid()}
    try:
        groups = {grp.getgrgid(ids["gid"])[0], grp.getgrgid(ids["egid"])[0]}
    except KeyError:
        warnings.warn(SecurityWarning(ASSUMING_ROOT), stacklevel=2)
        groups = set(RISKY_GROUPS)
    if not (ids["uid"] and ids["euid"]) or groups.intersection(RISKY_GROUPS):
        _object(ids, any(kind in accept_content for kind in PICKLES))


def _object(ids: dict[str, int], pickles: bool) -> None:
    if pickles and not os.environ.get("C_FORCE_ROOT"):
        raise SecurityError(ROOT_DISALLOWED.format(**ids))
    warnings.warn(SecurityWarning(ROOT_DISCOURAGED.format(**ids)), stacklevel=3)
