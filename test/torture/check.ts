/** Compares what clients wrote down with what the relay's log holds. */
import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'
import { EMPTY_BYTES, type Instant, utf8Text } from '../../src/base/index.ts'
import { identityOfSeed, nodeSignatures, systemEntropy } from '../../src/node/primitives.ts'
import { ClientSession } from '../../src/protocol/client/index.ts'
import type { Known, Seen } from './journal.ts'

/** What must all be zero but the first. */
export interface Verdict {
  readonly acknowledged: number
  /** Acknowledged, and not in the log. */
  readonly lost: number
  /** More than once in the log. */
  readonly doubled: number
  /** In the log before one that its author sent earlier. */
  readonly outOfOrder: number
  /** Read by a client otherwise than the log has it: missing, doubled, or another one. */
  readonly misread: number
}

/** A room's messages from its beginning, as a client that was never there reads them. */
export async function readLog(
  { host, port }: { readonly host: string; readonly port: number },
  room: string,
): Promise<Seen[]> {
  const now = (): Instant => performance.now() as Instant
  const socket = connect({ host, port, noDelay: true })
  const identity = identityOfSeed(systemEntropy(32))
  const means = { signatures: nodeSignatures, entropy: systemEntropy, binding: EMPTY_BYTES }
  const clientId = systemEntropy(8)
  const name = `checker-${room}-${performance.now().toFixed(0)}`
  const session = new ClientSession({ name, identity, clientId, agent: 'check', ...means }, now())
  const read: Seen[] = []
  return new Promise((resolve, reject) => {
    let isAsked = false
    let head = Infinity
    const pump = (): void => {
      for (let out = session.pollTransmit(now()); out; out = session.pollTransmit(now()))
        socket.write(out.bytes)
    }
    const advance = (seq: number): void => {
      if (seq < head) return
      socket.destroy()
      resolve(read)
    }
    socket.on('connect', pump)
    socket.on('error', reject)
    socket.on('data', (chunk: Uint8Array) => {
      session.handleBytes(0, chunk, now())
      for (let event = session.pollEvent(); event; event = session.pollEvent()) {
        if (event.kind === 'ready') session.request({ type: 'join', room, options: 0 })
        else if (event.kind === 'joined' && !isAsked) {
          isAsked = true
          const { conversation, log } = event.frame
          session.request({ type: 'follow', conversation, log, seq: 0 })
        } else if (event.kind === 'joined') {
          head = event.frame.head
          advance(0)
        } else if (event.kind === 'message') {
          if (head < Infinity) read.push(seenOf(event.message.seq, utf8Text(event.message.body)))
          advance(event.message.seq)
        } else if (event.kind === 'event') advance(event.event.seq)
        else if (event.kind === 'gap') reject(new Error(`gap ${event.from}-${event.to}`))
        else if (event.kind === 'closed' || event.kind === 'error') reject(new Error(JSON.stringify(event)))
      }
      pump()
    })
  })
}

function seenOf(seq: number, text: string): Seen {
  const [author = '', count = '0'] = text.split(':')
  return { seq, author, count: Number(count) }
}

/** Judges the clients of one room by name. */
export function judge(log: readonly Seen[], clients: ReadonlyMap<string, Known>): Verdict {
  const bySeq = new Map(log.map((seen) => [seen.seq, seen]))
  const times = new Map<string, number>()
  const latest = new Map<string, number>()
  let [doubled, outOfOrder, lost, misread, acknowledged] = [0, 0, 0, 0, 0]
  for (const { author, count } of log) {
    const key = `${author}:${count}`
    times.set(key, (times.get(key) ?? 0) + 1)
    if ((times.get(key) as number) > 1) doubled++
    else if (count < (latest.get(author) ?? 0)) outOfOrder++
    latest.set(author, Math.max(count, latest.get(author) ?? 0))
  }
  for (const [name, known] of clients) {
    acknowledged += known.acknowledged
    for (let n = 1; n <= known.acknowledged; n++) if (!times.has(`${name}:${n}`)) lost++
    misread += misreadOf(known, bySeq)
  }
  return { acknowledged, lost, doubled, outOfOrder, misread }
}

function misreadOf(known: Known, bySeq: ReadonlyMap<number, Seen>): number {
  let wrong = 0
  let last = 0
  for (const seen of known.read) {
    const kept = bySeq.get(seen.seq)
    if (seen.seq <= last || kept?.author !== seen.author || kept.count !== seen.count) wrong++
    last = seen.seq
  }
  const read = new Set(known.read.map(({ seq }) => seq))
  const firstSeq = known.read[0]?.seq ?? Infinity
  for (const seq of bySeq.keys()) if (seq >= firstSeq && seq <= known.seq && !read.has(seq)) wrong++
  return wrong
}
