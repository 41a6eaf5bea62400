"""Imported by the process that a test's children are forked from, so that they need not read the models of AWS again."""

from __future__ import annotations

from tests.sandbox_server import read_models

read_models()
