/** What must hold in a simulated chat, whatever went wrong. A breach throws a Breach with the seed. */
import { hexOf, utf8Text } from '../../base/index.ts'
import { type MemoryStore, visitEntries } from '../../protocol/relay/index.ts'
import { type Person, SIGNAL_TEXT } from './person.ts'

export class Breach extends Error {}

/** The texts of a log by position; events are in brackets. */
type Texts = Map<number, string>

export interface Log {
  readonly number: number
  readonly firstSeq: number
  readonly headSeq: number
  readonly texts: Texts
}

/** What is on a relay's disk, by the number of the log. */
export function logsOf(store: MemoryStore): Map<string, Log> {
  const logs = new Map<string, Log>()
  for (const { number, logHex } of store.state.conversations) {
    const { firstSeq, headSeq } = store.extent(number)
    const texts: Texts = new Map()
    for (let seq = firstSeq; seq <= headSeq; ) {
      const page = store.read(number, seq)
      if (!page) throw new Breach(`entry ${seq} of ${logHex} is not in the store`)
      if (!('reason' in page)) note(page.bytes, texts)
      seq = page.lastSeq + 1
    }
    logs.set(logHex, { number, firstSeq, headSeq, texts })
  }
  return logs
}

function note(bytes: Uint8Array, texts: Texts): void {
  visitEntries(bytes, 0, bytes.length, {
    message: (view, source) => {
      texts.set(view.seq, utf8Text(source.subarray(view.bodyStart, view.bodyEnd)).replace(/\.+$/, ''))
    },
    event: ({ seq, kind }) => void texts.set(seq, `(${kind})`),
  })
}

/** Nothing acknowledged is missing or elsewhere, and nothing is there twice: (I1), (I11). */
export function checkAcknowledged(people: readonly Person[], logs: ReadonlyMap<string, Log>): void {
  const places = new Map<string, string>()
  for (const [hex, { texts }] of logs)
    for (const [seq, text] of texts) {
      if (text.startsWith('(')) continue
      const twice = places.get(text)
      if (twice) throw new Breach(`${text} is at ${twice} and at ${hex}:${seq}`)
      places.set(text, `${hex}:${seq}`)
    }
  for (const person of people)
    for (const [id, { log, seq }] of person.acknowledged) {
      const kept = logs.get(log)
      if (!kept) throw new Breach(`${id} was acknowledged in ${log}, which is gone`)
      if (seq === 0 ? places.get(id) === undefined : seq >= kept.firstSeq && kept.texts.get(seq) !== id)
        throw new Breach(`${id} was acknowledged at ${log}:${seq}, where ${kept.texts.get(seq)} is`)
    }
}

/** Nobody acted on what is not in the log, on anything twice, or out of order: (I2), (I4). */
export function checkEffects(people: readonly Person[], logs: ReadonlyMap<string, Log>): void {
  for (const person of people) {
    const last = new Map<string, number>()
    for (const { log, seq, text } of person.effects) {
      const before = last.get(log)
      if (before !== undefined && seq !== before + 1 && !text.startsWith('(gap'))
        throw new Breach(`${person.name} acted on ${log}:${seq} after ${before}`)
      last.set(log, seq)
      const kept = logs.get(log)
      if (kept && seq >= kept.firstSeq && kept.texts.get(seq) !== text && !text.startsWith('(gap'))
        throw new Breach(`${person.name} acted on ${text} at ${log}:${seq}, where ${kept.texts.get(seq)} is`)
    }
  }
}

/** After everything healed: what was promised is in the log, each person's in its order: (I3), (I9). */
export function checkHealed(people: readonly Person[], logs: ReadonlyMap<string, Log>): void {
  const counts = new Map<string, Map<string, number>>()
  const there = new Set<string>()
  for (const [hex, { texts }] of logs)
    for (const [, text] of [...texts].sort(([a], [b]) => a - b)) {
      if (text.startsWith('(')) continue
      there.add(text)
      const [name = '', count = ''] = text.split('/')
      const perLog = counts.get(hex) ?? new Map<string, number>()
      counts.set(hex, perLog)
      if ((perLog.get(name) ?? 0) >= Number(count)) throw new Breach(`${text} is in ${hex} out of order`)
      perLog.set(name, Number(count))
    }
  for (const person of people) {
    for (const id of person.promised)
      if (!there.has(id) && !person.refused.has(id)) throw new Breach(`${id} was promised and is nowhere`)
    for (const conversation of person.conversations.values()) {
      const log = logs.get(hexOf(conversation.log))
      const last = person.effects.findLast((effect) => effect.log === hexOf(conversation.log))
      if (log && last && last.seq !== log.headSeq)
        throw new Breach(`${person.name} stopped at ${last.seq} of ${log.headSeq} in ${conversation.name}`)
    }
  }
}

/**
 * Who heard a signal heard it once, from whom it was of, where it was made; nobody heard their own, no log
 * holds one. Returns how many were heard.
 */
export function checkSignals(people: readonly Person[], logs: ReadonlyMap<string, Log>): number {
  const made = new Map<number, { readonly from: string; readonly log: string }>()
  for (const { name, signalled } of people)
    for (const { value, log } of signalled) made.set(value, { from: name, log })
  let count = 0
  for (const person of people) {
    const seen = new Set<number>()
    for (const { value, log, from } of person.heard) {
      const sent = made.get(value)
      const what = `${person.name} heard signal ${value} of ${from}`
      if (!sent || sent.log !== log || sent.from === person.name) throw new Breach(`${what} in ${log}`)
      if (from !== undefined && from !== sent.from) throw new Breach(`${what}, which is of ${sent.from}`)
      if (seen.has(value)) throw new Breach(`${what} twice`)
      seen.add(value)
      count += 1
    }
  }
  for (const [hex, { texts }] of logs)
    for (const [seq, text] of texts)
      if (text.includes(SIGNAL_TEXT)) throw new Breach(`a signal is kept at ${hex}:${seq}`)
  return count
}
