# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of running a Job, placing it and following it; the argument spec that belongs to it is in module_utils/_job_run.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  again:
    description:
      - What to do when a Job of that name is there.
      - V(keep) leaves it when it is what is asked for, and fails with the fields that differ when it is not.
      - V(replace) deletes one that differs, or that has failed, waits until it is gone with its pods, and makes it anew.
      - V(new) makes another one beside it, with five random characters at the end of the name.
    type: str
    choices: [keep, replace, new]
    default: keep
  wait:
    description: Wait for the end of the Job. The task fails when the Job has failed.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for that. The Job goes on when they are over.
    type: float
    default: 3600
  image_pull_grace:
    description: Seconds for which pulling the image may fail.
    type: float
    default: 60
  schedule_grace:
    description: Seconds for which there may be no room for the pods. Give more where Jobs are to wait for GPUs.
    type: float
    default: 60
  follow:
    description: Show the log while it comes.
    type: bool
    default: false
  log_file:
    description: File on the controller that gets the whole log. With O(targets) the name of the target becomes part of the file's name.
    type: path
  log_lines:
    description: How many of the log's last lines the result has.
    type: int
    default: 20
  keep:
    description:
      - Whether the Job stays when it has ended. V(on_failure) removes it when it is complete, V(never) in any case.
      - One that has been removed is made again by the next run of the task.
    type: str
    choices: [always, on_failure, never]
    default: always
  delete_timeout:
    description: Seconds to wait until a Job that is removed is gone with its pods.
    type: float
    default: 120
  place:
    description:
      - With O(targets), where the Job runs. V(all) is every target.
      - >-
        V(free) is the first O(copies) of them whose nodes have enough free GPUs for it, by one look at the nodes and pods of each cluster. Targets that have
        the Job already come first. With O(queue) those that have Kueue have room.
    type: str
    choices: [all, free]
    default: all
  copies:
    description: With O(place=free), how many targets get the Job.
    type: int
    default: 1
"""
