/** `/key`, `/verify` and `/trust`: whose key it is that a conversation is sealed for. */
import { CONVERSATION_KINDS } from '../../codec/generated/registry.ts'
import type { Person } from '../../crypto/client/outputs.ts'
import { fingerprintOf, readFingerprint } from '../../crypto/trust/fingerprint.ts'
import { qrText } from '../../crypto/trust/qr.ts'
import { createNodePrimitives } from '../../node/provider-node.ts'
import type { SealedConnection } from '../../node/sealed-connection.ts'
import { CliError, EXIT, usageError } from '../exit.ts'
import { about } from '../failure.ts'
import { notTrusted, personLines } from '../id-people.ts'
import { qrLines } from '../qr-code.ts'
import { pinFields, surenessText } from '../sealing-news.ts'
import type { Talk } from './talk.ts'

const QR_START = 'PALAVER:'

/** Shows the keys of both and their safety number; the own alone without a name in a room. */
export async function showKey(talk: Talk, rest: string): Promise<void> {
  const sealing = sealingOf(talk)
  const { own } = sealing.conversations.sealing
  const name = rest === '' ? otherOf(talk) : rest
  if (name === undefined) {
    const fingerprint = fingerprintOf(own.fid)
    return talk.info(`your key ${fingerprint}`, ['sealing', { fingerprint }])
  }
  const { pin } = await known(talk, sealing, name)
  talk.info(personLines(createNodePrimitives(), own, pin).join('\n'), ['person', pinFields(pin)])
}

/** Compares keys: by pictures, by a number or code that the other one gives, or shows such a code. */
export async function verifyKey(talk: Talk, rest: string): Promise<void> {
  const [, name = '', how = ''] = /^(\S*)\s*(.*)$/su.exec(rest) ?? []
  const nick = name === '' ? otherOf(talk) : name
  if (nick === undefined) throw usageError('NICK is missing')
  const sealing = sealingOf(talk)
  const word = how.toLowerCase()
  if (word === '') {
    const person = await personOf(sealing, nick)
    return sealing.conversations.do((machine, now) => machine.compare(person, now))
  }
  const { person, pin } = await known(talk, sealing, nick)
  if (word === 'yes' || word === 'no')
    return sealing.conversations.do((machine, now) => machine.confirm(person, word === 'yes', now))
  if (word === 'qr') {
    const text = qrText(sealing.conversations.sealing.own.fid, pin.fid)
    return talk.info(`let ${nick} scan this:\n${qrLines(text).join('\n')}`, ['qr', { nick, text }])
  }
  let isAlike = false
  sealing.conversations.do((machine) => {
    isAlike = how.startsWith(QR_START) ? machine.scan(person, how) : machine.compareNumber(person, how)
  })
  if (!isAlike)
    throw new CliError(
      EXIT.untrusted,
      'not_alike',
      `that is not what ${nick} and you share: the keys differ`,
      'check it again; if it stays so, somebody may stand between you',
    )
  tellSureness(talk, sealing, person)
}

/** Takes a changed key, or says by its fingerprint that a key is the right one. */
export async function trustKey(talk: Talk, rest: string): Promise<void> {
  const [, name = '', typed = ''] = /^(\S*)\s*(.*)$/su.exec(rest) ?? []
  const nick = name === '' ? otherOf(talk) : name
  if (nick === undefined) throw usageError('NICK is missing')
  const sealing = sealingOf(talk)
  const { person, pin } = await known(talk, sealing, nick)
  const fid = typed === '' ? undefined : readFingerprint(typed)
  if (typed !== '' && !fid) throw usageError('a fingerprint has 13 groups of four letters and digits')
  let isTrusted = false
  sealing.conversations.do((machine, now) => {
    isTrusted = machine.trust(person, fid, now)
  })
  if (!isTrusted) throw notTrusted(nick, pin, fid !== undefined)
  tellSureness(talk, sealing, person)
}

function tellSureness(talk: Talk, sealing: SealedConnection, person: Person): void {
  const pin = sealing.conversations.sealing.pinOf(person)
  if (pin) talk.info(`${person.name}: ${surenessText(pin)}`, ['person', pinFields(pin)])
  talk.updateStatus()
}

/** What seals here; throws where nothing does. */
export function sealingOf(talk: Talk): SealedConnection {
  const { sealing } = talk.client
  if (sealing?.rooms) return sealing
  throw usageError('sealing is off', 'start with --e2ee prefer, or require')
}

function otherOf({ current }: Talk): string | undefined {
  return current?.kind === CONVERSATION_KINDS.direct ? current.name : undefined
}

async function personOf(sealing: SealedConnection, nick: string): Promise<Person> {
  return about(nick, sealing.personNamed(nick))
}

async function known(
  talk: Talk,
  sealing: SealedConnection,
  nick: string,
): Promise<{ person: Person; pin: NonNullable<ReturnType<SealedConnection['pinIn']>> }> {
  const person = await personOf(sealing, nick)
  const pin = sealing.conversations.sealing.pinOf(person)
  if (pin) return { person, pin }
  throw usageError(
    `${nick} and ${talk.client.nick} never sealed anything`,
    `write to ${nick} first, or compare: /verify ${nick}`,
  )
}
