import { laneOf } from '../../src/base/lanes.ts'
import type { UdpStats } from '../../src/reliable/index.ts'
import type { WireObserver } from '../../src/sim/index.ts'
import { at, newPair, type OpenPair } from './world.ts'

const CONVERSATIONS = 10
const MESSAGE_BYTES = 200
const INTERVAL_MS = 10

/** What a thin flow experienced. Latencies are one-way, in milliseconds. */
export interface ThinFlow {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly p999: number
  readonly worst: number
  /** Bytes that the sender put on the wire for each message, everything included. */
  readonly bytesPerMessage: number
  readonly stats: UdpStats
}

/** 100 messages a second of 200 bytes in ten conversations, client to relay, over 50 ms of round trip. */
export function thinFlow(options: {
  readonly loss: number
  readonly messages: number
  readonly seed: number
  readonly onSent?: (pair: OpenPair) => void
}): ThinFlow {
  const due: number[][] = Array.from({ length: CONVERSATIONS }, () => [])
  const latencies: number[] = []
  const observer: WireObserver = { onSent: () => open && options.onSent?.(open) }
  const pair = newPair({ seed: options.seed, conditions: { delayMs: 25, loss: options.loss }, observer })
  let open: OpenPair | undefined
  const near = pair.client.connect({ host: '192.0.2.1', port: 7667 }, pair.world.now)
  if (!pair.world.run(at(20_000), () => pair.atRelay.opened.length > 0)) throw new Error('did not open')
  open = { ...pair, near, far: pair.atRelay.opened[0] as OpenPair['far'] }
  const begin = pair.world.now + 100
  const before = near.stats.bytesSent
  const say = (i: number): void => {
    if (i === options.messages) return
    pair.world.at(at(begin + i * INTERVAL_MS), (now) => {
      due[i % CONVERSATIONS]?.push(now)
      near.write(laneOf(i % CONVERSATIONS), new Uint8Array(MESSAGE_BYTES))
      say(i + 1)
    })
  }
  say(0)
  const received = new Array<number>(CONVERSATIONS).fill(0)
  let seen = 0
  pair.world.run(at(begin + options.messages * INTERVAL_MS + 5000), () => {
    for (; seen < pair.atRelay.events.length; seen++) {
      const event = pair.atRelay.events[seen]
      if (event?.kind !== 'lane_bytes') continue
      const conversation = event.lane - 2
      let bytes = (received[conversation] as number) + event.bytes.length
      for (; bytes >= MESSAGE_BYTES; bytes -= MESSAGE_BYTES) {
        latencies.push(pair.world.now - (due[conversation]?.shift() as number))
      }
      received[conversation] = bytes
    }
    return latencies.length === options.messages
  })
  latencies.sort((a, b) => a - b)
  const quantile = (q: number): number => latencies[Math.floor(q * latencies.length)] as number
  return {
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
    p999: quantile(0.999),
    worst: latencies.at(-1) as number,
    bytesPerMessage: (near.stats.bytesSent - before) / options.messages,
    stats: near.stats,
  }
}
