# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of runner_deploy that make up the runner; the argument spec that belongs to them is in module_utils/_runner_options.py."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  profile:
    description:
      - >-
        What the runner's own example manifests ask for, under the options given here: resources, GPUs, the folder C(/tmp), tolerations, and which Secrets are
        mounted. An option that is given wins; O(resources), O(env), O(node_selector), O(mounts) and O(secret_mounts) are merged key by key.
      - V(local) and V(docker) are for one machine without GPUs, V(aws), V(azure) and V(google) for one GPU a pod on nodes of these clouds.
      - With O(kind=Job) V(aws) also ends a runner whose queues have been empty for 15 minutes.
    type: str
    choices: [local, docker, aws, azure, google]
  kind:
    description:
      - What makes the pods. V(DaemonSet) is one runner on each node that fits; V(Job) is runners that end by themselves (C(LIMIT_IDLE_DURATION)).
      - V(Deployment) if neither this nor the profile says anything. Where the same runner was of another kind before, that one is removed.
    type: str
    choices: [Deployment, DaemonSet, Job]
  group:
    description:
      - One of several groups of runners of the same O(name) in a namespace, such as V(a100), each with its own queues, nodes and resources.
      - >-
        A group has its own Deployment C(<name>-<group>-deployment) and its own environment (C(studioml-env-<group>)); the account, the state and what
        M(studioml.fleet.runner_state) and M(studioml.fleet.runner_info) mean by a name are common to all groups.
      - A runner of the same name without a group cannot be beside one with a group.
    type: str
  name:
    description: Name of the runner; the Deployment is called C(<name>-deployment), and its pods carry the label C(app=<name>).
    type: str
    default: studioml-go-runner
  image:
    description: Image of the runner. Required for O(state=present).
    type: str
  image_digest:
    description: Digest of the image (C(sha256:...)). The nodes then run exactly this, whatever becomes of the tag, which stays for people to read.
    type: str
  image_pull_policy:
    description: When the node pulls the image.
    type: str
    choices: [Always, IfNotPresent, Never]
    default: IfNotPresent
  image_pull_secrets:
    description: Names of Secrets of the namespace with credentials for the registry.
    type: list
    elements: str
    default: []
  replicas:
    description: Number of pods, 1 if it is not given. Not for O(kind=DaemonSet).
    type: int
  gpus:
    description:
      - GPUs for each pod; 0 for a runner on the CPU, which also needs C(CPU_ONLY=true) in O(env) where its image is built for GPUs.
      - 0 if neither this nor the profile says anything.
    type: int
  gpu_resource:
    description: Name under which the nodes offer GPUs.
    type: str
    default: nvidia.com/gpu
  gpu_product:
    description: Run on nodes with this model of GPU only, by the label C(nvidia.com/gpu.product), such as V(NVIDIA-A100-SXM4-40GB).
    type: str
  resources:
    description: CPU, memory and other resources for each pod, as Kubernetes writes them. GPUs are given by O(gpus).
    type: dict
    suboptions:
      limits:
        description: What a pod can have at most.
        type: dict
      requests:
        description: What a pod is sure to have.
        type: dict
  env:
    description:
      - The runner's environment. Becomes the ConfigMap O(env_configmap); keys that others have put there are kept.
      - >-
        Names and values are checked: a name that the runner does not know is refused with the nearest one that it does, and so is a value that it would not
        start with; names that turn up in manifests and do nothing are warned of.
      - A URL with a password in it is refused; it belongs in O(secret_env).
    type: dict
  env_unchecked:
    description: Names in O(env) and O(secret_env) that are meant for something else in the pod and are not checked; patterns such as V(MY_*) will do.
    type: list
    elements: str
    default: []
  secret_env:
    description:
      - Environment that nobody else may see, such as C(AMQP_URL) with its password. Becomes the Secret O(env_secret), and no result or diff shows it.
      - Here a name that is not known is refused only where it looks like a slip, since experiments have credentials of their own.
    type: dict
    default: {}
  env_secrets:
    description:
      - Names of Secrets that are there and whose keys become environment too, such as V(rabbitmq-runner) of M(studioml.fleet.companion).
      - What is in O(env) and O(secret_env) wins over them. What they hold is not checked.
    type: list
    elements: str
    default: []
  secret_mounts:
    description:
      - Secrets to mount where the runner looks for them; see the role P(studioml.fleet.runner_secrets#role), which makes them.
      - >-
        One that has to be there and is not is an error before anything is written. The message keys and their passphrase are read once by a runner: when
        one of these two Secrets changes, the pods are replaced.
    type: list
    elements: dict
    suboptions:
      mount:
        description: >-
          What it is: the message key pair, its passphrase, the public keys of those who may send work, the public keys for reports, or credentials for SQS.
        type: str
        required: true
        choices: [encryption, passphrase, signing, response-encrypt, aws-sqs]
      secret:
        description: >-
          Name of the Secret. V(studioml-runner-key-secret), V(studioml-runner-passphrase-secret), V(studioml-signing), V(studioml-report-keys) and
          V(studioml-runner-aws-sqs) if it is not given. Empty to leave out what the profile mounts.
        type: str
      account:
        description: For V(aws-sqs), the folder of one of several accounts; V(default) if it is not given.
        type: str
      optional:
        description: Whether the pods start without it. V(true) for V(aws-sqs), else V(false).
        type: bool
  mounts:
    description: Further folders of the container. Each is empty at first (O(mounts[].empty_dir)), of the node, or a claim.
    type: list
    elements: dict
    suboptions:
      path:
        description: Where it is in the container.
        type: str
        required: true
      empty_dir:
        description: Size that a folder for the life of the pod may have, such as V(200Gi); empty for no limit.
        type: str
      memory:
        description: Keep such a folder in memory.
        type: bool
        default: false
      host_path:
        description: Folder of the node.
        type: str
      claim:
        description: Name of a claim that is there.
        type: str
      read_only:
        description: Let nothing be written to it.
        type: bool
        default: false
      sub_path:
        description: Mount only this folder of it.
        type: str
  cache:
    description: The runner's cache of downloaded artefacts. Sets C(CACHE_DIR) and C(CACHE_SIZE) together, since a runner does not start with one of them alone.
    type: dict
    suboptions:
      size:
        description: How much it may hold, at least V(1Gi). The volume has a quarter more.
        type: str
        required: true
      path:
        description: Its folder in the container.
        type: str
        default: /cache
      claim:
        description: Name of a claim that keeps it beyond the life of a pod; for one pod alone. Without it each pod has a cache on its node.
        type: str
      create:
        description: Whether to make the claim if it is not there. One that is there is never changed, and it stays when the runner is removed.
        type: bool
        default: true
      storage_class:
        description: Storage class of a claim that is made; the cluster's default if it is not given.
        type: str
  probes:
    description:
      - Probes on the runner's metrics. Off by default, because a runner does not hear SIGTERM, so that a pod that is restarted loses its work.
      - Runners after 0.14 serve no metrics and would never be ready.
    type: dict
    suboptions:
      readiness:
        description: Count a pod as ready only when its metrics answer.
        type: bool
        default: false
      liveness:
        description: Restart a pod whose metrics have not answered for ten minutes.
        type: bool
        default: false
      port:
        description: Port of the metrics; that of C(PROM_ADDRESS) in O(env), else 9090.
        type: int
  node_name:
    description: Run on this node only.
    type: str
  node_selector:
    description: Run on nodes with these labels only. Linux is asked for in any case.
    type: dict
  tolerations:
    description: Taints that do not keep the pods away.
    type: list
    elements: dict
    suboptions:
      key:
        description: Key of the taint.
        type: str
      operator:
        description: How the value is compared.
        type: str
        choices: [Exists, Equal]
      value:
        description: Value of the taint.
        type: str
      effect:
        description: Effect of the taint; every one if not given.
        type: str
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
      tolerationSeconds:
        description: How long V(NoExecute) is tolerated.
        type: int
  runtime_class:
    description: RuntimeClass of the pods, such as V(nvidia).
    type: str
  env_configmap:
    description: Name of the ConfigMap for O(env); V(studioml-env), of a group C(studioml-env-<group>), if it is not given.
    type: str
  env_secret:
    description: Name of the Secret for O(secret_env); V(studioml-env-secret), of a group C(studioml-env-secret-<group>), if it is not given.
    type: str
  service_account:
    description: Name of the runner's ServiceAccount.
    type: str
    default: studioml-account
  state_configmap:
    description: Name of the global state map.
    type: str
    default: studioml-go-runner
  initial_state:
    description: State that is written when the state map is made. A map that exists is never touched; see M(studioml.fleet.runner_state).
    type: str
    choices: [Running, DrainAndSuspend, DrainAndTerminate]
    default: Running
  retries:
    description: For O(kind=Job), how many pods may fail before the Job fails.
    type: int
    default: 2
  ttl:
    description: For O(kind=Job), seconds after its end after which the cluster removes it; never if it is not given.
    type: int
  again:
    description:
      - For O(kind=Job), what to do about one that is there. V(keep) leaves an equal one alone, and refuses to change another one.
      - V(replace) removes one that has ended or is another one, and makes it anew. An equal one that runs is left alone.
    type: str
    choices: [keep, replace]
    default: keep
  drain_first:
    description:
      - Before the pods are replaced by a new version, drain the runner and wait until it is quiet, as M(studioml.fleet.runner_state) does, and resume it after.
      - >-
        All groups of this O(name) drain with it, since they share the state. A runner with O(node_name) is drained by the map of its node alone. One that
        somebody has drained before stays drained.
      - For O(kind=Deployment) only.
      - When it does not get quiet within O(drain_timeout), nothing is deployed, the runner is resumed, and the task fails.
    type: bool
    default: false
  drain_timeout:
    description: Seconds for O(drain_first).
    type: float
    default: 3600
  drain_enforce:
    description:
      - How far O(drain_first) goes so that no work begins meanwhile; see the option O(studioml.fleet.runner_state#module:enforce).
      - V(broker) where O(broker) is given, else V(scale), which takes a moment without work.
    type: str
    choices: [none, broker, scale]
  rollback_on_failure:
    description: When the rollout of a new version fails, bring the former one back. The task fails all the same.
    type: bool
    default: false
  remove_data:
    description:
      - With O(state=absent), also remove the claim of the cache and the Secrets that are mounted, as far as this collection has made them and nobody else in
        the namespace uses them.
      - Of a runner that is gone already these are the Secrets that O(secret_mounts) or O(profile) names.
    type: bool
    default: false
"""
