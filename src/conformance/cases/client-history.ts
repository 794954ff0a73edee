/** Section 7.5, as a client obeys it: the entries of a page are looked at like those of the log. */
import { concatBytes, hexOf } from '../../base/bytes.ts'
import { CONTENT_KINDS, EVENTS } from '../../codec/generated/registry.ts'
import type { Case } from '../case.ts'
import { bodyOf, withLength } from '../wire.ts'
import { casesOf } from './text.ts'

const TEXT = new TextEncoder().encode('earlier')
const NOBODY = new Uint8Array(0)

function message(conversation: number, seq: number): Uint8Array {
  const kind = CONTENT_KINDS.text
  return withLength(bodyOf('message', { conversation, seq, time: 0, sender: 1, ref: seq, kind, body: TEXT }))
}

function event(conversation: number, seq: number): Uint8Array {
  const fields = { time: 0, kind: EVENTS.topic, actor: 1, subject: 0, name: '', key: NOBODY, value: 0 }
  return withLength(bodyOf('event', { conversation, seq, ...fields, text: 'x' }))
}

const pong = withLength(bodyOf('pong', { nonce: 1, conversation: 1 }))
const malformed = Uint8Array.of(0, 0, 0, 1, 0xc1)

/** What a page may hold, and what it may not; the conversation of the case has the number 1. */
const PAGES: readonly (readonly [string, readonly Uint8Array[], boolean])[] = [
  ['a-message', [message(1, 1)], true],
  ['an-event', [event(1, 2)], true],
  ['both', [event(1, 1), message(1, 2), message(1, 5)], true],
  ['nothing', [], true],
  ['another-frame', [message(1, 1), pong], false],
  ['no-frame', [malformed], false],
  ['another-conversation', [message(2, 1)], false],
  ['the-same-twice', [message(1, 3), message(1, 3)], false],
  ['backwards', [message(1, 3), event(1, 2)], false],
  ['cut-short', [message(1, 1), message(1, 2).subarray(0, 9)], false],
]

function text(): string {
  return PAGES.flatMap(([name, entries, isSound]) => [
    `= C-ROM-055/${name} : ROM-055`,
    'client enters',
    'client joins r',
    'client asks fetch conversation=#r from=1 count=10',
    'client < fetch conversation=#r from=1 count=10 request=?a',
    `client > history request=$a conversation=#r entries=hex:${hexOf(concatBytes([...entries]))} more=false`,
    isSound ? 'client quiet' : 'client closed bad_frame',
  ]).join('\n')
}

/** Cases about history for a client. */
export const CLIENT_HISTORY: readonly Case[] = casesOf('core-client', text())
