"""What a Dockerfile tells of its image's labels before a build."""

from __future__ import annotations

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils._dockerfile import labels

STAGES = """
ARG BASE=scratch
FROM $BASE AS build
LABEL from=build registry.repo=x/y
FROM build AS middle
LABEL registry.version=1
FROM scratch
LABEL last=yes
"""


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ('FROM scratch\nLABEL registry.repo=a/b registry.version="1.2"', {}, {"registry.repo": "a/b", "registry.version": "1.2"}),
        ("from scratch\nlabel a='x y' \\\n  # a comment between\n  b=\"c d\"\n", {}, {"a": "x y", "b": "c d"}),
        ("FROM scratch\nLABEL maintainer somebody there", {}, {"maintainer": "somebody there"}),
        ("FROM scratch\nARG V=1\nENV W=${V}.2\nLABEL v=$W x=${V:-9}", {}, {"v": "1.2", "x": "1"}),
        ("FROM scratch\nARG V=1\nLABEL v=$V", {"V": "7"}, {"v": "7"}),
        ("ARG V=3\nFROM scratch\nARG V\nLABEL v=$V", {}, {"v": "3"}),
        ("ARG V=3\nFROM scratch\nLABEL v=$V", {}, {}),
        ("FROM scratch\nARG V\nLABEL v=$V known=1", {}, {"known": "1"}),
        ("FROM scratch\nLABEL v=${V:-none} w=${V:+set}", {}, {"v": "none", "w": ""}),
        ("FROM scratch\nLABEL a=1\nLABEL a=2", {}, {"a": "2"}),
        ("FROM scratch\nLABEL a='unbalanced", {}, {}),
        (STAGES, {}, {"last": "yes"}),
    ],
)
def test_labels(text, arguments, expected):
    assert labels(text, arguments) == expected


def test_a_stage_has_the_labels_of_what_it_begins_with():
    assert labels(STAGES, {}, "middle") == {"from": "build", "registry.repo": "x/y", "registry.version": "1"}
