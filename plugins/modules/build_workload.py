# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: build_workload
short_description: Run a build or a test suite with a GPU as a Job, follow it, and bring its results
version_added: 0.1.0
description:
  - Makes a Kubernetes Job of an image that builds and tests something, shows its log while it comes, and ends when the Job does.
  - The exit code of the program decides. A build that fails fails the task, with its exit code, the first tests that failed and the last lines of its log.
  - What C(go test) prints, as text or with C(-json), is counted, and written as JUnit XML where that is asked for.
  - Files are copied out of the pod before it goes.
  - The log goes on over broken connections, restarts of the API server and expired tokens that were renewed, without losing a line or telling one twice.
  - This is what C(kubectl run) with a GPU limit, C(kubectl logs -f) and C(kubectl delete) do by hand.
extends_documentation_fragment:
  - studioml.fleet.kubernetes
  - studioml.fleet.targets
  - studioml.fleet.job
  - studioml.fleet.job_run
  - studioml.fleet.attributes
  - studioml.fleet.attributes.controller
attributes:
  check_mode:
    support: full
    details:
      - The API server is asked for a dry run, so that a refusal shows in check mode too. Nothing is awaited.
      - With O(again=new) the end of the name is another one each time.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(again=new), the default, every run is a build of its own. With O(again=keep) a build that is there is not made again.
  platform:
    platforms: posix
options:
  name:
    description:
      - Name of the Job, of lower-case letters, digits and V(-).
      - Defaults to C(build-) and the last part of the image's name.
    type: str
  gpus:
    description: How many GPUs the build gets.
    type: int
    default: 1
  again:
    description:
      - What to do when a Job of that name is there.
      - V(new) makes another one beside it, with five random characters at the end of the name.
      - V(keep) leaves it when it is what is asked for, and fails with the fields that differ when it is not.
      - V(replace) deletes one that differs, or that has failed, waits until it is gone with its pods, and makes it anew.
    type: str
    choices: [keep, replace, new]
    default: new
  follow:
    description: Show the log while it comes.
    type: bool
    default: true
  keep:
    description: Whether the Job stays when it has ended. V(on_failure) removes it when it is complete, V(never) in any case.
    type: str
    choices: [always, on_failure, never]
    default: on_failure
  github_token:
    description:
      - The build's E(GITHUB_TOKEN). It goes into a Secret that belongs to the Job and is removed with it.
      - It is taken out of the log, wherever the log goes.
    type: str
  tests:
    description:
      - V(auto) counts the tests when the log has output of C(go test), V(none) does not look.
      - Of several tries the last one counts. With O(parallelism) or O(completions) above 1 every pod does, but those that failed in a complete build.
    type: str
    choices: [auto, none]
    default: auto
  junit:
    description:
      - File on the controller that gets the results of the tests as JUnit XML. It is written when there are any, also when the build has failed.
      - Only its owner may read it, because what failed tests said is in it.
      - With O(targets) the name of the target becomes part of the file's name, and of that of O(log_file).
    type: path
  artefacts:
    description:
      - A folder of the container that is copied to the controller when the program has ended, whatever its exit code.
      - A second container holds it for that long; it needs C(sh) and C(tar), and the user permission to create C(pods/exec).
    type: dict
    suboptions:
      path:
        description: The folder in the container. It is empty at first.
        type: str
        required: true
      dest:
        description:
          - Folder on the controller. Files that are there are kept, those of the same name replaced.
          - With O(targets) each target gets a folder of its name in it.
        type: path
        required: true
      image:
        description: Image of the second container. Defaults to that of the build.
        type: str
      keep_for:
        description:
          - Seconds after the pod's start for which the folder is held when nobody comes to copy it.
          - Defaults to O(wait_timeout) and five minutes.
        type: int
      max_bytes:
        description: Refuse to copy more than this.
        type: int
        default: 10737418240
seealso:
  - module: studioml.fleet.gpu_job
  - module: studioml.fleet.job_log
  - module: studioml.fleet.volume_fetch
author:
  - studioml.fleet contributors (@studioml)
"""

EXAMPLES = r"""
- name: Build and test with one GPU on each host of the play
  studioml.fleet.build_workload:
    image: "{{ fleet_registry }}/leafai/studio-go-runner-standalone-build:latest"
    env_from:
      - configmap: studioml-env
    github_token: "{{ lookup('ansible.builtin.env', 'GITHUB_TOKEN') }}"
    pull_secrets: [studioml-go-docker-key]
    pod_security: none
    junit: "results/{{ inventory_hostname }}.xml"
    artefacts:
      path: /artefacts
      dest: "results/{{ inventory_hostname }}"

