# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a runner finds in the Secrets beside its own key pair: keys by prefix of a queue's name, AWS files, tokens. Checked before they are stored. Pure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError
from ansible_collections.studioml.fleet.plugins.module_utils._public_keys import ed25519_line, rsa_public

Data = t.Dict[str, str]

# Keeps a Secret without any key from being empty; the runner passes over what it cannot read under this name.
INFO = "info"
PLACEHOLDER = "One public key for each prefix of a queue's name; kept by studioml.fleet.\n"
LEAST_PREFIX, MOST_PREFIX = 4, 253
PROFILE = "default"
AWS_KEYS = ("aws_access_key_id", "aws_secret_access_key")

_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def signing_data(keys: t.Mapping[str, t.Any]) -> Data:
    """The Secret with which signatures of requests are verified."""
    return {INFO: PLACEHOLDER, **{_prefix(prefix, "signing_keys"): ed25519_line(_text(key, at), at) + "\n" for prefix, key, at in _each(keys, "signing_keys")}}


def report_data(keys: t.Mapping[str, t.Any]) -> Data:
    """The Secret with which reports are encrypted for whoever asked for them."""
    return {INFO: PLACEHOLDER, **{_prefix(prefix, "report_keys"): rsa_public(_text(key, at), at).text for prefix, key, at in _each(keys, "report_keys")}}


def aws_data(files: t.Mapping[str, t.Any]) -> Data:
    """The two files of the AWS command line, and no third: the runner refuses a folder with another number."""
    made = {}
    for name, needed in (("credentials", AWS_KEYS), ("config", ())):
        where = f"aws: {name}"
        text = _text(files.get(name), where)
        section = _profile(text, where)
        missing = [key for key in needed if not section.get(key, "").strip()]
        if missing:
            raise FleetError(f"{where}: the profile [{PROFILE}] has no {' and no '.join(missing)}.", f"Each line is {missing[0]} = VALUE.")
        made[name] = text.strip("\r\n") + "\n"
    return made


def token_data(token: str) -> Data:
    """A token for GitHub."""
    if not token or token != "".join(token.split()):
        raise FleetError(
            f"github_token: it {'has white space in it' if token else 'is empty'}, so it cannot be a token.",
            "Give the token alone, without a newline; leave the option out when there is none.",
        )
    return {"github_token": token}


def _each(keys: t.Mapping[str, t.Any], option: str) -> t.Iterator[tuple[str, t.Any, str]]:
    return ((prefix, key, f"{option}: {prefix}") for prefix, key in keys.items())


def _prefix(prefix: t.Any, option: str) -> str:
    name = str(prefix)
    if name == INFO:
        raise FleetError(f"{option}: {INFO} is the placeholder's own name.", "Use another prefix, such as info_.")
    if len(name) < LEAST_PREFIX:
        raise FleetError(f"{option}: the prefix {name!r} is too short: the runner ignores one with less than {LEAST_PREFIX} characters.", "Make it longer.")
    if len(name) > MOST_PREFIX or not _DATA_KEY.fullmatch(name):
        raise FleetError(
            f"{option}: the prefix {name!r} cannot be the name of an entry in a Secret.", f"Use letters, digits, '-', '_' and '.', {MOST_PREFIX} at most."
        )
    return name


def _text(value: t.Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        words = "not a text" if value and not isinstance(value, str) else "empty"
        raise FleetError(f"{where}: it is {words}.", "Give the text of the file, for example by lookup('ansible.builtin.file', ...).")
    return value


def _profile(text: str, where: str) -> t.Mapping[str, str]:
    import configparser  # few runners have these files

    # A name of its own for the section of defaults: [default] is an ordinary section of these files, and % is an ordinary letter.
    parser = configparser.ConfigParser(interpolation=None, default_section="\n", strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # the parser's own words repeat the line, which may be the secret
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [])), (None,))[0]
        place = f" (line {line})" if line else ""
        raise FleetError(f"{where}: it is not a file of the AWS command line{place}.", f"Write [{PROFILE}], then KEY = VALUE lines.") from None
    if PROFILE not in parser:
        others = ", ".join(parser.sections()) or "no profile at all"
        raise FleetError(f"{where}: there is no profile [{PROFILE}], and the runner reads no other; there is {others}.", f"Rename the profile to [{PROFILE}].")
    return parser[PROFILE]
