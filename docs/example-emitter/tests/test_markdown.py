from __future__ import annotations

from markdown_target import MarkdownEmitter

from compose2fargate.testing import check_emitter


def test_it_keeps_to_what_an_emitter_has_to() -> None:
    assert list(check_emitter(MarkdownEmitter())) == ["stack.md"]


def test_it_names_services_and_jobs() -> None:
    page = check_emitter(MarkdownEmitter())["stack.md"]
    assert "| web | 2 | 0.25 | 512 MiB |" in page
    assert "The job migrate runs cron(0 3 * * ? *)." in page
