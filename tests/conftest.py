"""Makes `ansible_collections.studioml.fleet` importable from the clone, as Ansible itself would."""

from __future__ import annotations

import pathlib
import sys

from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

CLONE = pathlib.Path(__file__).resolve().parents[1]

sys.path.insert(0, str(CLONE / "tests" / "sandbox"))
_AnsibleCollectionFinder(paths=[str(CLONE / ".build" / "collections")])._install()
