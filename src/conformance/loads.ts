/** Steps that send much: rates, floods, links by the dozen, logs that fill (spec chapter 19). */
import { ERRORS, type LIMITS } from '../codec/generated/registry.ts'
import type { Arena } from './arena.ts'
import { CaseFailure, CaseSkipped } from './failure.ts'
import { frameText } from './frames.ts'
import type { Party, Received } from './party.ts'
import type { Step } from './step.ts'

/** How long an answer may take that is due at once: an upper bound only. */
export const ANSWER_MS = 20_000
/** Frames and links that a case makes at most. */
const FRAMES_MAX = 1000
const LINKS_MAX = 12
/** Bodies by which a bucket of bytes is emptied. */
const PIECE_BYTES = 1000
/** Frames under way at a time while a session exceeds its rate, and how often more are sent. */
const EXCESS_FRAMES = 10
const EXCESS_PAUSE_MS = 50
const LOG_BYTES_MAX = 2 ** 20
const FLOOD_BODY_BYTES = 60_000
/** How often who is silent during a flood is heard: far more often than `idle_ms` asks for. */
const HEARD_MS = 5000
/**
 * More than both ends of a link hold below the relay: buffers of kernels, of which the receiving one grows
 * only while it is read (4 to 5 MB in all were seen), or credit and what waits for it.
 */
const HELD_BYTES = { tcp: 12_000_000, udp: 2_400_000 } as const

type LimitName = keyof typeof LIMITS

/** What these steps need of the player. */
export interface LoadStage {
  readonly arena: Arena
  readonly variables: Map<string, unknown>
  readonly parties: Map<string, Party>
  party(label: string): Party
  limit(name: string): number
  roomName(label: string): string
  opens(label: string): Promise<Party>
  sends(party: Party, words: readonly string[], fields: ReadonlyMap<string, string>): Promise<void>
  expects(party: Party, type: string, fields: ReadonlyMap<string, string>): Promise<void>
  closed(party: Party, codes: string, fields: ReadonlyMap<string, string>): Promise<void>
  checkBreaches(party: Party): void
}

type Load = (stage: LoadStage, party: Party, step: Step) => Promise<void>

/** The steps by name. */
export const LOADS: Readonly<Record<string, Load>> = {
  floods: (stage, party, { words }) => floods(stage, party, words),
  competes: (stage, party, { words }) =>
    competes(stage, party, stage.party(words[0] as string), words[1] as string),
  gone: (stage, party, { words }) => gone(stage, party, words[0] as string),
  hurries: (stage, party, { words }) => hurries(stage, party, words[0] as string, words[1] ?? ''),
  exceeds: (stage, party, { words }) => exceeds(stage, party, words),
  rushes: (stage, party) => rushes(stage, party),
  fills: (stage, party, { words }) => fills(stage, party, words[0] as string),
  finds: (stage, party, { words, fields }) => finds(stage, party, words[0] as string, fields),
}

// ---- rates --------------------------------------------------------------------------------------

/** What a bucket counts, how it is emptied, and what each frame is answered by. */
interface Bucket {
  readonly burst: LimitName
  readonly perSecond: LimitName
  /** Tokens that one frame takes. */
  readonly cost: number
  readonly answers: readonly string[]
  frame(index: number, room: string): readonly [string, Readonly<Record<string, string>>]
}

const SENDS = { burst: 'sendsBurst', perSecond: 'sendsPerSecond', cost: 1, answers: ['message'] } as const
const REQUESTS = { burst: 'requestsBurst', perSecond: 'requestsPerSecond', cost: 1 } as const
const JOINS = { burst: 'joinsBurst', perSecond: 'joinsPerSecond', cost: 1 } as const

const BUCKETS: Readonly<Record<string, Bucket>> = {
  sends: { ...SENDS, frame: (_, room) => ['send', { conversation: room, body: '"x"' }] },
  bytes: {
    burst: 'sendBytesBurst',
    perSecond: 'sendBytesPerSecond',
    cost: PIECE_BYTES,
    answers: ['message'],
    frame: (_, room) => ['send', { conversation: room, body: `"x"*${PIECE_BYTES}` }],
  },
  requests: { ...REQUESTS, answers: ['rooms'], frame: () => ['list', {}] },
  pings: { ...REQUESTS, answers: ['pong'], frame: () => ['ping', { conversation: '0' }] },
  joins: { ...JOINS, answers: ['joined', 'event'], frame: (index) => ['join', { room: `#hurry${index}` }] },
}

