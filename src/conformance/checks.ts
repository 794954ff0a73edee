/** What cannot be said as a pattern: checks that look at several fields at once. */
import { hexOf } from '../base/bytes.ts'
import { LIMIT_IDS, LIMITS, RELAY_LIMITS } from '../codec/generated/registry.ts'
import { CaseFailure } from './failure.ts'
import type { Party } from './party.ts'

/** What a check may look at besides the party. */
interface Stage {
  readonly variables: Map<string, unknown>
  nameOf(label: string): string
  keyOf(label: string): Uint8Array
  roomName(label: string): string
}

type Check = (party: Party, stage: Stage, words: readonly string[]) => void

/** The checks by name, as steps call them. */
export const CHECKS: Readonly<Record<string, Check>> = {
  'limits-listed'(party, stage, [variable = 'limits']) {
    const limits = stage.variables.get(variable) as { id: number; value: number }[]
    for (const name of RELAY_LIMITS) {
      const count = limits.filter(({ id }) => id === LIMIT_IDS[name]).length
      if (count !== 1) throw new CaseFailure(`${name} is listed ${count} times to ${party.label}`)
    }
  },
  'limits-in-bounds'(party, stage, [variable = 'limits']) {
    const limits = stage.variables.get(variable) as { id: number; value: number }[]
    const value = (id: number): number => limits.find((limit) => limit.id === id)?.value ?? 0
    for (const name of ['frameBytes', 'bodyBytes'] as const)
      if (value(LIMIT_IDS[name]) > LIMITS[name])
        throw new CaseFailure(`${party.label} was told a ${name} above the default`, ['PAL-LIM-005'])
    if (value(LIMIT_IDS.frameBytes) < LIMITS.handshakeFrameBytes)
      throw new CaseFailure('frame_bytes is below handshake_frame_bytes', ['PAL-LIM-006'])
  },
  differ(_, stage, [first = '', second = '']) {
    const [a, b] = [first, second].map((name) => String(stage.variables.get(name)))
    if (a === b) throw new CaseFailure(`${first} and ${second} are the same: ${a}`)
  },
  'not-all-zero'(_, stage, [name = '']) {
    const bytes = stage.variables.get(name) as Uint8Array
    if (bytes.every((byte) => byte === bytes[0])) throw new CaseFailure(`${name} is one byte over and over`)
  },
  equal(_, stage, [first = '', second = '']) {
    const [a, b] = [first, second].map((name) => String(stage.variables.get(name)))
    if (a !== b) throw new CaseFailure(`${first} is ${a}, ${second} is ${b}`)
  },
  empty(_, stage, [name = '']) {
    const list = stage.variables.get(name) as unknown[]
    if (list.length > 0) throw new CaseFailure(`${name} has ${list.length} elements`)
  },
  'holds-session'(_, stage, [name = '', ...labels]) {
    const list = stage.variables.get(name) as { alias: number; name: string }[]
    const aliases = list.map(({ alias }) => alias)
    if (aliases.some((alias, index) => index > 0 && alias <= (aliases[index - 1] as number)))
      throw new CaseFailure('the sessions are not in the order of their numbers')
    const places = labels.map((label) => list.findIndex((each) => each.name === stage.nameOf(label)))
    if (places.some((place, index) => place < 0 || (index > 0 && place < (places[index - 1] as number))))
      throw new CaseFailure(
        `the sessions of ${labels.join(' and ')} are not listed in the order of their opening`,
      )
  },
  'last-alias'(_, stage, [name = '']) {
    const list = stage.variables.get(name) as { alias: number }[]
    stage.variables.set('last', list.at(-1)?.alias)
  },
  'holds-room'(_, stage, [name = '', ...labels]) {
    const list = stage.variables.get(name) as { name: string; count: number }[]
    for (const label of labels)
      if (list.find((each) => each.name === stage.roomName(label))?.count !== 1)
        throw new CaseFailure(`the room ${label} is not listed with one member`)
  },
  'sorted-rooms'(_, stage, [name = '']) {
    const names = (stage.variables.get(name) as { name: string }[]).map((each) => each.name)
    const bytes = names.map((each) => Buffer.from(each))
    if (bytes.some((each, index) => index > 0 && Buffer.compare(bytes[index - 1] as Buffer, each) >= 0))
      throw new CaseFailure(`the rooms are not in the order of code points: ${names.join(' ')}`)
  },
  /** Both identities of a direct conversation, the lower key first. */
  pair(_, stage, [name = '', ...labels]) {
    const found = stage.variables.get(name) as {
      alias: number
      name: string
      key: Uint8Array
      role: number
    }[]
    const wanted = labels
      .map((label) => ({ name: stage.nameOf(label), key: hexOf(stage.keyOf(label)) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
    for (const [index, { name: who, key }] of wanted.entries()) {
      const peer = found[index]
      if (peer?.alias !== index + 1 || peer.name !== who || hexOf(peer.key) !== key || peer.role !== 0)
        throw new CaseFailure(`peer ${index + 1} is not ${who}`, ['PAL-ROM-027', 'PAL-ROM-026'])
    }
    if (found.length !== 2) throw new CaseFailure(`${found.length} peers`)
  },
  /** The identity is among the peers under the alias that was kept. */
  'peer-alias'(_, stage, [name = '', label = '', kept = '']) {
    const found = stage.variables.get(name) as { alias: number; key: Uint8Array }[]
    const peer = found.find(({ key }) => hexOf(key) === hexOf(stage.keyOf(label)))
    if (peer?.alias !== stage.variables.get(kept))
      throw new CaseFailure(`${label} is shown with the alias ${peer?.alias}`, ['PAL-ROM-073'])
  },
  'first-bytes'(_, stage, [name = '', label = '']) {
    const found = stage.variables.get(name) as Uint8Array
    if (hexOf(found) !== hexOf(stage.keyOf(label).subarray(0, found.length)))
      throw new CaseFailure(`${name} is ${hexOf(found)}, and not what it was given`)
  },
  address(party, stage, [name = '']) {
    const text = String(stage.variables.get(name))
    const isV4 = /^\d{1,3}(?:\.\d{1,3}){3}:\d+$/u.test(text)
    const isV6 = /^\[(?=[^\]]*:)[\da-f:.%\w]+\]:\d+$/u.test(text)
    const isLocal = text === 'local'
    if (!isV4 && !isV6 && !isLocal) throw new CaseFailure(`${party.label} was told the address ${text}`)
    if (isLocal !== (party.link?.remote === undefined)) throw new CaseFailure(`the address is ${text}`)
  },
}
