/** What a relay tells of what happens on it: one line each. */

import type { ServerLink } from '../node/relay-server.ts'
import type { RelayEvent } from '../protocol/relay/hub.ts'
import { clockText, isoText, writeJson, writeLine } from './output.ts'

/** Strangers can cause refusals at line rate; beyond this many in a second they are only counted. */
const REFUSALS_PER_SECOND = 20
const NAME_COLUMN = 12

export class RelayLog {
  readonly #json: boolean
  readonly #quiet: boolean
  #second = 0
  #refusals = 0
  #untold = 0

  constructor(options: { readonly json: boolean; readonly quiet: boolean }) {
    this.#json = options.json
    this.#quiet = options.quiet
  }

  tell(event: RelayEvent<ServerLink>): void {
    if (this.#quiet) return
    switch (event.kind) {
      case 'session_opened': {
        const { name, link } = event.session
        const { transport, host = 'local' } = link.info
        return this.#write(
          'session_opened',
          { name, transport, host },
          `+ ${column(name)} ${transport} ${host}`,
        )
      }
      case 'session_closed': {
        const { session, code } = event
        return this.#write(
          'session_closed',
          { name: session.name, code },
          `- ${column(session.name)} ${code}`,
        )
      }
      case 'joined':
      case 'left': {
        const { name, room, count, limit } = event
        const sign = event.kind === 'joined' ? '>' : '<'
        const text = `${sign} ${column(name)} #${room} (${count}/${limit})`
        return this.#write(event.kind, { name, room: `#${room}`, count, limit }, text)
      }
      case 'refused':
        return this.#refused(event.link.info.host ?? 'local', event.code)
      default:
    }
  }

  #refused(host: string, code: string): void {
    const second = Math.floor(Date.now() / 1000)
    if (second !== this.#second) {
      if (this.#untold > 0)
        this.#write('refused_more', { count: this.#untold }, `! ${this.#untold} more were refused`)
      this.#second = second
      this.#refusals = 0
      this.#untold = 0
    }
    this.#refusals += 1
    if (this.#refusals > REFUSALS_PER_SECOND) this.#untold += 1
    else this.#write('refused', { host, code }, `! ${column(host)} refused: ${code}`)
  }

  #write(type: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    const now = Date.now()
    if (this.#json) writeJson(type, { at: isoText(now), ...fields })
    else writeLine(`${clockText(now)} ${text}`)
  }
}

function column(text: string): string {
  return text.padEnd(NAME_COLUMN)
}
