/** The text of --help. */
import { MODES } from './modes.ts'
import { PEERS } from './peers.ts'

export function helpText(): string {
  const modes = MODES.map(({ name, title }) => `  ${name.padEnd(10)} ${title}`)
  return `Measures the relay beside its peers, on this machine.

  npm run bench                                    every mode, the peers that count most
  npm run bench -- --mode fan100 --peer palaver --peer nats
  npm run bench -- --all --chart chart.svg --json figures.json

Options
  -m, --mode NAME     only this mode (may be repeated)
  -p, --peer NAME     only this server (may be repeated)
  --all               every server
  --runs N            rounds; in each of them every server runs once (5)
  --seconds S         measured in each run (2), after --warm S (1; 8 at a pace)
  --json FILE         every figure of every run
  --chart FILE        a chart, SVG
  --markdown FILE     put the tables where they belong in docs/benchmarks.md
  --profile FOLDER    profile our relay, and show where its time goes
  --plain             take the machine as it is: no network namespace, no precedence (see below)
  --spread            leave it to the system on which cores server and generator run
  --from FILE         show, chart, record or put down what --json wrote before, instead of measuring
  --record            append the ratios to bench/history.ndjson

Modes
${modes.join('\n')}

Servers
  ${PEERS.map(({ name }) => name).join(', ')}

A server is kept on the first core and the load generator on the second, where there is taskset. Figures
are medians of the rounds; palaver-durable beside palaver shows what storing takes, in any mode with load.
For root they run in a network namespace with Reno for congestion control, because BBR paces on loopback
too, and before other programs. A saturated room rewards batching: never quote it without chat pace and one
to one.
`
}
