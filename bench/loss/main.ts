/**
 * Chat under real loss, whole path with real processes: a client in one network namespace, the relay and the
 * receiver in another, joined by an emulated link of 50 ms round trip. Needs root; elsewhere it ends.
 *
 *   npm run bench:loss -- [--mode latency,bulk,fair,outage,rebind,cpu] [--who tcp,udp,...] [--loss 0,1,2,5]
 *                         [--outages 0.1,0.5,2,10,50] [--seconds 60] [--seed 1] [--out FOLDER] [--help]
 *
 * Rows are kept in FOLDER/figures.json (a new one replaces the old one of the same kind), the table and the
 * charts are made from all of them.
 */
import { parseArgs } from 'node:util'
import { whyNoNetwork } from '../../test/lossy/network.ts'
import { type Figure, FigureStore } from './figures.ts'
import { MODES, type ModeName, type Request } from './modes.ts'
import { readyPeers } from './peers.ts'
import { writeReport } from './report.ts'
import type { Contestant } from './talk.ts'

const { values } = parseArgs({
  options: {
    mode: { type: 'string', default: Object.keys(MODES).join(',') },
    who: { type: 'string', default: 'tcp,tcp-bbr,udp' },
    loss: { type: 'string', default: '0,1,2,5' },
    outages: { type: 'string', default: '0.1,0.5,2,10,50' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'docs/loss' },
    help: { type: 'boolean', default: false },
  },
})

const USAGE = `npm run bench:loss -- [OPTIONS]      (as root)
  --mode    ${Object.keys(MODES).join(',')}
  --who     tcp,tcp-bbr,udp and the peers enet,kcp,udx,quic
  --loss    percent each way, for latency (0,1,2,5)
  --outages seconds, for outage (0.1,0.5,2,10,50)
  --seconds of talking in each run (60)
  --seed    of the link's chance (1)
  --out     folder of figures.json, README.md and the charts (docs/loss)
`

async function run(): Promise<void> {
  if (values.help) return void process.stdout.write(USAGE)
  const missing = whyNoNetwork()
  if (missing !== undefined) return void console.log(`skipped: a network with loss ${missing}`)
  const store = new FigureStore(values.out)
  const wished = values.who.split(',') as Contestant[]
  const { ready, absent } = readyPeers(wished)
  for (const [name, why] of absent) console.log(`${name} is left out: ${why}`)
  const request: Request = {
    contestants: wished.filter((name) => name.startsWith('tcp') || name === 'udp' || ready.has(name)),
    losses: values.loss.split(',').map(Number),
    outages: values.outages.split(',').map(Number),
    seconds: Number(values.seconds),
    seed: Number(values.seed),
  }
  const keep = (figure: Figure): void => {
    store.keep(figure)
    console.log(`${figure.mode} ${figure.setting} ${figure.contestant}: ${JSON.stringify(figure.values)}`)
  }
  for (const mode of values.mode.split(',') as ModeName[]) await MODES[mode](request, keep)
  console.log(writeReport(store, values.out))
}

await run()
process.exit(0)
