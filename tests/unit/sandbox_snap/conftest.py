# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's command is a package of the snap, not of the collection."""

from __future__ import annotations

import pathlib
import sys

SNAP = pathlib.Path(__file__).resolve().parents[2] / "sandbox/snap"

sys.path.insert(0, str(SNAP / "microk8s/lib"))