function bucketOf(name: string): Bucket {
  const bucket = BUCKETS[name]
  if (!bucket) throw new RangeError(`no bucket is called ${name}`)
  return bucket
}

/**
 * Sends at once what a full bucket holds and what half a second fills in, and takes the answers: the last may
 * not come before that has passed.
 */
async function hurries(stage: LoadStage, party: Party, what: string, label: string): Promise<void> {
  const bucket = bucketOf(what)
  const [burst, rate] = [stage.limit(bucket.burst), stage.limit(bucket.perSecond)]
  const count = Math.ceil((burst + rate / 2) / bucket.cost)
  if (count > FRAMES_MAX) throw new CaseSkipped('not reachable with these limits')
  const before = takenOf(party, bucket.answers).length
  const began = stage.arena.now()
  for (let index = 0; index < count; index++) await sendOne(stage, party, bucket, index, label)
  const answered = (): number =>
    (takenOf(party, [...bucket.answers, 'error']).length - before) / bucket.answers.length
  const dueMs = ((count * bucket.cost - burst) / rate) * 1000
  await stage.arena.until(() => answered() >= count || party.isEnded, dueMs + ANSWER_MS)
  const elapsed = stage.arena.now() - began
  stage.checkBreaches(party)
  const [refused] = takenOf(party, ['error', 'close'])
  if (refused) throw new CaseFailure(`${party.label} got ${frameText(refused.frame)}`, ['PAL-SES-037'])
  if (answered() < count) throw new CaseFailure(`${answered()} of ${count} ${what} were answered`)
  if (elapsed < dueMs)
    throw new CaseFailure(`${count} ${what} took ${Math.round(elapsed)} ms, and not ${Math.round(dueMs)}`, [
      'PAL-SES-036',
    ])
  forgetInboxes(party)
}

async function sendOne(
  stage: LoadStage,
  party: Party,
  bucket: Bucket,
  index: number,
  label: string,
): Promise<void> {
  const [type, fields] = bucket.frame(index, `#${label}`)
  await stage.sends(party, [type], new Map(Object.entries(fields)))
}

function takenOf(party: Party, types: readonly string[]): Received[] {
  return [...party.inboxes.values()].flat().filter(({ type }) => types.includes(type))
}

function forgetInboxes(party: Party): void {
  for (const inbox of party.inboxes.values()) inbox.length = 0
}

/**
 * `exceeds WHAT r`: goes on beyond the rate until a refusal comes, which may not be before half of
 * `rate_excess_ms`. `exceeds WHAT r closed`: until the session is closed, not before all of it.
 */
async function exceeds(stage: LoadStage, party: Party, words: readonly string[]): Promise<void> {
  const [what = '', label = '', end = 'refused'] = words
  const bucket = bucketOf(what)
  const wholeMs = stage.limit('rateExcessMs')
  const limitMs = end === 'closed' ? wholeMs : wholeMs / 2
  const perBatchMs = (EXCESS_FRAMES / stage.limit(bucket.perSecond)) * 1000
  if (stage.limit(bucket.burst) > FRAMES_MAX || perBatchMs < 2 * EXCESS_PAUSE_MS || wholeMs > ANSWER_MS)
    throw new CaseSkipped('not reachable with these limits')
  const began = stage.arena.now()
  let [index, refusals] = [0, 0]
  while (!party.isClosedByFar && !party.isEnded && (end === 'closed' || refusals === 0)) {
    if (stage.arena.now() - began > limitMs + ANSWER_MS)
      throw new CaseFailure(`${party.label} exceeds its rate for ${Math.round(stage.arena.now() - began)} ms`)
    for (let each = 0; each < EXCESS_FRAMES; each++) await sendOne(stage, party, bucket, index++, label)
    refusals += await answersOf(stage, party, bucket)
    await stage.arena.until(() => party.isClosedByFar || party.isEnded, EXCESS_PAUSE_MS)
  }
  const elapsed = stage.arena.now() - began
  if (elapsed < limitMs) throw new CaseFailure(`${end} after ${Math.round(elapsed)} ms already`)
  if (end !== 'closed') return
  if (refusals === 0) throw new CaseFailure(`${party.label} was closed without a refusal`, ['PAL-SES-037'])
  dropAnswers(party, bucket)
  // Its memberships end with the session, and it is told of that.
  for (const [conversation, inbox] of party.inboxes) if (conversation !== 0) inbox.length = 0
  await stage.closed(party, 'rate_exceeded', new Map())
}

