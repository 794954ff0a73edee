import { addressPrefix, type Instant, instantAfter } from '../base/index.ts'
import type { Connection } from './connection.ts'
import { CLOSE, TIMER } from './generated/constants.ts'

interface Group {
  readonly connections: Set<Connection>
  /** Before then nobody is looked for who may be gone. */
  checkAt: Instant
}

/**
 * A relay's connections by neighbourhood, one IPv4 address or IPv6 /56. Many people may share one behind a
 * NAT, and of those who vanished without a word a connection is left for the idle timeout: where all places
 * are taken, the one heard least lately makes room, if it has missed its keepalive.
 */
export class Neighbours {
  readonly #groups: Map<string, Group> = new Map()

  join(connection: Connection): void {
    const prefix = addressPrefix(connection.remote.host)
    connection.prefix = prefix
    const group = this.#groups.get(prefix)
    if (group !== undefined) group.connections.add(connection)
    else this.#groups.set(prefix, { connections: new Set([connection]), checkAt: 0 as Instant })
  }

  leave(connection: Connection): void {
    const { prefix } = connection
    if (prefix === undefined) return
    const group = this.#groups.get(prefix)
    group?.connections.delete(connection)
    if (group?.connections.size === 0) this.#groups.delete(prefix)
    connection.prefix = undefined
  }

  /** Whether `host` may have one connection more, `limit` being all it may have; may end one that is gone. */
  hasRoom(host: string, limit: number, now: Instant): boolean {
    const group = this.#groups.get(addressPrefix(host))
    if (group === undefined || group.connections.size < limit) return limit > 0
    return now >= group.checkAt && this.#forgetGhost(group, now) && group.connections.size < limit
  }

  //= PAL-UDP-103
  #forgetGhost(group: Group, now: Instant): boolean {
    let ghost: Connection | undefined
    for (const one of group.connections) {
      if (ghost === undefined || one.lastHeardAt < ghost.lastHeardAt) ghost = one
    }
    if (ghost === undefined || now < instantAfter(ghost.lastHeardAt, TIMER.ghostMs)) {
      // A storm of strangers must not have everybody looked at each time.
      group.checkAt = instantAfter(now, TIMER.ghostCheckMs)
      return false
    }
    ghost.abandon({ by: 'link', code: CLOSE.idle, detail: 'silent while others wait for its place' }, now)
    return true
  }
}
