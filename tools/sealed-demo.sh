#!/usr/bin/env bash
# Two people talk through a relay, first plainly, then sealed, while tshark captures the relay's port. The text is
# looked for in the capture, in the relay's memory and in its store: found when plain, found nowhere when sealed.
# Needs tshark, Linux and the right to capture and to read the relay's memory (root). Exit code 1 when it is not so.
set -euo pipefail
cd "$(dirname "$0")/.."
main="$PWD/dist/cli/main.js"
[ -e "$main" ] || npx tsc -b
work=$(mktemp -d)
export HOME="$work" XDG_CONFIG_HOME="$work/config" XDG_STATE_HOME="$work/state"
relay=
trap '[ -z "$relay" ] || kill "$relay" 2>/dev/null || true; rm -rf "$work"' EXIT

await() { # file, text
  for _ in $(seq 300); do grep -q "$2" "$1" 2>/dev/null && return; sleep 0.1; done
  echo "no \"$2\" in $1" >&2
  exit 1
}
count() { { grep -r -a -o "$1" "$2" 2>/dev/null || true; } | wc -l; }

node "$main" serve --json -l tcp://127.0.0.1:0 --admin off --data "$work/data" >"$work/relay.out" 2>&1 &
relay=$!
await "$work/relay.out" listening
url=$(grep -o 'tcp://127.0.0.1:[0-9]*' "$work/relay.out" | head -1)

for mode in off require; do
  tshark -i lo -f "tcp port ${url##*:}" -w "$work/$mode.pcapng" 2>"$work/tshark.out" &
  capture=$!
  await "$work/tshark.out" 'Capturing on'
  sleep 1
  node "$main" recv "$url" -t me -n 1 -w 20s --nick "bob-$mode" --json --e2ee "$mode" >"$work/$mode.out" &
  reader=$!
  await "$work/$mode.out" listening
  node "$main" send "$url" -t "bob-$mode" --nick "alice-$mode" --e2ee "$mode" "CANARY-$mode-text"
  wait "$reader"
  await "$work/$mode.out" "CANARY-$mode-text"
  sleep 1
  kill "$capture"
  wait "$capture" 2>/dev/null || true
done

memory() { # text: how often the relay's memory holds it
  python3 - "$relay" "$1" <<'PY'
import re, sys
found = 0
with open(f'/proc/{sys.argv[1]}/mem', 'rb', 0) as memory:
    for line in open(f'/proc/{sys.argv[1]}/maps'):
        part = re.match(r'([0-9a-f]+)-([0-9a-f]+) r', line)
        if not part or '[v' in line:
            continue
        start, end = (int(each, 16) for each in part.groups())
        if end - start > 2**31:
            continue
        try:
            memory.seek(start)
            found += memory.read(end - start).count(sys.argv[2].encode())
        except OSError:
            pass
print(found)
PY
}

failed=0
for mode in off require; do
  text="CANARY-$mode-text"
  wire=$(count "$text" "$work/$mode.pcapng")
  held=$(memory "$text")
  kept=$(count "$text" "$work/data")
  echo "e2ee $mode: the text is $wire times in the capture, $held in the relay's memory, $kept in its store"
  if [ "$mode" = off ]; then [ "$wire" -gt 0 ] && [ "$kept" -gt 0 ] || failed=1; fi
  if [ "$mode" = require ]; then [ "$wire$held$kept" = 000 ] || failed=1; fi
done
exit "$failed"
