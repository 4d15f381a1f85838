# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resource quantities in the form in which the API server gives them back (0.5 becomes 500m, 1024Mi 1Gi). Pure functions, no I/O."""

from __future__ import annotations

import re
import typing as t
from fractions import Fraction

_FORM = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([KMGTPE]i|[numkMGTPE]?)")
_EXPONENT = re.compile(r"[+-]?[0-9.]+[eE][+-]?[0-9]+")
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def is_quantity(value: t.Any) -> bool:
    """Whether the server would take it; it answers with an internal error otherwise."""
    return not isinstance(value, bool) and bool(_FORM.fullmatch(str(value).strip()) or _EXPONENT.fullmatch(str(value).strip()))


def quantity(value: t.Any) -> str:
    """The same amount as the server writes it; one with an exponent, which it keeps, as it is."""
    text = str(value).strip()
    form = _FORM.fullmatch(text)
    if not form:
        return text
    number, suffix = Fraction(form.group(1)), form.group(2)
    if suffix in _BINARY:
        number *= 1024 ** (_BINARY.index(suffix) + 1)
        return _decimal(number) if abs(number) < 1024 else _binary(number)
    return _decimal(number * Fraction(10) ** _DECIMAL[suffix])


def _binary(number: Fraction) -> str:
    power = 0
    while power < len(_BINARY) and (number / 1024).denominator == 1:
        number, power = number / 1024, power + 1
    return f"{number.numerator}{_BINARY[power - 1] if power else ''}" if number.denominator == 1 else str(float(number))


def _decimal(number: Fraction) -> str:
    if number == 0:
        return "0"
    for suffix, power in sorted(_DECIMAL.items(), key=lambda entry: -entry[1]):
        scaled = number / Fraction(10) ** power
        if scaled.denominator == 1:
            return f"{scaled.numerator}{suffix}"
    return str(float(number))


def amount(value: t.Any) -> Fraction:
    """The number that a quantity stands for."""
    text = str(value).strip()
    form = _FORM.fullmatch(text)
    if not form:
        return Fraction(text)
    number, suffix = Fraction(form.group(1)), form.group(2)
    return number * 1024 ** (_BINARY.index(suffix) + 1) if suffix in _BINARY else number * Fraction(10) ** _DECIMAL[suffix]
