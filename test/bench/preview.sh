#!/usr/bin/env bash
# CPU seconds of a region's preview against an empty Pulumi program's, in turn, in a living rehearsal (make rehearsal first).
#   test/bench/preview.sh [stack] [runs]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
stack="${1:-london}" runs="${2:-5}"
eval "$(./rehearse env)"
empty="$(mktemp -d)"
trap 'rm -rf "$empty"' EXIT
ln -s "$PWD/node_modules" "$empty/node_modules"
printf 'name: empty\nruntime:\n  name: nodejs\n  options: { typescript: false }\nmain: index.js\n' >"$empty/Pulumi.yaml"
echo 'require("@pulumi/pulumi");' >"$empty/index.js"
preview() { command pulumi --cwd "$1" preview --stack "$2" --non-interactive >/dev/null 2>&1; }
in_empty() { PULUMI_BACKEND_URL="file://$empty" PULUMI_DEBUG_PROVIDERS= "$@"; }
in_empty command pulumi --cwd "$empty" stack init empty >/dev/null 2>&1
TIMEFORMAT='%U %S'
cpu() { { time "$@"; } 2>&1 | tail -1 | awk '{ print $1 + $2 }'; }
empty_preview() { in_empty preview "$empty" empty; }
empty_preview && preview "$ARCHIPELAGO_PROJECT" "$stack"
for _ in $(seq "$runs"); do
  a=$(cpu preview "$ARCHIPELAGO_PROJECT" "$stack")
  b=$(cpu empty_preview)
  echo "$a $b" | awk -v s="$stack" '{ printf "%s %.2f CPU s, empty %.2f CPU s, ratio %.2f\n", s, $1, $2, $1 / $2 }'
done
