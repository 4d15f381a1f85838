#!/bin/sh
# The hosts of the sandbox (tests/sandbox) as Ansible sees them; FLEET_SANDBOX names the sandbox, `fleet` if unset.
# The sandbox writes the inventory at each `up` and `down`; this prints it. What a user would set lies in group_vars beside it.
set -eu
if [ "${1:-}" = "--host" ]; then
  echo '{}' # all host variables are in --list
  exit 0
fi
name=${FLEET_SANDBOX:-fleet}
file="${XDG_CACHE_HOME:-$HOME/.cache}/studioml-fleet/sandbox/$name/inventory.json"
if [ ! -r "$file" ]; then
  echo "Sandbox $name is not up ($file cannot be read). Bring it up: python3 tests/sandbox/sandbox.py up --name $name" >&2
  exit 1
fi
exec cat "$file"
