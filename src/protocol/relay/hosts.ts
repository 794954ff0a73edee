/** How many links each address has, and how fast it opens them (spec chapters 5 and 6). */
import { addressPrefix } from '../../base/ip-address.ts'
import type { Instant } from '../../base/time.ts'
import { type Rate, TokenBucket } from '../../base/token-bucket.ts'
import type { RelayLimits } from './hub.ts'
import type { LinkInfo } from './link.ts'
import type { Rates } from './rates.ts'

/** Addresses without a link that are remembered because of their rate. */
const HOSTS_IDLE_MAX = 65_536

interface HostState {
  links: number
  handshakes: number
  readonly opened: TokenBucket
  /** Made at the first refusal. */
  refused: TokenBucket | undefined
}

export class Hosts {
  readonly #limits: RelayLimits
  readonly #isExempt: (host: string) => boolean
  readonly #hosts = new Map<string, HostState>()

  constructor(limits: RelayLimits, isExempt: (host: string) => boolean) {
    this.#limits = limits
    this.#isExempt = isExempt
  }

  /** Counts a new link; whether its address may have it. */
  open(info: LinkInfo, rates: Rates, now: Instant): boolean {
    const { links: rate } = rates
    if (this.#hosts.size > HOSTS_IDLE_MAX) this.#sweep(rates, now)
    const key = neighbourOf(info)
    let host = this.#hosts.get(key)
    if (!host) {
      host = { links: 0, handshakes: 0, opened: new TokenBucket(rate.burst), refused: undefined }
      this.#hosts.set(key, host)
    }
    host.links += 1
    host.handshakes += 1
    if (info.host === undefined || this.#isExempt(info.host)) return true
    //= PAL-SES-040
    const isSlowEnough = host.opened.takeOne(rate, now)
    const { linksPerAddress, handshakesPerAddress } = this.#limits
    return isSlowEnough && host.links <= linksPerAddress && host.handshakes <= handshakesPerAddress
  }

  /** One of its handshakes is over. */
  handshakeOver(info: LinkInfo): void {
    const host = this.#hosts.get(neighbourOf(info))
    if (host) host.handshakes -= 1
  }

  /** Whether another claim from the address is looked at. */
  mayClaim(info: LinkInfo, rate: Rate, now: Instant): boolean {
    const refused = this.#hosts.get(neighbourOf(info))?.refused
    return refused === undefined || refused.has(1, rate, now)
  }

  /** A claim from the address was wrong: somebody may be trying tokens. */
  noteRefusal(info: LinkInfo, rate: Rate, now: Instant): void {
    const host = this.#hosts.get(neighbourOf(info))
    if (!host || info.host === undefined || this.#isExempt(info.host)) return
    host.refused ??= new TokenBucket(rate.burst)
    host.refused.takeOne(rate, now)
  }

  /** One of its links is gone. */
  close(info: LinkInfo, rates: Rates, now: Instant): void {
    const key = neighbourOf(info)
    const host = this.#hosts.get(key)
    if (!host) return
    host.links -= 1
    if (isForgettable(host, rates, now)) this.#hosts.delete(key)
  }

  /**
   * Forgets addresses without a link that have been slow for long enough, and at the worst the others, too.
   */
  #sweep(rates: Rates, now: Instant): void {
    for (const [key, host] of this.#hosts) if (isForgettable(host, rates, now)) this.#hosts.delete(key)
    if (this.#hosts.size <= HOSTS_IDLE_MAX) return
    for (const [key, host] of this.#hosts) if (host.links === 0) this.#hosts.delete(key)
  }
}

/** Whether it makes no difference that the address was here. */
function isForgettable({ links, opened, refused }: HostState, rates: Rates, now: Instant): boolean {
  if (links > 0 || !opened.has(rates.links.burst, rates.links, now)) return false
  return refused?.has(rates.refusals.burst, rates.refusals, now) ?? true
}

/** What the limits per address count together: one IPv6 peer has a whole /56 of addresses. */
function neighbourOf(info: LinkInfo): string {
  return info.host === undefined ? '' : addressPrefix(info.host)
}