- name: The same at the first host of a rack that has two free GPUs
  studioml.fleet.build_workload:
    targets: "{{ groups.gpu_rack2 }}"
    place: free
    image: hub:5000/build:3
    command: [make, test]
    gpus: 2
  delegate_to: localhost
  run_once: true

- name: A build that is made once for each commit
  studioml.fleet.build_workload:
    kubeconfig: /etc/fleet/rack2.yaml
    namespace: ci
    name: "build-{{ commit[:12] }}"
    image: "hub:5000/build:{{ commit }}"
    again: keep
    keep: always
"""

RETURN = r"""
job:
  description: How the Job stands. A failed task has it too. See M(studioml.fleet.gpu_job).
  returned: without O(targets)
  type: dict
  sample: {name: build-x7x2c, namespace: ci, state: failed, reason: BackoffLimitExceeded, exit_code: 1}
name:
  description: Name of the Job; with O(again=new) the one that was chosen.
  returned: without O(targets)
  type: str
  sample: build-x7x2c
namespace:
  description: Its namespace.
  returned: without O(targets)
  type: str
  sample: ci
tests:
  description: The tests. C(failures) are the first 50 that failed, with their output; a package that could not be built is one without a name.
  returned: when the log has output of C(go test)
  type: dict
  sample:
    passed: 5
    failed: 1
    skipped: 1
    packages: 2
    packages_failed: 1
    failures: [{name: TestAdd, package: example.org/calc, seconds: 0.01, output: ["calc_test.go:10: wrong"]}]
artefacts:
  description: What was copied. C(left_out) are links that lead out of the folder, and what is no file; C(error) says why nothing was copied.
  returned: with O(artefacts), after a wait
  type: dict
  sample: {dest: results/gpu1, files: 3, bytes: 1200, left_out: [], error: ""}
log:
  description: The last O(log_lines) lines of its log.
  returned: after a wait
  type: list
  elements: str
  sample: [ok example.org/calc 0.034s]
cause:
  description: Why it failed or did not begin, with the facts behind it.
  returned: when it failed
  type: dict
  sample: {pod: build-x7x2c-9qk2v, reason: Error, exit_code: 1}
removed:
  description: Whether the Job was removed at its end.
  returned: without O(targets)
  type: bool
  sample: true
objects:
  description: What was made.
  returned: without O(targets)
  type: list
  elements: dict
  sample: [{kind: Job, name: build-x7x2c, namespace: ci, action: created}]
where:
  description: With O(targets), the names of those that have the build; in the entry of a target, its own name.
  returned: with O(targets)
  type: raw
  sample: [gpu2]
targets:
  description: With O(targets), one result for each of them in the order given.
  returned: when O(targets) is given, also when some of them failed
  type: list
  elements: dict
  sample: [{target: gpu2, changed: true, failed: false, skipped: false, msg: "", hint: ""}]
"""

import typing as t

from ansible_collections.studioml.fleet.plugins.module_utils import _build, _door, _job_options, _job_run

ARGUMENTS: dict[str, dict[str, t.Any]] = {
    **_door.CONNECTION,
    **_door.FLEET,
    **_job_options.JOB,
    **_job_run.RUN,
    "gpus": {"type": "int", "default": 1},
    "again": {"type": "str", "choices": ["keep", "replace", "new"], "default": "new"},
    "follow": {"type": "bool", "default": True},
    "keep": {"type": "str", "choices": ["always", "on_failure", "never"], "default": "on_failure"},
    "github_token": {"type": "str", "no_log": True},
    "tests": {"type": "str", "choices": ["auto", "none"], "default": "auto"},
    "junit": {"type": "path"},
    "artefacts": {
        "type": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "image": {"type": "str"},
            "keep_for": {"type": "int"},
            "max_bytes": {"type": "int", "default": 10 << 30},
        },
    },
}


def perform(params: dict[str, t.Any], check: bool, report: t.Callable[[str], None] | None = None) -> dict[str, t.Any]:
    given = _build.completed(params)
    _job_run.check_options(given)
    if given["targets"] is not None:
        from ansible_collections.studioml.fleet.plugins.module_utils import _job_fleet  # one target needs none of it

        return _job_fleet.present(given, check, report, _build.begin, _build.end)
    with _door.opened(given) as (api, namespace):
        return _build.end(api, _build.begin(api, given, namespace, check), given, check, report)


def main() -> None:
    _door.run(ARGUMENTS, perform)


if __name__ == "__main__":
    main()
