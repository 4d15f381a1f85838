# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of one Job, for every module that makes Jobs; the argument spec that belongs to it is in module_utils/_job_options.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description:
      - Name of the Job, of lower-case letters, digits and V(-), 63 characters at most.
      - The same name means the same Job when the task runs again.
    type: str
  image:
    description: The image, as C(host[:port]/repository:tag) or with C(@sha256:digest). Needed to make a Job.
    type: str
  container:
    description: Name of the container. Defaults to C(job).
    type: str
  command:
    description: The program, in place of the image's entry point, one word an entry. Nothing is given to a shell, so quotes and newlines stay as they are.
    type: list
    elements: str
  args:
    description: Arguments of the program, or of the image's entry point.
    type: list
    elements: str
  env:
    description: Environment variables. Numbers and booleans become text (V(true), not V(True)).
    type: dict
    default: {}
  secret_env:
    description:
      - Environment variables that nobody but the Job may read. They go into a Secret that belongs to the Job and is removed with it.
      - Their values are in no result, no log and no diff.
    type: dict
    default: {}
  env_from:
    description: ConfigMaps and Secrets whose keys become environment variables, such as the env map of a runner.
    type: list
    elements: dict
    default: []
    suboptions:
      configmap:
        description: Name of a ConfigMap. Give it or O(env_from[].secret).
        type: str
      secret:
        description: Name of a Secret.
        type: str
      prefix:
        description: Put before each of the names.
        type: str
      optional:
        description: Whether the Job may start without it.
        type: bool
        default: false
  files:
    description:
      - Path in the container to the text of the file. They go into a ConfigMap that belongs to the Job and is removed with it.
      - Together a million bytes at most. They can be read and executed by all, written by nobody.
    type: dict
    default: {}
  working_dir:
    description: Where the program starts.
    type: str
  gpus:
    description: How many GPUs each pod gets.
    type: int
    default: 0
  gpu_resource:
    description: The resource that is a GPU, as the node's device plugin names it.
    type: str
    default: nvidia.com/gpu
  gpu_product:
    description: The product that the GPU must be, as GPU feature discovery labels nodes with C(nvidia.com/gpu.product).
    type: str
  resources:
    description: Other resources of the container.
    type: dict
    suboptions:
      limits:
        description: The most that it may use, such as C(memory) V(8Gi).
        type: dict
      requests:
        description: What the scheduler keeps for it. Defaults to the limits.
        type: dict
  claims:
    description: Claims (volumes) that are mounted. One that is named at several paths is one volume.
    type: list
    elements: dict
    default: []
    suboptions:
      claim:
        description: Name of the PersistentVolumeClaim.
        type: str
        required: true
      path:
        description: Where it is mounted.
        type: str
        required: true
      read_only:
        description: Whether the Job may only read it.
        type: bool
        default: false
      sub_path:
        description: A folder of the claim, in place of all of it.
        type: str
      volume:
        description: Name of the volume in the pod, where something else relies on it.
        type: str
  mounts:
    description: Other folders that are mounted. Without O(mounts[].host_path) each is an empty one that ends with the pod.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where it is mounted.
        type: str
        required: true
      empty_dir:
        description: The most that an empty folder may hold, such as V(2Gi); V('') is no limit.
        type: str
      host_path:
        description: A path of the node. It makes O(pod_security) V(none).
        type: str
      memory:
        description: Whether an empty folder is kept in memory (C(/dev/shm)).
        type: bool
        default: false
      read_only:
        description: Whether the Job may only read it.
        type: bool
        default: false
  pull_secrets:
    description: Names of the Secrets with which the image is pulled.
    type: list
    elements: str
    default: []
  image_pull_policy:
    description: When the image is pulled.
    type: str
    choices: [Always, IfNotPresent, Never]
    default: IfNotPresent
  retries:
    description: How often a pod that fails is replaced (C(backoffLimit)).
    type: int
    default: 0
  restart_policy:
    description: V(Never) makes a new pod for each retry and so keeps the logs of all; V(OnFailure) restarts the container in its pod.
    type: str
    choices: [Never, OnFailure]
    default: Never
  deadline:
    description: Seconds after which the Job is ended and has failed (C(activeDeadlineSeconds)).
    type: int
  parallelism:
    description: How many pods run at a time.
    type: int
  completions:
    description: How many pods must succeed.
    type: int
  ttl:
    description:
      - Seconds after its end until the cluster removes the Job (C(ttlSecondsAfterFinished)).
      - A Job that was removed so is made again by the next run of the task.
    type: int
  labels:
    description: Labels of the Job and of its pods, beside those that this collection sets.
    type: dict
    default: {}
  annotations:
    description: Annotations of the Job.
    type: dict
    default: {}
  pod_labels:
    description: Further labels of the pods alone.
    type: dict
    default: {}
  node_name:
    description: The node that the pods must run on. The scheduler still sees to it that there is room.
    type: str
  node_selector:
    description: Labels that the node must have.
    type: dict
    default: {}
  tolerations:
    description: Taints that do not keep the pods away.
    type: list
    elements: dict
    default: []
    suboptions:
      key:
        description: Key of the taint.
        type: str
      operator:
        description: How key and value are compared.
        type: str
        choices: [Exists, Equal]
      value:
        description: Value of the taint.
        type: str
      effect:
        description: Effect of the taint.
        type: str
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
  runtime_class:
    description: RuntimeClass of the pods, such as V(nvidia) where it is not the node's default.
    type: str
  priority_class:
    description: PriorityClass of the pods.
    type: str
  service_account:
    description: ServiceAccount of the pods. Defaults to that of the namespace.
    type: str
  automount_token:
    description: Whether the pods get the token of their ServiceAccount.
    type: bool
    default: false
  pod_security:
    description:
      - >-
        V(restricted) is what the Pod Security Standard of that name asks for: no root, no privilege escalation, no capabilities, the runtime's seccomp profile.
        The user is O(run_as_user) or 65532, whose group may write to claims.
      - V(none) leaves all of it to the image and to the cluster.
      - Defaults to V(restricted), and to V(none) where O(run_as_user) is V(0) or O(mounts[].host_path) is used. Images that need root fail under V(restricted).
    type: str
    choices: [restricted, none]
  run_as_user:
    description: User that the container runs as.
    type: int
  queue:
    description:
      - Kueue's local queue that the Job waits in. It is made suspended, and Kueue starts it when there is quota.
      - Refused where the cluster has no Kueue.
    type: str
  termination_grace:
    description: Seconds that a pod has to end when it is told to.
    type: int
    default: 10
  create_namespace:
    description: Make the namespace where there is none.
    type: bool
    default: false
"""
