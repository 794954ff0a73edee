/** What there is to tell of sealing, in words and for programs. */
import { hexOf } from '../base/bytes.ts'
import { fidOf } from '../crypto/identity.ts'
import type { Primitives } from '../crypto/primitives.ts'
import { fingerprintOf } from '../crypto/trust/fingerprint.ts'
import type { Pin } from '../crypto/trust/pins.ts'
import { isVerified } from '../crypto/trust/pins.ts'
import type { Comparison, ComparisonFailure } from '../crypto/trust/short-code.ts'
import { createNodePrimitives } from '../node/provider-node.ts'
import type { SealingNews } from '../node/sealed-connection.ts'
import { roomWords } from './room-news.ts'

/** News in words. */
export interface NewsWords {
  readonly text: string
  /** Whether the person has to do or know something, whatever else is shown. */
  readonly isWarning: boolean
  readonly json: readonly [string, Readonly<Record<string, unknown>>]
}

const UNREADABLE: Readonly<Record<Extract<SealingNews, { kind: 'unreadable' }>['why'], string>> = {
  no_session: 'its keys are lost on one side',
  prekey: 'it was sealed with a key that is used up or too old',
  identity: 'it comes from another identity than the known one',
  rate: 'the other side begins anew too often',
  context: 'it belongs to another conversation',
  malformed: 'its bytes are damaged',
  repeated: 'its key was used before: the program there was set back, or the relay repeats old bytes',
  plain: 'it was not sealed, and only sealed ones count here',
}

/** How the person gives orders: after a slash in a chat, or to the shell. */
export type Orders = '/' | 'palaver id '

/** The news; undefined when there is nothing to tell. */
export function newsWords(news: SealingNews, orders: Orders): NewsWords | undefined {
  switch (news.kind) {
    case 'key_changed':
      return keyChanged(news, orders)
    case 'missing': {
      const { name } = news.person
      const text = `messages of ${name} before the next one did not come`
      return { text, isWarning: true, json: ['missing', { nick: name }] }
    }
    case 'plain': {
      const { name } = news.person
      const text = `${name} has no keys here: what goes to ${name} is not sealed, the relay can read it`
      return { text, isWarning: true, json: ['plain', { nick: name }] }
    }
    case 'met':
      return met(news.person.name, news.pin, orders)
    case 'peer_reset': {
      const { name } = news.person
      const text =
        `${name} began anew: what was sent to ${name} just before may be lost there; ` +
        'send it again if it matters'
      return { text, isWarning: true, json: ['peer_reset', { nick: name }] }
    }
    case 'unreadable': {
      const { name } = news.from
      const then = news.isHealing ? '; a new session begins by itself, ask for the message again' : ''
      const text = `a message of ${name} is not shown: ${UNREADABLE[news.why]}${then}`
      const fields = { nick: name, seq: String(news.position), why: news.why, healing: news.isHealing }
      return { text, isWarning: true, json: ['unreadable', fields] }
    }
    case 'comparison':
      return compared(news.person.name, news.comparison)
    case 'room_invited':
    case 'room_changed':
    case 'room_leaving':
    case 'room_swapped':
    case 'room_split':
    case 'room_unreadable':
    case 'room_unsent':
      return roomWords(news, orders)
    default:
      return news satisfies never
  }
}

function keyChanged(news: SealingNews & { kind: 'key_changed' }, orders: Orders): NewsWords {
  const { pin, wasVerified } = news
  const { name } = news.person
  const claimed = pin.claim && fingerprintOf(fidOf(primitives(), pin.claim))
  const how = wasVerified
    ? `you verified the old one: only the new fingerprint will do, got from ${name} in another way:\n` +
      `${orders}trust ${name} FINGERPRINT`
    : `ask ${name} in another way whether this is right, then: ${orders}trust ${name}`
  const text = [
    `! ${name} shows another key than before; nothing is sent until you decide`,
    `new ${claimed ?? '?'}`,
    `old ${fingerprintOf(pin.fid)}`,
    how,
  ].join('\n')
  const fields = { nick: name, fingerprint: fingerprintOf(pin.fid), claimed, was_verified: wasVerified }
  return { text, isWarning: true, json: ['key_changed', fields] }
}

