# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The environment that a studio-go-runner reads: which names it knows, what it makes of their values, and what does nothing. Pure functions, no I/O.

A runner takes its flags from the environment, fills in nothing for a name that it does not know, and says nothing about it. A misspelt name therefore is found
here or not at all.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils._errors import FleetError

# How each value is read. In the order of the facts: logging, queues, certificates, work, limits, other.
KNOWN: t.Dict[str, str] = {
    **dict.fromkeys(("LOGXI", "LOGXI_FORMAT", "LOGXI_COLORS"), "text"),
    **dict.fromkeys(("AMQP_URL",), "amqp"),
    **dict.fromkeys(("AMQP_MGT_URL", "S3_ENDPOINT"), "url"),
    **dict.fromkeys(("QUEUE_MATCH", "QUEUE_MISMATCH"), "regexp"),
    **dict.fromkeys(("SQS_CERTS", "ENCRYPT_DIR", "REQUEST_SIGNATURES_DIR", "RESPONSE_SIGNATURES_DIR", "WORKING_DIR", "CACHE_DIR", "QUEUE_ROOT"), "path"),
    **dict.fromkeys(("TMPDIR", "S3_CA", "S3_CERT", "S3_KEY", "CPU_PROFILE", "SSL_CERT_FILE", "SSL_CERT_DIR"), "path"),
    **dict.fromkeys(("CLEAR_TEXT_MESSAGES", "CPU_ONLY", "DEBUG", "ALLOW_ENV_SECRETS", "SCHEMA_LOGS", "GENERATE_METADATA"), "bool"),
    **dict.fromkeys(("CACHE_SIZE", "MAX_MEM", "MAX_DISK"), "size"),
    **dict.fromkeys(("MAX_CORES", "LIMIT_TASKS", "GOMAXPROCS", "OMP_NUM_THREADS"), "count"),
    **dict.fromkeys(("SQS_TIMEOUT", "LIMIT_IDLE_DURATION", "LIMIT_INTERVAL"), "duration"),
    **dict.fromkeys(("PROM_ADDRESS",), "address"),
    # read by the libraries and programs that a runner brings along
    **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"), "text"),
    **dict.fromkeys(("AWS_SDK_LOAD_CONFIG", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "GOOGLE_APPLICATION_CREDENTIALS"), "text"),
    **dict.fromkeys(("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "MINIO_TEST_SERVER", "VAULT_TOKEN", "VAULT_ADDR", "GITHUB_TOKEN"), "text"),
    **dict.fromkeys(("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_REQUIRE_CUDA"), "text"),
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"), "text"),
    **dict.fromkeys(("TZ", "LANG", "LC_ALL", "LC_CTYPE", "PATH", "HOME", "LD_LIBRARY_PATH", "PYTHONPATH", "PIP_INDEX_URL", "PIP_TRUSTED_HOST"), "text"),
    **dict.fromkeys(("GODEBUG", "GOTRACEBACK", "PYTHONUNBUFFERED"), "text"),
}
# Names that turn up in manifests and do nothing, with what was meant.
INERT: t.Dict[str, str] = {
    "MESSAGE_CRYPT": "No flag of the runner has this name; the directory of the message keys is ENCRYPT_DIR.",
    "DISABLED_LIMIT_TASKS": "No flag of the runner has this name; LIMIT_TASKS is a limit, and leaving it out is none.",
    "RESPONSE_ENCRYPT_DIR": "No flag of the runner has this name; the directory of the report keys is RESPONSE_SIGNATURES_DIR.",
    "KUBERNETES_NAMESPACE": "The runner reads K8S_NAMESPACE, which runner_deploy sets.",
}
RISKY: t.Dict[str, str] = {
    "LIMIT_TASKS": "The runner aborts the tasks that run when this number is exceeded; LIMIT_IDLE_DURATION ends it without loss.",
}
GIB = 1024**3
# What a regular expression of Go does not have.
_NOT_IN_GO = re.compile(r"\(\?(?:=|!|<=|<!|>|\(|#)|\\[1-9]|[*+?}]\+")
# What Go has and Python has not: such a pattern cannot be tried here.
_ONLY_IN_GO = re.compile(r"\\[pPQEzC]|\[\[:|\(\?[a-z]*U")
_DURATION = re.compile(r"[+-]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*)")
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([kmgtpe]?)(i?)b?\s*", re.IGNORECASE)
_BOOL = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")
_AMQP = re.compile(r"amqps?://(?P<user>[^/@\s]*)@[^/\s@]+(/.*)?")


def check(env: dict[str, str], secret_env: dict[str, str], unchecked: t.Sequence[str] = ()) -> list[str]:
    """Refuse what a runner would not read or could not start with; the warnings for what it reads and does nothing with."""
    warnings: list[str] = []
    for option, values in (("env", env), ("secret_env", secret_env)):
        for name, value in values.items():
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in unchecked):
                continue
            if name in INERT:
                warnings.append(f"{option}: {name} does nothing. {INERT[name]}")
                continue
            if name not in KNOWN:
                _unknown(name, option)
                continue
            words = CHECKS[KNOWN[name]](value)
            if words:
                shown = "its value" if option == "secret_env" or KNOWN[name] == "amqp" else repr(value)
                raise FleetError(f"{option}: {name}: {shown} {words[0]}", words[1])
            if name in RISKY:
                warnings.append(f"{option}: {name}: {RISKY[name]}")
    _cache({**env, **secret_env})
    return warnings


def lacking(env: dict[str, str], secret_env: dict[str, str], mounts: t.Collection[str]) -> list[str]:
    """What is missing for it to work at all, as far as what is given here tells; C(mounts) are the kinds of secrets that it has."""
    given, missing = {**env, **secret_env}, []
    if not ({"AMQP_URL", "SQS_CERTS", "QUEUE_ROOT"} & set(given)) and "aws-sqs" not in mounts:
        missing.append("Neither AMQP_URL nor credentials for SQS are given; a runner of 0.14 ends at once without a queue's server.")
    if given.get("CLEAR_TEXT_MESSAGES") not in ("true", "1", "t", "T", "TRUE", "True") and not ({"encryption", "passphrase"} <= set(mounts)):
        missing.append("Neither message keys are mounted (secret_mounts) nor is CLEAR_TEXT_MESSAGES true; such a runner serves no queue.")
    return missing


def size_of(text: str) -> float | None:
    """Bytes of a size as the runner reads them (C(10Gib), C(8gb)); None when it is none."""
    found = _SIZE.fullmatch(text)
    if not found:
        return None
    power = "kmgtpe".find(found.group(2).lower()) + 1 if found.group(2) else 0
    return float(found.group(1)) * (1024 if found.group(3) else 1000) ** power


def _unknown(name: str, option: str) -> None:
    """In C(env) any unknown name is refused; C(secret_env) also has the credentials of what experiments use, so there only what looks like a slip."""
    import difflib  # a slip is rare, and this is not compiled in a run without one

    upper = name.upper().replace("-", "_")
    near = difflib.get_close_matches(upper, [*KNOWN, *INERT], 1, 0.75)
    nearest = near[0] if near else ""
    if option == "secret_env" and not nearest:
        return
    nearest = nearest or difflib.get_close_matches(upper, list(KNOWN), 1, 0.0)[0]
    raise FleetError(
        f"{option}: {name} is no name that the runner knows; the nearest one is {nearest}.",
        f"Correct it, or name it in env_unchecked if it is meant for something else in the pod (a pattern such as {name.split('_')[0]}_* will do).",
    )


def _cache(given: dict[str, str]) -> None:
    both = {"CACHE_DIR", "CACHE_SIZE"} & set(given)
    if len(both) == 1:
        missing = ({"CACHE_DIR", "CACHE_SIZE"} - both).pop()
        raise FleetError(f"env: {both.pop()} is set and {missing} is not, and a runner does not start with one of them.", "Use the option cache.")
    if "CACHE_SIZE" in given and (size_of(given["CACHE_SIZE"]) or 0) < GIB:
        raise FleetError(f"env: CACHE_SIZE: {given['CACHE_SIZE']!r} is less than 1 GiB; a runner does not start with that.", "Give at least 1Gib.")


Fault = t.Optional[t.Tuple[str, str]]


def _is_text(value: str) -> Fault:
    return ("has a line break or a character that is not printable.", "Take it out.") if any(ord(letter) < 32 for letter in value) else None


def _is_bool(value: str) -> Fault:
    return None if value in _BOOL else ("is not a boolean.", "Write true or false.")


def _is_count(value: str) -> Fault:
    return None if re.fullmatch(r"\d+", value) else ("is not a whole number from 0.", "Write digits only.")


def _is_size(value: str) -> Fault:
    return None if size_of(value) is not None else ("is not a size.", "Write it as the runner reads it: 10Gib, 500mb.")


def _is_duration(value: str) -> Fault:
    return None if _DURATION.fullmatch(value) else ("is not a duration.", "Write it as Go does, with a unit: 15s, 10m, 1h30m.")


def _is_path(value: str) -> Fault:
    return None if value and not re.search(r"[\n\r\0]", value) else ("is not a path.", "Give a path, or leave it out.")


def _is_address(value: str) -> Fault:
    port = value.rpartition(":")[2]
    good = ":" in value and port.isdigit() and int(port) < 65536
    return None if good else ("is not an address to listen at.", "Write [host]:port, such as :9090.")


def _is_url(value: str) -> Fault:
    return None if "$" in value or re.fullmatch(r"https?://[^/\s]+(/\S*)?", value) else ("is not a URL.", "Write http://host:port or https://host:port.")


def _is_amqp(value: str) -> Fault:
    if "$" in value:  # the runner expands ${NAME} itself
        return None
    found = _AMQP.fullmatch(value)
    if not found:
        return ("is not a URL of AMQP with credentials in it; a runner ends at once without them.", "Write amqp://USER:PASSWORD@HOST:5672/VHOST.")
    return None


def _is_regexp(value: str) -> Fault:
    found = _NOT_IN_GO.search(value)
    if found:
        return (f"has {found.group()!r}, which Go's regular expressions do not have.", "Use QUEUE_MATCH and QUEUE_MISMATCH together instead of a look-ahead.")
    if _ONLY_IN_GO.search(value):
        return None
    try:
        re.compile(value)
    except re.error as error:
        return (f"is not a regular expression: {error}.", "Correct it.")
    return None


CHECKS: t.Dict[str, t.Callable[[str], Fault]] = {
    "text": _is_text,
    "bool": _is_bool,
    "count": _is_count,
    "size": _is_size,
    "duration": _is_duration,
    "path": _is_path,
    "address": _is_address,
    "url": _is_url,
    "amqp": _is_amqp,
    "regexp": _is_regexp,
}
