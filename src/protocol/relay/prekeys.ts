/**
 * What the relay keeps of its identities so that others can begin a sealed conversation with them while they
 * are away (spec chapter 15): bytes of which it checks nothing, and one-time prekeys, each of which it gives
 * out once. Records are read from the store when they are asked for; what is not committed yet is held here.
 */
import { bytesOfHex, hexOf } from '../../base/bytes.ts'
import type { Instant } from '../../base/time.ts'
import { type Rate, TokenBucket } from '../../base/token-bucket.ts'
import type { BundleFrame, ClaimFrame, PublishFrame } from '../../codec/generated/registry.ts'
import type { Hub } from './hub.ts'
import type { Session } from './session.ts'
import type { PrekeysRecord, RelayStorage, StoreWrite } from './storage.ts'

/** Identities whose rate is known; of the one that has waited longest it is forgotten first. */
const BUCKETS_MAX = 65_536

/** What somebody claimed. */
export type Claimed = Pick<BundleFrame, 'bundle' | 'prekeys'>

/** What a change needs to know besides the request. */
export interface PrekeysAt {
  readonly keyHex: string
  readonly wallMs: number
  readonly turn: number
}

/** The limits in force. */
export interface PrekeysLimits {
  readonly prekeysPerKey: number
  readonly prekeysMs: number
}

export class PrekeyShelf {
  readonly #storage: RelayStorage
  readonly #limits: PrekeysLimits
  readonly #write: (write: StoreWrite) => void
  /** Records that changed in turns that are not committed yet; undefined is one that is no more. */
  readonly #changed = new Map<string, { readonly turn: number; readonly record: PrekeysRecord | undefined }>()
  readonly #buckets = new Map<string, TokenBucket>()
  /** Of those whose prekeys are given out. */
  readonly #given = new Map<string, TokenBucket>()

  constructor(storage: RelayStorage, limits: PrekeysLimits, write: (write: StoreWrite) => void) {
    this.#storage = storage
    this.#limits = limits
    this.#write = write
  }

