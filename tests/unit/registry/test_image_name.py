"""Names of images."""

from __future__ import annotations

import pytest

from ansible_collections.studioml.fleet.plugins.module_utils import _image_name as image_name
from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "parts", "whole"),
    [
        ("hub:5000/a/b:1", ("hub:5000", "a/b", "1", ""), "hub:5000/a/b:1"),
        ("localhost/a", ("localhost", "a", "latest", ""), "localhost/a:latest"),
        (f"r.example.org/a_b__c/d-e@{DIGEST}", ("r.example.org", "a_b__c/d-e", "", DIGEST), f"r.example.org/a_b__c/d-e@{DIGEST}"),
        (f"[::1]:5000/a:1@{DIGEST}", ("[::1]:5000", "a", "1", DIGEST), f"[::1]:5000/a@{DIGEST}"),
    ],
)
def test_names_are_taken_apart(text, parts, whole):
    assert image_name.parse(text) == parts and image_name.parse(text).text() == whole


@pytest.mark.parametrize(
    "text", ["busybox", "studioml/runner:1", "hub:5000/", "hub:5000/A:1", "hub:5000/a:-1", "hub:5000/a@sha256:12", "hub:5000/a b", "hub:5000/a//b"]
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(FleetError):
        image_name.parse(text)