/** Takes the answers to a batch; how many of them refuse. */
async function answersOf(stage: LoadStage, party: Party, bucket: Bucket): Promise<number> {
  const types = [...bucket.answers, 'error']
  await stage.arena.until(
    () => takenOf(party, types).length >= EXCESS_FRAMES || party.isClosedByFar || party.isEnded,
    ANSWER_MS,
  )
  stage.checkBreaches(party)
  const answers = takenOf(party, types)
  if (answers.length !== EXCESS_FRAMES && !party.isClosedByFar)
    throw new CaseFailure(`${answers.length} of ${EXCESS_FRAMES} frames were answered`, ['PAL-SES-006'])
  const errors = answers.filter(({ type }) => type === 'error')
  // A message after a refused one leaves a gap, which is worth a refusal of its own.
  const known: readonly unknown[] = [ERRORS.rate_limited, ERRORS.ref_gap]
  const odd = errors.find(({ frame }) => !known.includes(frame['code']))
  if (odd) throw new CaseFailure(`${party.label} got ${frameText(odd.frame)}`)
  dropAnswers(party, bucket)
  return errors.filter(({ frame }) => frame['code'] === ERRORS.rate_limited).length
}

function dropAnswers(party: Party, bucket: Bucket): void {
  for (const inbox of party.inboxes.values()) {
    const others = inbox.filter(({ type }) => type !== 'error' && !bucket.answers.includes(type))
    inbox.splice(0, inbox.length, ...others)
  }
}

/** Opens many links at once: no more may be let in than the burst and the time that passes allow. */
async function rushes(stage: LoadStage, party: Party): Promise<void> {
  const [burst, rate] = [stage.limit('linksBurst'), stage.limit('linksPerSecond')]
  if (burst + rate > LINKS_MAX / 2) throw new CaseSkipped('not reachable with these limits')
  const began = stage.arena.now()
  const labels = Array.from({ length: LINKS_MAX }, (_, index) => `${party.label}${index + 2}`)
  const parties = await Promise.all(labels.map((label) => stage.opens(label)))
  await Promise.all(parties.map((each) => stage.sends(each, ['hello'], new Map())))
  const isSettled = (each: Party): boolean => each.inbox(0).length > 0 || each.isEnded
  await stage.arena.until(() => parties.every(isSettled), ANSWER_MS)
  const seconds = (stage.arena.now() - began) / 1000
  let admitted = 0
  for (const each of parties) {
    if (each.inbox(0)[0]?.type === 'challenge') {
      admitted += 1
      await stage.expects(each, 'challenge', new Map())
    } else await stage.closed(each, 'too_many_links', new Map())
  }
  if (admitted > burst + seconds * rate)
    throw new CaseFailure(`${admitted} links were let in within ${seconds.toFixed(1)} s`, ['PAL-SES-040'])
}

// ---- logs and readers ---------------------------------------------------------------------------

/** Sends messages until the log is full: not before half of `log_bytes`, and not after all of it. */
async function fills(stage: LoadStage, party: Party, label: string): Promise<void> {
  const logBytes = stage.limit('logBytes')
  if (logBytes > LOG_BYTES_MAX) throw new CaseSkipped('not reachable with these limits')
  const fields = new Map([
    ['conversation', `#${label}`],
    ['body', `"x"*${PIECE_BYTES}`],
  ])
  const inbox = party.inbox(stage.variables.get(label) as number)
  let taken = 0
  for (;;) {
    await stage.sends(party, ['send'], fields)
    await stage.arena.until(() => inbox.length > 0 || party.isEnded, ANSWER_MS)
    if (inbox[0]?.type !== 'message') break
    await stage.expects(party, 'message', new Map([['conversation', `#${label}`]]))
    taken += PIECE_BYTES
    if (taken > logBytes) throw new CaseFailure(`${taken} bytes were taken`, ['PAL-ROM-041'])
  }
  const expected = { conversation: `#${label}`, code: 'storage_full', ref: '*', request: '0' }
  await stage.expects(party, 'error', new Map(Object.entries(expected)))
  if (taken < logBytes / 2) throw new CaseFailure(`refused after ${taken} bytes already`)
}

