#!/usr/bin/env bash
# Every check that is not a test. Each step names itself; the first that fails ends the run.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  echo "== $1"
  shift
  "$@"
}

step 'build' npx tsc -b
step 'types of tests, tools and benchmarks' npx tsc -p tsconfig.test.json
step 'lint and format' npx biome check .
step 'layers' npx depcruise --config .dependency-cruiser.cjs src
step 'specification' npx tsx tools/spec/check.ts
step 'generated files' npx tsx tools/spec/generate.ts --check
step 'requirements traced' npx tsx tools/spec/trace.ts --summary
step 'dead code' npx knip
step 'package' npx publint --strict
step 'package types' npx attw --pack . --profile esm-only
echo '== all checks passed'
