#!/usr/bin/env bash
# Measures a rehearsal: `make rehearsal` (seconds, CPU seconds of its own processes), memory while everything is up, `make down`.
#   test/bench/rehearsal.sh           with the cache as it is
#   test/bench/rehearsal.sh --cold    from an empty cache, in a folder of its own (Go modules and build cache included)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ "${1:-}" = --cold ]; then
  cold="$(mktemp -d "${TMPDIR:-/var/tmp}/archipelago-cold.XXXXXX")"
  export ARCHIPELAGO_CACHE="$cold/cache" GOMODCACHE="$cold/modules" GOCACHE="$cold/build"
  trap 'chmod -R u+w "$cold"; rm -rf "$cold"' EXIT
fi
available() { awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo; }
busy() { awk '/^cpu / { print int(($2 + $3 + $4 + $7 + $8) / 100) }' /proc/stat; }
before=$(available); cpu=$(busy); start=$(date +%s)
make rehearsal
up=$(date +%s); cpu_up=$(busy)
sleep 20 # let what was started settle
memory=$((before - $(available)))
down=$(date +%s)
make down
end=$(date +%s)
echo
echo "rehearsal: $((up - start)) s wall, $((cpu_up - cpu)) CPU s of the whole machine"
echo "memory while up: $memory MiB less available than before"
echo "down: $((end - down)) s wall"
