# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entry of the stand-in C(microk8s) command: C(python3 lib ARGUMENTS)."""

from __future__ import annotations

import sys

from standin.command import main

sys.exit(main(sys.argv[1:]))
