# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of runner_state that go with a change of state: what was seen and said, the wait, and how far to go so that it holds.

The argument spec of the last two is in module_utils/_how.py.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description: The runners that are meant by O(wait), O(enforce) and O(pods), by their label C(app).
    type: str
    default: studioml-go-runner
  wait:
    description:
      - To drain, wait until the runners are known to be quiet; to resume, until they are ready and have asked for work again.
      - A runner that finds no queue never asks for work; to resume, 60 seconds of that are enough, and RV(reason) says so.
      - >-
        Pods and Jobs are watched. The runner's own metrics and the messages that the broker waits for are looked at every half second, and two looks must
        agree that nothing is left.
      - Without it RV(verdict) is V(asked), which promises nothing.
      - In check mode nothing is awaited.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long O(wait) and the later steps of O(enforce) wait, in seconds. The task fails after that; what was done stays, and running it again goes on.
      - An API server that is slow to answer the last look is given up to 5 s more.
    type: float
    default: 3600
  wait_for_jobs:
    description: Whether active Jobs of the namespace (on O(nodes), where these are given) count as work.
    type: bool
    default: true
  enforce:
    description:
      - How far to go so that a drain does not depend on the runner, which goes on taking work from the queues that it has.
      - Each step takes in the ones before it.
      - V(none) only writes the state.
      - >-
        V(broker) takes the permission to read away from the runner's user at RabbitMQ. What runs goes on to its end, nothing new is taken, and a restart of the
        runner does not change that. It acts on every runner that logs in as this user.
      - V(scale) also scales the runner's Deployments to 0 once they are quiet. Where there is no broker to ask, in a moment in which the runner does nothing.
      - V(cordon) also cordons the nodes, before anything is awaited.
      - V(evict) also evicts the runner's pods from the nodes, which is of use where a Deployment has pods on other nodes too and so is not scaled.
      - What was done is remembered in annotations and in the broker's permission itself, so that O(state=Running) undoes exactly that and nothing else.
      - Defaults to V(scale) for O(state=DrainAndTerminate) with O(wait), since the runner never ends by itself, else to V(none).
      - Ignored for O(state=Running).
    type: str
    choices: [none, broker, scale, cordon, evict]
  note:
    description:
      - Why the runners are asked to drain, for whoever finds them drained. It is kept with the state, and M(studioml.fleet.runner_info) shows it.
      - A drain without a note takes away that of the drain before, as does O(state=Running), for which it is ignored.
    type: str
  expect:
    description:
      - What was seen before it was decided to write. Where a map that is to be written says something else by now, the task fails and nothing is written.
      - >-
        It is compared with the maps that are read anyway, and again where somebody writes to one of them at that moment. A map that is asked for and has no
        C(STATE) says what the global map does. What is left out does not matter.
      - The second of two equal tasks fails, because the first one has changed what was seen.
    type: dict
    suboptions:
      state:
        description: The C(STATE) of each map; an empty text where neither it nor the global one has any.
        type: str
      note:
        description: The note that goes with it, as M(studioml.fleet.runner_info) shows it; an empty text for none.
        type: str
      global_state:
        description: The C(STATE) of the global map, also where only node maps are written; an empty text for none.
        type: str
  force_after:
    description:
      - End runners that are still busy after so many seconds; needs O(enforce=scale) or more. Their work is lost and its messages go back to the queue.
      - The result says so in RV(forced) and in a warning. Without it, a runner that stays busy until O(wait_timeout) is a failure and is left alone.
    type: float
  metrics_port:
    description: TCP port of the runner's metrics.
    type: int
    default: 9090
"""
