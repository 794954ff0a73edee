/** A relay's process in a simulated chat: the core, its disk, and its driver's work. */
import { type Instant, NEVER, type SignaturePrimitives } from '../../base/index.ts'
import {
  RelayCore,
  type RelayEvent,
  type RelayLimits,
  type RelayLink,
  type StoreWrite,
} from '../../protocol/relay/index.ts'
import type { SimDisk } from '../disk.ts'
import { seededEntropy } from '../random.ts'
import type { RelayEnd } from './pipe.ts'

/** Begins no frame and no value. */
const NO_FRAME_BYTE = 0xc1

export interface RelayNodeOptions {
  readonly seed: number
  readonly identity: { readonly seed: Uint8Array; readonly publicKey: Uint8Array }
  readonly signatures: SignaturePrimitives
  readonly disk: SimDisk
  readonly limits: Partial<RelayLimits>
  readonly wallMs: number
  /** Whether a commit counts before it is on the disk: a fault of the program that checkers must find. */
  readonly lies?: boolean
}

export class RelayNode {
  readonly core: RelayCore<RelayEnd>
  /** Whether the store failed: the process is about to end. */
  isFailed = false
  readonly #disk: SimDisk
  readonly #lies: boolean
  readonly #links = new Map<RelayEnd, RelayLink<RelayEnd>>()
  readonly #finishing = new Set<RelayEnd>()
  #uncommitted: StoreWrite[] = []
  #uncommittedTurn = 0
  #committingTurn = 0

  constructor(options: RelayNodeOptions) {
    this.#disk = options.disk
    this.#lies = options.lies ?? false
    this.core = new RelayCore<RelayEnd>({
      name: 'sim',
      identity: options.identity,
      signatures: options.signatures,
      entropy: seededEntropy(options.seed),
      limits: options.limits,
      storage: options.disk,
    })
    this.core.setWallOffset(options.wallMs)
  }

  open(end: RelayEnd, now: Instant): void {
    const { laneCount, binding } = end
    const info = { host: undefined, port: 0, transport: 'sim', laneCount, binding }
    this.#links.set(end, this.core.openLink(end, info, now))
  }

  /** The link is gone. */
  close(end: RelayEnd, now: Instant): void {
    const link = this.#links.get(end)
    this.#finishing.delete(end)
    if (link && this.#links.delete(end)) this.core.closeLink(link, now)
  }

  /** The core gets bytes whose memory is used for others as soon as it has read them. */
  handleBytes(end: RelayEnd, lane: number, bytes: Uint8Array, now: Instant): void {
    const link = this.#links.get(end)
    if (!link) return
    const lent = bytes.slice()
    this.core.handleBytes(link, lane, lent, now)
    lent.fill(NO_FRAME_BYTE)
  }

  handleLoneBytes(end: RelayEnd, bytes: Uint8Array, now: Instant): void {
    const link = this.#links.get(end)
    if (link) this.core.handleLoneBytes(link, bytes, now)
  }

  pollTimeout(): Instant {
    return Math.min(this.core.pollTimeout(), this.#disk.pollTimeout()) as Instant
  }

  handleTimeout(now: Instant): void {
    const end = this.#disk.poll(now)
    if (end === 'failed') {
      this.isFailed = true
      this.core.handleStorageFailed(now)
    } else if (end === 'committed' && !this.#lies) this.core.handleCommitted(this.#committingTurn)
    if (end === 'committed') this.#commitNext(now)
    if (this.core.pollTimeout() <= now) this.core.handleTimeout(now)
  }

  #commitNext(now: Instant): void {
    if (this.#uncommitted.length === 0) return
    this.#committingTurn = this.#uncommittedTurn
    this.#disk.begin(this.#uncommitted.splice(0), now)
  }

  /** Ends a turn: what goes to the disk begins to, what may leave leaves. */
  flush(now: Instant): void {
    this.core.flush()
    for (let event = this.core.pollEvent(); event; event = this.core.pollEvent()) this.#handle(event, now)
    for (let link = this.core.pollReadyLink(); link; link = this.core.pollReadyLink())
      this.pump(link.owner, now)
  }

  #handle(event: RelayEvent<RelayEnd>, now: Instant): void {
    if (event.kind === 'commit') {
      this.#uncommitted.push(...event.writes)
      this.#uncommittedTurn = event.turn
      if (this.#disk.pollTimeout() === NEVER && !this.isFailed) this.#commitNext(now)
      if (this.#lies) this.core.handleCommitted(event.turn)
    } else if (event.kind === 'link_finished') {
      this.#finishing.add(event.link.owner)
      this.pump(event.link.owner, now)
    } else if (event.kind === 'link_expired') event.link.owner.abort(now)
    else if (event.kind === 'link_paused') event.link.owner.pause()
    else if (event.kind === 'link_resumed') event.link.owner.resume(now)
  }

  /** Writes what is queued while the link takes it. */
  pump(end: RelayEnd, now: Instant): void {
    const link = this.#links.get(end)
    if (!link || end.isOver) return
    while (end.isWritable) {
      const item = this.core.pollTransmit(link)
      if (!item) {
        if (this.#finishing.delete(end)) end.finish(now)
        return
      }
      end.write(item, now)
    }
  }

  /** Every link with what is queued for it, for checkers. */
  get links(): Iterable<RelayLink<RelayEnd>> {
    return this.#links.values()
  }
}