function met(name: string, pin: Pin, orders: Orders): NewsWords {
  const fingerprint = fingerprintOf(pin.fid)
  const text = `sealed with ${name} from now on, not verified yet: ${orders}verify ${name}`
  return { text, isWarning: false, json: ['met', { nick: name, fingerprint }] }
}

const FAILURES: Readonly<Record<ComparisonFailure, string>> = {
  mismatch: 'the pictures differ: somebody may stand between you. Do not trust this key',
  commitment: 'the other side changed its number: somebody may stand between you',
  cancelled: 'it was cancelled',
  out_of_turn: 'it was cancelled',
  timeout: 'it took too long',
}

function compared(name: string, comparison: Comparison): NewsWords | undefined {
  const { state } = comparison
  const json = (more: Readonly<Record<string, unknown>> = {}): NewsWords['json'] => [
    'comparison',
    { nick: name, state, ...more },
  ]
  switch (state) {
    case 'expect_answer':
      return { text: `asked ${name} to compare; waiting`, isWarning: false, json: json() }
    case 'expect_reveal':
      return { text: `${name} wants to compare keys`, isWarning: false, json: json() }
    case 'compare': {
      const { emoji, digits } = comparison.code
      const pictures = emoji.map(({ symbol, word }) => `${symbol} ${word}`).join('  ')
      if (comparison.confirmed === 'own')
        return { text: `waiting until ${name} says so too`, isWarning: false, json: json() }
      const text =
        comparison.confirmed === 'peer'
          ? `${name} says that they are alike. If they are here too: /verify ${name} yes`
          : `compare with ${name}, by voice or side by side:\n${pictures}\nor ${digits.join(' ')}\n` +
            `alike? /verify ${name} yes    different? /verify ${name} no`
      const words = emoji.map(({ word }) => word)
      return { text, isWarning: true, json: json({ words, digits, confirmed: comparison.confirmed }) }
    }
    case 'verified':
      return { text: `✓ ${name} is verified, on both sides`, isWarning: false, json: json() }
    case 'failed': {
      const { reason } = comparison
      const text = `! the comparison with ${name} ended: ${FAILURES[reason]}`
      return { text, isWarning: true, json: json({ reason }) }
    }
    default:
      return comparison satisfies never
  }
}

/** What is known of somebody, for programs. */
export function pinFields(pin: Pin): Readonly<Record<string, unknown>> {
  const { name, fid, sureness, firstSeenMs, isSealed, claim } = pin
  return {
    nick: name,
    fingerprint: fingerprintOf(fid),
    fid: hexOf(fid),
    state: sureness,
    verified: isVerified(pin),
    sealed: isSealed,
    key_changed: claim !== undefined,
    ...(claim ? { claimed: fingerprintOf(fidOf(primitives(), claim)) } : {}),
    first_seen: new Date(firstSeenMs).toISOString(),
  }
}

const HOW_SURE: Readonly<Record<Pin['sureness'], string>> = {
  tofu: 'not verified, known since',
  sas: '✓ verified by pictures, known since',
  qr: '✓ verified by QR code, known since',
  invite: '✓ known by invitation since',
  fingerprint: '✓ verified by fingerprint, known since',
  number: '✓ verified by safety number, known since',
}

/** How sure a key is, in words. */
export function surenessText(pin: Pin): string {
  const since = `${HOW_SURE[pin.sureness]} ${new Date(pin.firstSeenMs).toISOString().slice(0, 10)}`
  return pin.claim ? `! shows another key now; was: ${since}` : since
}

let made: Primitives | undefined

function primitives(): Primitives {
  made ??= createNodePrimitives()
  return made
}
