/** Shows every frame that crosses the links of a transport. */
import type { Address } from '../base/machine.ts'
import { Deframer, FRAME, MORE, PREFIX_BYTES } from '../codec/deframer.ts'
import { isFault } from '../codec/fault.ts'
import { decodeFrame } from '../codec/frame.ts'
import { LIMITS } from '../codec/generated/registry.ts'
import { showAddress } from '../transport/errors.ts'
import { type Link, type LinkHandler, type Transport, writeEphemeral } from '../transport/transport.ts'
import { printable } from './printable.ts'

/** Gets one line for each frame; `>` came in, `<` went out. */
export type TraceSink = (line: string) => void

/** The same transport, with every frame of accepted links told to the sink. */
export function tracedTransport(inner: Transport, sink: TraceSink): Transport {
  return {
    kind: inner.kind,
    dial: inner.dial,
    listen: (at, onLink) => inner.listen(at, (link) => traced(link, onLink, sink)),
  }
}

function traced(link: Link, onLink: (link: Link) => LinkHandler, sink: TraceSink): LinkHandler {
  const peer = `${link.kind} ${link.remote ? showAddress(link.remote) : 'local'}`
  const incoming = new LaneTracer((text) => sink(`${peer} > ${text}`))
  const outgoing = new LaneTracer((text) => sink(`${peer} < ${text}`))
  const handler = onLink(new TracedLink(link, outgoing))
  return {
    onBytes(lane, chunk) {
      incoming.push(lane, chunk)
      handler.onBytes(lane, chunk)
    },
    onUnreliable(lane, bytes) {
      incoming.lone(lane, bytes)
      handler.onUnreliable?.(lane, bytes)
    },
    onWritable: () => handler.onWritable(),
    onEnd: () => handler.onEnd(),
    onClosed(detail) {
      sink(`${peer} closed: ${printable(detail)}`)
      handler.onClosed(detail)
    },
  }
}

class LaneTracer {
  readonly #lanes = new Map<number, Deframer>()
  readonly #tell: (text: string) => void

  constructor(tell: (text: string) => void) {
    this.#tell = tell
  }

  /** Bytes outside the lanes. */
  lone(lane: number, bytes: Uint8Array): void {
    if (bytes.length < PREFIX_BYTES) this.#tell(`datagram, lane ${lane}: not a frame`)
    else this.#tell(`datagram, lane ${lane} ${frameText(bytes, PREFIX_BYTES, bytes.length)}`)
  }

  push(lane: number, chunk: Uint8Array): void {
    let deframer = this.#lanes.get(lane)
    if (!deframer) {
      deframer = new Deframer(LIMITS.frameBytes)
      this.#lanes.set(lane, deframer)
    }
    deframer.push(chunk)
    for (let found = deframer.next(); found !== MORE; found = deframer.next()) {
      if (found !== FRAME) return this.#tell(`lane ${lane}: not a frame`)
      const where = lane === 0 ? '' : `lane ${lane} `
      this.#tell(where + frameText(deframer.bytes, deframer.start, deframer.end))
    }
  }
}

/** A frame on one line. Bytes, among them message bodies, and tokens appear only as their length. */
export function frameText(bytes: Uint8Array, start: number, end: number): string {
  const frame = decodeFrame(bytes, start, end)
  if (isFault(frame)) return `FAULT ${frame.fault} at byte ${frame.offset} of ${end - start}`
  const fields = Object.entries(frame).filter(([name]) => name !== 'type')
  return [frame.type, ...fields.map(([name, value]) => `${name}=${valueText(name, value)}`)].join(' ')
}

function valueText(name: string, value: unknown): string {
  if (value instanceof Uint8Array) return `(${value.length} bytes)`
  if (name === 'token') return `(${(value as string).length} characters)`
  const shown = (_: string, inner: unknown): unknown =>
    inner instanceof Uint8Array ? `(${inner.length} bytes)` : inner
  return printable(JSON.stringify(value, shown))
}

class TracedLink implements Link {
  readonly kind: Link['kind']
  readonly remote: Address | undefined
  readonly laneCount: number
  readonly #link: Link
  readonly #tracer: LaneTracer

  constructor(link: Link, tracer: LaneTracer) {
    this.kind = link.kind
    this.remote = link.remote
    this.laneCount = link.laneCount
    this.#link = link
    this.#tracer = tracer
  }

  get binding(): Uint8Array {
    return this.#link.binding
  }

  get writable(): boolean {
    return this.#link.writable
  }

  write(lane: number, bytes: Uint8Array): void {
    this.#tracer.push(lane, bytes)
    this.#link.write(lane, bytes)
  }

  writeUnreliable(lane: number, bytes: Uint8Array): void {
    this.#tracer.lone(lane, bytes)
    writeEphemeral(this.#link, lane, bytes)
  }

  cork(): void {
    this.#link.cork()
  }

  uncork(): void {
    this.#link.uncork()
  }

  pause(): void {
    this.#link.pause()
  }

  resume(): void {
    this.#link.resume()
  }

  end(): void {
    this.#link.end()
  }

  abort(): void {
    this.#link.abort()
  }
}
