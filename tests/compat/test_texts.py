"""Texts for people, colours, and names of workers, modules and symbols."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from compat.utils import imports, nodenames, text
from compat.utils.term import colored


def test_long_texts_are_cut_at_a_word() -> None:
    assert text.truncate("one two three", 9) == "one two..."
    assert text.truncate("short", 9) == "short"
    assert text.truncate("abcdef", 3, suffix="!") == "abc!"


def test_names_of_tasks_lose_their_module_first() -> None:
    assert text.abbrtask("feeds.tasks.refresh_all", 17) == "fee[.]refresh_all"
    assert text.abbrtask("short", 17) == "short"
    assert text.abbrtask(None, 3) == "???"


def test_a_text_is_cut_with_or_without_dots() -> None:
    assert text.abbr("abcdefgh", 6) == "abc..."
    assert text.abbr("abcdefgh", 6, None) == "abcdef"  # type: ignore[arg-type]


def test_a_word_is_in_the_plural_but_for_one() -> None:
    assert [text.pluralize(n, "task") for n in (0, 1, 2)] == ["tasks", "task", "tasks"]


def test_paragraphs_are_filled_and_lines_indented() -> None:
    assert text.fill_paragraphs("one two three\nfour", 7) == "one two\nthree\nfour"
    assert text.indent("a\nb", 2) == "  a\n  b"
    assert text.dedent("    a\n    b") == "a\nb"
    assert text.ensure_newlines("a\n", 2) == "a\n\n"


def test_a_format_is_filled_in_and_unknown_keys_are_refused() -> None:
    assert text.simple_format("%n-%%", {"n": "x"}) == "x-%"
    with pytest.raises(ValueError, match="%z"):
        text.simple_format("%z", {"n": "x"})


def test_the_module_of_a_task_is_written_once() -> None:
    said = text.remove_repeating_from_task("shop.add", "shop.add(1), shop.add(2)")

    assert said == "shop.add(1), add(2)"


def test_a_buffer_takes_bytes_and_text() -> None:
    buffer = text.WhateverIO(b"a")
    buffer.seek(1)
    buffer.write("b")
    buffer.write(b"c")

    assert buffer.getvalue() == "abc"


def test_colours_are_written_where_they_are_enabled() -> None:
    assert str(colored(enabled=True).red("x")) == "\033[1;31mx\033[0m"
    assert str(colored(enabled=False).bold("x", colored().green("y"))) == "xy"
    assert len(colored().red("abc")) == 3
    assert colored().red("a") + "b" == "\033[1;31ma\033[0mb"
    assert str(colored().iblue("x")) == "\033[1;44mx\033[0m"
    assert str(colored().reverse(colored().blink("x"))) == "\033[7m\033[5mx\033[0m\033[0m"
    with pytest.raises(AttributeError):
        colored().mauve("x")


@pytest.mark.parametrize(
    ("name", "parts"), [("one@here", ["one", "here"]), ("here", (None, "here")), ("a@b@c", ["a", "b@c"])]
)
def test_a_node_has_a_name_and_a_host(name: str, parts: Any) -> None:
    assert nodenames.nodesplit(name) == parts


def test_a_part_of_a_nodes_name_is_completed() -> None:
    host = nodenames.gethostname()

    assert nodenames.default_nodename("one@here") == "one@here"
    assert nodenames.default_nodename("@here") == "celery@here"
    assert nodenames.default_nodename("here") == "celery@here"
    assert nodenames.default_nodename("one@") == f"one@{host}"
    assert nodenames.default_nodename(None) == f"celery@{host}"
    assert nodenames.anon_nodename() == f"gen{os.getpid()}@{host}"


def test_a_log_files_name_may_name_the_node() -> None:
    assert nodenames.node_format("%n-%h-%d%I.log", "one@www.example.com") == "one-www.example.com-example.com.log"
    assert nodenames.node_format("%p", "one@here") == "one@here"


def test_a_worker_has_a_queue_of_its_own() -> None:
    queue = nodenames.worker_direct("one@here")

    assert (queue.name, queue.routing_key, queue.exchange.name) == ("one@here.dq2", "one@here", "C.dq2")
    assert nodenames.worker_direct(queue) is queue


@pytest.mark.parametrize("name", ["collections:OrderedDict", "collections.OrderedDict"])
def test_a_symbol_is_had_by_its_name(name: str) -> None:
    assert imports.symbol_by_name(name) is OrderedDict
    assert imports.instantiate(name, [(1, 2)]) == {1: 2}
    assert imports.qualname(OrderedDict) == "collections.OrderedDict"


def test_names_of_celery_lead_to_this_package() -> None:
    assert imports.symbol_by_name("celery.beat:Scheduler").__module__.startswith("compat.")
    assert imports.symbol_by_name("celery.states.SUCCESS") == "SUCCESS"


def test_modules_are_found_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("answer = 42\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    before = list(sys.path)
    try:
        assert imports.import_from_cwd("only_here").answer == 42
        assert sys.path == before
    finally:
        sys.modules.pop("only_here", None)


def test_a_module_within_a_module_that_is_no_package_is_told() -> None:
    with pytest.raises(imports.NotAPackage, match="os"):
        imports.find_module("os.nothing.there")
    with pytest.raises(ModuleNotFoundError):
        imports.find_module("no_such_package.module")


def test_a_task_of_the_main_module_has_the_apps_name_for_one() -> None:
    class App:
        main = "shop"

    assert imports.gen_task_name(App, "add", "__main__") == "shop.add"
    assert imports.gen_task_name(App, "add", "os") == "os.add"
    App.main = None  # type: ignore[assignment]
    assert imports.gen_task_name(App, "add", "__main__") == "__main__.add"
