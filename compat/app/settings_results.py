"""Celery's settings: where results are kept.

Each namespace: the pattern of its old names (empty: the new name, in capitals), and its settings.
"""

from __future__ import annotations

from datetime import timedelta

from .setting import Namespaces
from .setting import Setting as S

RESULTS: Namespaces = {
    "cache": ("celery_cache_{0}", (
        S("backend", "string", None),
        S("backend_options", "dict", {}),
    )),
    "cassandra": ("", (
        S("entry_ttl", "float", None),
        S("keyspace", "string", None),
        S("port", "string", None),
        S("read_consistency", "string", None),
        S("servers", "list", None),
        S("bundle_path", "string", None),
        S("table", "string", None),
        S("write_consistency", "string", None),
        S("auth_provider", "string", None),
        S("auth_kwargs", "string", None),
        S("options", "dict", {}),
    )),
    "s3": ("", (
        S("access_key_id", "string", None),
        S("secret_access_key", "string", None),
        S("bucket", "string", None),
        S("base_path", "string", None),
        S("endpoint_url", "string", None),
        S("region", "string", None),
    )),
    "azureblockblob": ("", (
        S("container_name", "string", "celery"),
        S("retry_initial_backoff_sec", "int", 2),
        S("retry_increment_base", "int", 2),
        S("retry_max_attempts", "int", 3),
        S("base_path", "string", ""),
        S("connection_timeout", "int", 20),
        S("read_timeout", "int", 120),
    )),
    "gcs": ("", (
        S("bucket", "string", None),
        S("project", "string", None),
        S("base_path", "string", ""),
        S("ttl", "float", 0),
    )),
    "couchbase": ("celery_couchbase_{0}", (
        S("backend_settings", "dict", None),
    )),
    "arangodb": ("celery_arangodb_{0}", (
        S("backend_settings", "dict", None),
    )),
    "mongodb": ("celery_mongodb_{0}", (
        S("backend_settings", "dict", None),
    )),
    "cosmosdbsql": ("", (
        S("database_name", "string", "celerydb"),
        S("collection_name", "string", "celerycol"),
        S("consistency_level", "string", "Session"),
        S("max_retry_attempts", "int", 9),
        S("max_retry_wait_time", "int", 30),
    )),
    "redis": ("celery_redis_{0}", (
        S("backend_use_ssl", "dict", None),
        S("db", "int", None),
        S("host", "string", None),
        S("max_connections", "int", None),
        S("username", "string", None),
        S("password", "string", None),
        S("port", "int", None),
        S("socket_timeout", "float", 120.0),
        S("socket_connect_timeout", "float", None),
        S("retry_on_timeout", "bool", False),
        S("socket_keepalive", "bool", False),
    )),
    "result": ("celery_result_{0}", (
        S("backend", "string", None),
        S("cache_max", "int", -1, "celery_max_cached_results"),
        S("compression", "string", None),
        S("exchange", "string", "celeryresults"),
        S("exchange_type", "string", "direct"),
        S("expires", "float", timedelta(days=1), "celery_task_result_expires"),
        S("chord_expires", "float", None),
        S("failure_expires", "float", None),
        S("persistent", "bool", None),
        S("extended", "bool", False),
        S("serializer", "string", "json"),
        S("backend_transport_options", "dict", {}),
        S("chord_retry_interval", "float", 1.0),
        S("chord_join_timeout", "float", 3.0),
        S("backend_max_sleep_between_retries_ms", "int", 10000),
        S("backend_max_retries", "float", float("inf")),
        S("backend_base_sleep_between_retries_ms", "int", 10),
        S("backend_always_retry", "bool", False),
    )),
    "elasticsearch": ("celery_elasticsearch_{0}", (
        S("retry_on_timeout", "bool", None),
        S("max_retries", "int", None),
        S("timeout", "float", None),
        S("save_meta_as_text", "bool", True),
    )),
    "database": ("", (
        S("url", "string", None, "celery_result_dburi"),
        S("engine_options", "dict", {"pool_pre_ping": True, "pool_recycle": 3600}, "celery_result_engine_options"),
        S("engine_callback", "any", None),
        S("short_lived_sessions", "bool", False, "celery_result_db_short_lived_sessions"),
        S("table_schemas", "dict", None),
        S("table_names", "dict", None, "celery_result_db_tablenames"),
        S("create_tables_at_setup", "bool", True),
    )),
}  # fmt: skip
