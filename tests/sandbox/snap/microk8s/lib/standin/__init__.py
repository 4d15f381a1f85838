# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for MicroK8s' command, for tests: it imitates what MicroK8s prints and returns, traps included."""
