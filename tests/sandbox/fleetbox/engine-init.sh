#!/bin/sh
# PID 1 of an instance's engine, in a process, mount and network namespace of its own: whatever becomes of it,
# the kernel ends every process and mount below it. Arguments: the command line of dockerd.
# A containerd or Docker of the machine stays out of sight, so that this engine starts its own.
set -eu
for directory in /run/containerd /run/docker; do
  mount -t tmpfs -o mode=0711 sandbox "$directory"
done
"$@" &
engine=$!
trap 'kill -TERM "$engine" 2>/dev/null' TERM INT
while kill -0 "$engine" 2>/dev/null; do
  wait "$engine" || true
done
