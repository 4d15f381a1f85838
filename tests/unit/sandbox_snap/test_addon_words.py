# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the words after C(enable) are understood, odd rules included."""

from __future__ import annotations

import pytest
from standin.addon_words import Wanted, WordsError, parse, parse_without_repositories

KNOWN = [("core", "dns"), ("core", "registry"), ("core", "nvidia"), ("core", "twice"), ("community", "twice")]


def read(*words: str) -> tuple[list[Wanted], list[str]]:
    said: list[str] = []
    return parse(words, KNOWN, said.append), said


def test_a_name_alone_is_completed_with_its_repository() -> None:
    assert read("dns") == ([Wanted("core", "dns")], ["Infer repository core for addon dns"])


def test_a_full_name_is_taken_as_it_is_even_when_unknown() -> None:
    assert read("core/dns") == ([Wanted("core", "dns")], [])
    assert read("core/typo", "--x") == ([Wanted("core", "typo", ("--x",))], [])


def test_known_names_only_are_several_addons_with_colon_arguments() -> None:
    wanted, _said = read("dns:8.8.8.8:10.0.0.1", "registry:size=40Gi")
    assert wanted == [Wanted("core", "dns", ("8.8.8.8", "10.0.0.1")), Wanted("core", "registry", ("size=40Gi",))]


def test_words_after_the_first_are_its_arguments() -> None:
    assert read("nvidia", "--gpu-operator-driver", "host")[0] == [Wanted("core", "nvidia", ("--gpu-operator-driver", "host"))]


def test_a_mistyped_second_addon_becomes_an_argument_of_the_first() -> None:
    assert read("dns", "regsitry")[0] == [Wanted("core", "dns", ("regsitry",))]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("typo",), "Addon typo was not found in any repository"),
        (("dns:1.1.1.1", "--flag"), "Can't pass string arguments and flag arguments simultaneously!"),
        (("twice",), "Addon twice exists in more than repository"),
        (("a/b/c",), "Invalid addon name a/b/c"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], text: str) -> None:
    with pytest.raises(WordsError) as caught:
        read(*words)
    assert str(caught.value).startswith(text)


def test_before_the_repositories_each_word_is_an_addon_with_one_argument() -> None:
    assert parse_without_repositories(["dns:1.1.1.1,8.8.8.8", "gpu"]) == [Wanted("core", "dns", ("1.1.1.1,8.8.8.8",)), Wanted("core", "gpu")]
