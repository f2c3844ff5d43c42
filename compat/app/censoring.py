"""Settings and URLs without their secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "*" * 8
HIDDEN_SETTINGS = re.compile("API|TOKEN|KEY|SECRET|PASS|PROFANITIES_LIST|SIGNATURE|DATABASE|BEAT_DBURI", re.IGNORECASE)
_BROKER_URLS = ("broker_url", "broker_read_url", "broker_write_url")
_AZURE_SECRETS = ("accountkey", "sharedaccesssignature")
_AZURE_SIGNATURE = re.compile(r"([?&]sig=)[^&;#]*", re.IGNORECASE)


def filter_hidden_settings(conf: Mapping[Any, Any]) -> dict[Any, Any]:
    """``conf`` with secrets masked, at any depth."""
    return {key: _censor(key, value) for key, value in conf.items()}


def _censor(key: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return filter_hidden_settings(value)
    if not isinstance(key, str):
        return value
    if HIDDEN_SETTINGS.search(key):
        return MASK
    if key.lower() in _BROKER_URLS:
        from kombu.connection import Connection

        return Connection(value).as_uri(mask=MASK)
    return sanitize_url(value) if "backend" in key.lower() else value


def sanitize_url(url: Any, mask: str = MASK) -> Any:
    """A URL, or several, with the passwords masked. What cannot be understood is masked rather than shown."""
    if not url or not isinstance(url, str) or "://" not in url:
        return url
    try:
        return _sanitize(url, mask)
    except Exception:  # a secret must not get out through an error message either
        return re.sub(r"(://[^:@/]*:)([^@/]*)(@)", rf"\g<1>{mask}\3", url) if "@" in url else "<unparsable url>"


def _sanitize(url: str, mask: str) -> str:
    parts = url.split(";")
    if any("://" in part for part in parts[1:]):
        return ";".join(sanitize_url(part.strip(), mask) for part in parts)
    scheme, _, rest = url.partition("://")
    if scheme == "azureblockblob":  # a connection string, in which ? # / may stand anywhere
        return f"{scheme}://{';'.join(_azure_part(part, mask) for part in rest.split(';'))}"
    end = next((place for place, char in enumerate(rest) if char in "/?#"), len(rest))
    return f"{scheme}://{_authority(rest[:end], mask)}{rest[end:]}"


def _azure_part(part: str, mask: str) -> str:
    key, separator, value = part.partition("=")
    if separator and key.strip().lower() in _AZURE_SECRETS:
        return f"{key}={mask}"
    return f"{key}={_AZURE_SIGNATURE.sub(lambda found: found[1] + mask, value)}" if value else part


def _authority(authority: str, mask: str) -> str:
    separator = next((char for char in ";," if char in authority), "")
    servers = [server.strip() for server in authority.split(separator) if server.strip()] if separator else []
    if "@" not in authority:
        return separator.join(servers) if servers else authority
    if len(servers) > 1 and _are_servers(servers):
        return separator.join(_server(server, mask) for server in servers)
    user, _, host = authority.rpartition("@")
    if authority.count("@") > 1 and ":" not in user:
        return f"{mask}@{host}"
    return f"{_user(user, mask)}@{host}"


def _are_servers(parts: list[str]) -> bool:
    """Whether these are servers, and not the pieces of one password that holds the separator."""
    hosts = [part for part in parts if "@" not in part]
    with_user = [part.rpartition("@")[0] for part in parts if "@" in part]
    return not any(host.startswith(":") for host in hosts) and all(":" in user for user in with_user)


def _server(server: str, mask: str) -> str:
    user, at, host = server.rpartition("@")
    return f"{_user(user, mask)}@{host}" if at else server


def _user(user: str, mask: str) -> str:
    return f"{user.partition(':')[0]}:{mask}" if ":" in user else user