/** Passes over the frames of a conversation until one of that type comes, which must be like this. */
async function finds(
  stage: LoadStage,
  party: Party,
  type: string,
  fields: ReadonlyMap<string, string>,
): Promise<void> {
  const room = (fields.get('conversation') ?? '').slice(1)
  const inbox = party.inbox(stage.variables.get(room) as number)
  const isIt = (each: Received): boolean => each.type === type
  await stage.arena.until(() => inbox.some(isIt) || party.isEnded, ANSWER_MS)
  const at = inbox.findIndex(isIt)
  if (at < 0) throw new CaseFailure(`no ${type} came for ${party.label}`)
  inbox.splice(0, at)
  await stage.expects(party, type, fields)
}

/**
 * `floods r COUNT BYTES`: sends so many messages, one at a time, and takes the echoes; without COUNT more
 * than a link holds that nobody reads.
 */
async function floods(stage: LoadStage, party: Party, words: readonly string[]): Promise<void> {
  const [label = '', count, bytes = FLOOD_BODY_BYTES] = words
  const conversation = stage.variables.get(label) as number
  const body = new Uint8Array(Number(bytes)).fill(0x61)
  const inbox = party.inbox(conversation)
  const whole = count === undefined ? HELD_BYTES[stage.arena.transport] : Number(count) * body.length
  let heardAt = stage.arena.now()
  for (let sent = 0; sent < whole; sent += body.length) {
    if (stage.arena.now() - heardAt > HEARD_MS) {
      heardAt = stage.arena.now()
      beHeard(stage)
    }
    const ref = (party.refs.get(conversation) ?? 0) + 1
    party.refs.set(conversation, ref)
    party.send('send', { conversation, ref, kind: 0, body })
    const isTaken = (): boolean => inbox.some(({ type, frame }) => type === 'message' && frame['ref'] === ref)
    const arrived = await stage.arena.until(() => isTaken() || party.isEnded, ANSWER_MS)
    if (!arrived || party.isEnded)
      throw new CaseFailure(`message ${ref} of ${party.label} was not taken`, ['PAL-SES-026'])
    inbox.splice(0, inbox.length, ...inbox.filter(({ type }) => type !== 'message'))
  }
}

/** On a slow machine a flood takes longer than a relay bears silence: everybody sends what it ignores. */
function beHeard({ parties }: LoadStage): void {
  for (const party of parties.values())
    if (party.isOpen && !party.isEnded && !party.isClosedByUs && !party.isClosedByFar)
      party.send('pong', { nonce: 0, conversation: 0 })
}

/** Of two that asked at once one is let in and the other is refused. */
async function competes(stage: LoadStage, first: Party, second: Party, code: string): Promise<void> {
  const both = [first, second]
  await stage.arena.until(() => both.every((party) => party.inbox(0).length > 0 || party.isEnded), ANSWER_MS)
  const winner = both.find((party) => party.inbox(0)[0]?.type === 'ready')
  if (!winner) throw new CaseFailure('neither was let in')
  await stage.expects(winner, 'ready', new Map())
  await stage.closed(winner === first ? second : first, code, new Map())
}

/** The link ends with everything that was under way; if a close is seen, it has that code. */
async function gone(stage: LoadStage, party: Party, code: string): Promise<void> {
  const over = await stage.arena.until(() => party.isEnded || party.isClosedByFar, 4 * ANSWER_MS)
  if (!over) throw new CaseFailure(`${party.label} was not cut off`)
  const close = party.inbox(0).find(({ type }) => type === 'close')
  const wanted = ERRORS[code as keyof typeof ERRORS]
  if (close && close.frame['code'] !== wanted) throw new CaseFailure(`got ${frameText(close.frame)}`)
  forgetInboxes(party)
  party.link?.end()
  party.isClosedByUs = true
}
