/**
 * What a joined idle link costs the relay on V8's heap, by what it is made of: two snapshots, before and after
 * so many links joined rooms of 50, and the difference for each link.
 *
 *   npx tsx bench/heap.ts [--links 1000]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeHeapSnapshot } from 'node:v8'
import { identityOfSeed, systemEntropy } from '../src/node/primitives.ts'
import { RelayServer } from '../src/node/relay-server.ts'
import { ephemeralStore } from '../src/node/store.ts'
import { tcpTransport } from '../src/transport/tcp.ts'
import { sessionOver } from './session-over.ts'

const AT_ONCE = 20
const ROOM_MEMBERS = 50
const SETTLE_MS = 500
const SHOWN = 30
const MANY = 1_000_000_000

const { values } = parseArgs({
  options: { links: { type: 'string', default: '1000' }, port: { type: 'string' } },
})

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: string[]; readonly node_types: [string[]] } }
  readonly nodes: readonly number[]
  readonly strings: readonly string[]
}

/** Bytes by kind and constructor, and how many there are. */
type Heap = Map<string, { count: number; bytes: number }>

function heapNow(folder: string): Heap {
  const path = writeHeapSnapshot(join(folder, 'heap.heapsnapshot'))
  const { snapshot, nodes, strings } = JSON.parse(readFileSync(path, 'utf8')) as Snapshot
  const { node_fields: fields, node_types } = snapshot.meta
  const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field))
  const heap: Heap = new Map()
  for (let i = 0; i < nodes.length; i += fields.length) {
    const at = (offset: number | undefined): number => nodes[i + (offset ?? 0)] as number
    const kind = node_types[0][at(type)] as string
    const isNamed = kind === 'object' || kind === 'native' || kind === 'closure'
    const key = isNamed ? `${kind} ${strings[at(name)]}` : kind
    const sum = heap.get(key) ?? { count: 0, bytes: 0 }
    heap.set(key, { count: sum.count + 1, bytes: sum.bytes + at(size) })
  }
  return heap
}

function show(before: Heap, after: Heap, links: number): void {
  const rows = [...after].map(([what, { count, bytes }]) => {
    const was = before.get(what) ?? { count: 0, bytes: 0 }
    return { what, count: (count - was.count) / links, bytes: (bytes - was.bytes) / links }
  })
  rows.sort((a, b) => b.bytes - a.bytes)
  console.log(`${rows.reduce((sum, { bytes }) => sum + bytes, 0).toFixed(0)} bytes a link`)
  for (const { what, count, bytes } of rows.slice(0, SHOWN))
    console.log(`${bytes.toFixed(0).padStart(7)}  ${count.toFixed(2).padStart(6)} of  ${what}`)
}

/** One client, joined; resolves then, and keeps its link. */
function joined(port: number, index: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    const identity = identityOfSeed(systemEntropy(32))
    const about = { name: `c${index}`, identity, clientId: systemEntropy(8) }
    sessionOver(socket, about, (event, session) => {
      const room = `r${Math.floor(index / ROOM_MEMBERS)}`
      if (event.kind === 'ready') session.request({ type: 'join', room, options: 0 })
      else if (event.kind === 'joined') resolve()
      else if (event.kind === 'closed') throw new Error(`closed: ${event.text}`)
    })
  })
}

async function beClients(port: number, links: number): Promise<void> {
  for (let from = 0; from < links; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, links - from)
    await Promise.all(Array.from({ length: count }, (_, i) => joined(port, from + i)))
  }
  process.send?.('joined')
}

async function measure(links: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'palaver-heap-'))
  const limits = { handshakes: MANY, idleMs: MANY, stallMs: MANY }
  const store = ephemeralStore()
  const server = new RelayServer({ store, relay: { name: 'heap', limits, isExemptHost: () => true } })
  const { port } = await server.listen(tcpTransport, { host: '127.0.0.1', port: 0 })
  const before = heapNow(folder)
  const args = ['--links', String(links), '--port', String(port)]
  const child: ChildProcess = fork(import.meta.filename, args, { execArgv: process.execArgv })
  await once(child, 'message')
  await new Promise((done) => setTimeout(done, SETTLE_MS))
  show(before, heapNow(folder), links)
  child.kill()
  rmSync(folder, { recursive: true })
}

if (values.port !== undefined) await beClients(Number(values.port), Number(values.links))
else {
  await measure(Number(values.links))
  process.exit(0)
}
