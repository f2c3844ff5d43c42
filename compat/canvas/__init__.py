"""Composing calls: chains, groups, chords, chunks and maps of signatures."""

from __future__ import annotations

from ..result import GroupResult as GroupResult
from .chain_joining import fold as _fold_chain
from .chain_steps import clear_chord_option as _clear_chord_option
from .chain_steps import strip_chord_header_links as _strip_chord_header_links
from .chains import _chain, chain
from .chords import _chord, chord
from .chords import _header as _maybe_group
from .groups import group
from .kinds import maybe_unroll_group
from .mapping import _basemap, chunks, xmap, xstarmap
from .signature import Signature, maybe_signature, maybe_subtask, signature, subtask
from .stamping import StampingVisitor, _merge_dictionaries

__all__ = (
    "Signature",
    "StampingVisitor",
    "_basemap",
    "_chain",
    "_chord",
    "_clear_chord_option",
    "_fold_chain",
    "_maybe_group",
    "_merge_dictionaries",
    "_strip_chord_header_links",
    "chain",
    "chord",
    "chunks",
    "group",
    "maybe_signature",
    "maybe_subtask",
    "maybe_unroll_group",
    "signature",
    "subtask",
    "xmap",
    "xstarmap",
)
# Signatures are pickled, and named in messages of errors, as application code knows them.
for _kind in (Signature, StampingVisitor, _chain, chain, _chord, group, xmap, xstarmap, chunks):
    _kind.__module__ = __name__