  /** Whether the identity may publish or claim now. */
  //= PAL-SDC-034
  takeToken(keyHex: string, rate: Rate, now: Instant): boolean {
    return takeOf(this.#buckets, keyHex, rate, now)
  }

  /** Whether another one-time prekey of the identity may be given out now, whoever asks. */
  //= PAL-SDC-038
  mayGive(keyHex: string, rate: Rate, now: Instant): boolean {
    return takeOf(this.#given, keyHex, rate, now)
  }

  /** Takes what an identity publishes; returns how many one-time prekeys are kept of it. */
  publish(frame: Pick<PublishFrame, 'replaces' | 'bundle' | 'prekeys'>, at: PrekeysAt): number {
    const kept = this.#find(at)
    //= PAL-SDC-029
    const before = frame.replaces ? undefined : kept
    const record = this.#published(frame, before, at)
    if (record && !isSame(record, kept)) this.#put(at, record)
    else if (!record && kept) this.#put(at, undefined)
    return record?.prekeys.length ?? 0
  }

  //= PAL-SDC-028
  #published(
    { bundle, prekeys }: Pick<PublishFrame, 'bundle' | 'prekeys'>,
    before: PrekeysRecord | undefined,
    { keyHex, wallMs }: PrekeysAt,
  ): PrekeysRecord | undefined {
    const kept = [...(before?.prekeys ?? [])]
    let lastNumber = before?.lastNumber ?? -1
    for (const { number, key } of prekeys) {
      if (number <= lastNumber || kept.length >= this.#limits.prekeysPerKey) continue
      kept.push([number, hexOf(key)])
      lastNumber = number
    }
    const bundleHex = bundle.length > 0 ? hexOf(bundle) : (before?.bundleHex ?? '')
    if (bundleHex === '' && kept.length === 0) return undefined
    const publishedMs = bundle.length > 0 ? wallMs : (before?.publishedMs ?? wallMs)
    return { keyHex, bundleHex, prekeys: kept, lastNumber, publishedMs }
  }

  /** The bundle of an identity and one of its one-time prekeys; undefined when there is none. */
  //= PAL-SDC-031
  claim(at: PrekeysAt, mayGive: (keyHex: string) => boolean = () => true): Claimed | undefined {
    const record = this.#find(at)
    const bundle = record && bytesOfHex(record.bundleHex)
    if (!record || !bundle || bundle.length === 0) return undefined
    const [first, ...left] = record.prekeys
    if (!first || !mayGive(at.keyHex)) return { bundle, prekeys: [] }
    //= PAL-SDC-032
    this.#put(at, { ...record, prekeys: left })
    return { bundle, prekeys: [{ number: first[0], key: bytesOfHex(first[1]) as Uint8Array }] }
  }

  /** How many one-time prekeys are kept of an identity. */
  count(keyHex: string): number {
    return this.#record(keyHex)?.prekeys.length ?? 0
  }

  /** The writes of a turn, and of all before it, are committed: the store gives them back. */
  handleCommitted(turn: number): void {
    for (const [keyHex, changed] of this.#changed) if (changed.turn <= turn) this.#changed.delete(keyHex)
  }

  #record(keyHex: string): PrekeysRecord | undefined {
    const changed = this.#changed.get(keyHex)
    return changed ? changed.record : this.#storage.prekeys(keyHex)
  }

  /** What is kept and not too old. */
  #find(at: PrekeysAt): PrekeysRecord | undefined {
    const record = this.#record(at.keyHex)
    //= PAL-SDC-035
    if (!record || at.wallMs - record.publishedMs <= this.#limits.prekeysMs) return record
    this.#put(at, undefined)
    return undefined
  }

  #put({ keyHex, turn }: PrekeysAt, record: PrekeysRecord | undefined): void {
    this.#changed.set(keyHex, { turn, record })
    this.#write(record ? { kind: 'prekeys', record } : { kind: 'forget_prekeys', keyHex })
  }
}

/** Takes a token from somebody's bucket; false when there is none. */
function takeOf(buckets: Map<string, TokenBucket>, keyHex: string, rate: Rate, now: Instant): boolean {
  const bucket = buckets.get(keyHex) ?? new TokenBucket(rate.burst)
  buckets.delete(keyHex)
  buckets.set(keyHex, bucket)
  if (buckets.size > BUCKETS_MAX) {
    const [oldest] = buckets.keys()
    buckets.delete(oldest as string)
  }
  return bucket.takeOne(rate, now)
}

/** Whether writing the record again would keep nothing new but its time, and that is recent. */
function isSame(record: PrekeysRecord, kept: PrekeysRecord | undefined): boolean {
  return (
    kept !== undefined &&
    kept.bundleHex === record.bundleHex &&
    kept.lastNumber === record.lastNumber &&
    kept.prekeys.length === record.prekeys.length &&
    record.publishedMs - kept.publishedMs < FRESH_MS
  )
}

/** A bundle that is published again within this time is not written again. */
const FRESH_MS = 3_600_000

export function handlePublish<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: PublishFrame): void {
  if (!mayGoOn(hub, session, frame.request)) return
  session.hasPublished = true
  const count = hub.prekeys.publish(frame, { ...placeOf(hub), keyHex: session.keyHex })
  //= PAL-SDC-030
  hub.reply(session.link, { type: 'stock', request: frame.request, count })
}

export function handleClaim<Owner>(hub: Hub<Owner>, session: Session<Owner>, frame: ClaimFrame): void {
  const { request } = frame
  if (!mayGoOn(hub, session, request)) return
  const keyHex = hexOf(frame.key)
  const mayGive = (key: string): boolean => hub.prekeys.mayGive(key, hub.rates.prekeysGiven, hub.now)
  const claimed = hub.prekeys.claim({ ...placeOf(hub), keyHex }, mayGive)
  if (!claimed) return hub.replyError(session.link, 'no_keys', { request })
  hub.reply(session.link, { type: 'bundle', request, ...claimed })
  const owner = hub.sessions.get(keyHex)
  const count = hub.prekeys.count(keyHex)
  //= PAL-SDC-033
  if (claimed.prekeys.length > 0 && owner?.hasPublished && count < hub.limits.prekeysLow)
    hub.reply(owner.link, { type: 'stock', request: 0, count })
}

function placeOf<Owner>(hub: Hub<Owner>): Omit<PrekeysAt, 'keyHex'> {
  return { wallMs: hub.wallMs, turn: hub.outlet.turn }
}

function mayGoOn<Owner>(hub: Hub<Owner>, session: Session<Owner>, request: number): boolean {
  const isFree = hub.prekeys.takeToken(session.keyHex, hub.rates.keyRequests, hub.now)
  if (!isFree) hub.replyError(session.link, 'rate_limited', { request })
  return isFree
}
