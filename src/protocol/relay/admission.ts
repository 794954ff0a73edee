/** The relay's half of the handshake (spec chapter 5): from a link's opening to its session. */
import { bytesOfHex, copyOf, equalSecrets, hexOf, utf8Bytes } from '../../base/bytes.ts'
import { PREFIX_BYTES } from '../../codec/deframer.ts'
import { encodeFrame } from '../../codec/frame.ts'
import {
  type AuthFrame,
  CAPABILITIES,
  type ErrorName,
  type HelloFrame,
  LEAVE_REASONS,
  LIMIT_IDS,
  type LimitRecord,
  RELAY_LIMITS,
  type ResumeFrame,
  ROLES,
  VERSIONS,
} from '../../codec/generated/registry.ts'
import { authMessage, readyMessage, resumeMessage, transcriptHash } from '../handshake.ts'
import { type NormalName, normalizeName } from '../names.ts'
import type { Hub } from './hub.ts'
import { addressText, type RelayLink } from './link.ts'
import { SessionRates } from './rates.ts'
import type { Session } from './session.ts'

const NONCE_BYTES = 32
const SESSION_BYTES = 16
const TOKEN_BYTES = 32
const VERSION = VERSIONS.palaver_1
/** Capabilities this relay knows; grease is never chosen. */
const KNOWN_CAPABILITIES: ReadonlySet<number> = new Set(
  Object.entries(CAPABILITIES)
    .filter(([name]) => !name.startsWith('grease'))
    .map(([, value]) => value),
)

/** Who is let in, besides the rules on names and bans. */
export interface AdmissionPolicy {
  /** A secret that every client must show, or undefined. */
  readonly token: string | undefined
  /** The only keys admitted, in hexadecimal, or undefined for all. */
  readonly keys: ReadonlySet<string> | undefined
}

/** Answers hello with challenge. `bytes` is the frame as it came. */
export function handleHello<Owner>(
  hub: Hub<Owner>,
  link: RelayLink<Owner>,
  frame: HelloFrame,
  bytes: Uint8Array,
): void {
  //= PAL-HSK-004, PAL-HSK-005
  if (!frame.versions.includes(VERSION)) {
    refuseVersion(hub, link)
    return
  }
  //= PAL-HSK-006, PAL-EXT-003, PAL-EXT-008
  link.capabilities = [...new Set(frame.capabilities)].filter((capability) =>
    KNOWN_CAPABILITIES.has(capability),
  )
  const challenge = encodeFrame({
    type: 'challenge',
    version: VERSION,
    capabilities: link.capabilities,
    relayKey: hub.options.relayKey,
    //= PAL-HSK-002
    nonce: hub.options.entropy(NONCE_BYTES),
    address: addressText(link.info),
    relayName: hub.options.relayName,
  })
  //= PAL-HSK-011
  link.hello = copyOf(bytes)
  link.challenge = challenge.subarray(PREFIX_BYTES)
  link.state = 'expect_auth'
  //= PAL-HSK-003
  hub.outlet.sendEncoded(link, challenge)
}

export function refuseVersion<Owner>(hub: Hub<Owner>, link: RelayLink<Owner>): void {
  hub.closeLink(link, 'unsupported_version', `this relay speaks version ${VERSION}`)
}

/** Checks auth and opens the session, or gives the reason not to. */
export function handleAuth<Owner>(
  hub: Hub<Owner>,
  link: RelayLink<Owner>,
  frame: AuthFrame,
  policy: AdmissionPolicy,
): Session<Owner> | ErrorName {
  const name = normalizeName(frame.name)
  const keyHex = hexOf(frame.key)
  const transcript = transcriptOf(hub, link)
  const refusal = refusalOf(hub, { frame, name, keyHex, transcript }, policy)
  if (refusal || !name) return refusal ?? 'bad_name'
  //= PAL-HSK-019, PAL-HSK-029
  const admitted = {
    name,
    key: copyOf(frame.key),
    keyHex,
    clientHex: hexOf(frame.clientId),
    transcript,
    signature: frame.signature,
    //= PAL-HSK-021
    id: hub.options.entropy(SESSION_BYTES),
    spent: undefined,
  }
  return openSession(hub, link, admitted)
}

/** Checks resume and takes the session up again, or gives the reason not to. */
export function handleResume<Owner>(
  hub: Hub<Owner>,
  link: RelayLink<Owner>,
  frame: ResumeFrame,
  policy: AdmissionPolicy,
): Session<Owner> | ErrorName {
  const idHex = hexOf(frame.session)
  const transcript = transcriptOf(hub, link)
  const refusal = resumeRefusal(hub, frame, { idHex, transcript }, policy)
  const record = hub.tokens.find(idHex, hub.wallMs, hub.limits.resumeMs)
  const name = record && normalizeName(record.name)
  if (refusal || !record || !name) {
    if (refusal === 'session_revoked') revoke(hub, idHex)
    return refusal ?? 'cannot_resume'
  }
  const { keyHex, clientHex } = record
  const key = bytesOfHex(keyHex) as Uint8Array
  const { signature, token: spent } = frame
  //= PAL-HSK-043
  return openSession(hub, link, {
    name,
    key,
    keyHex,
    clientHex,
    transcript,
    signature,
    id: copyOf(frame.session),
    spent,
  })
}

/** The first reason not to resume, in the order of the specification. */
//= PAL-HSK-041
function resumeRefusal<Owner>(
  hub: Hub<Owner>,
  frame: ResumeFrame,
  { idHex, transcript }: { readonly idHex: string; readonly transcript: Uint8Array },
  policy: AdmissionPolicy,
): ErrorName | undefined {
  const record = hub.tokens.find(idHex, hub.wallMs, hub.limits.resumeMs)
  if (!record) return 'cannot_resume'
  const message = resumeMessage(transcript, frame)
  const key = bytesOfHex(record.keyHex) as Uint8Array
  if (!hub.options.signatures.verify(key, frame.signature, message)) return 'bad_signature'
  const verdict = hub.tokens.judge(idHex, frame.token)
  if (verdict !== 'good') return verdict === 'used' ? 'session_revoked' : 'cannot_resume'
  if (hub.directory.isBanned(record.keyHex, hub.wallMs)) return 'banned'
  return policy.keys && !policy.keys.has(record.keyHex) ? 'not_admitted' : undefined
}

/** Somebody has a copy of an old token: nobody goes on with the session. */
//= PAL-HSK-042
function revoke<Owner>(hub: Hub<Owner>, idHex: string): void {
  const record = hub.tokens.find(idHex, hub.wallMs, hub.limits.resumeMs)
  for (const write of hub.tokens.forget(idHex)) hub.archive.write(write)
  const open = record && hub.sessions.get(record.keyHex)
  if (open && hexOf(open.id) === idHex) hub.closeLink(open.link, 'session_revoked')
}

function transcriptOf<Owner>(hub: Hub<Owner>, link: RelayLink<Owner>): Uint8Array {
  return transcriptHash(hub.options.signatures, {
    binding: link.info.binding,
    hello: link.hello as Uint8Array,
    challenge: link.challenge as Uint8Array,
  })
}

interface Applicant {
  readonly frame: AuthFrame
  readonly name: NormalName | undefined
  readonly keyHex: string
  readonly transcript: Uint8Array
}

/** The first reason not to let the applicant in, in the order of the specification. */
function refusalOf<Owner>(
  hub: Hub<Owner>,
  applicant: Applicant,
  policy: AdmissionPolicy,
): ErrorName | undefined {
  const { frame, name, keyHex, transcript } = applicant
  //= PAL-HSK-018
  if (!name) return 'bad_name'
  if (!isAdmitted(hub, frame.token, keyHex, policy)) return 'not_admitted'
  if (hub.directory.isBanned(keyHex, hub.wallMs)) return 'banned'
  const message = authMessage(transcript, frame)
  if (!hub.options.signatures.verify(frame.key, frame.signature, message)) return 'bad_signature'
  return hub.directory.refusal(name, keyHex)
}

/** Tokens are compared as hashes, so that neither content nor length shows in the time it takes. */
function isAdmitted<Owner>(hub: Hub<Owner>, token: string, keyHex: string, policy: AdmissionPolicy): boolean {
  if (policy.keys && !policy.keys.has(keyHex)) return false
  if (policy.token === undefined) return true
  const { sha512 } = hub.options.signatures
  //= PAL-HSK-020
  return equalSecrets(sha512(utf8Bytes(token)), sha512(utf8Bytes(policy.token)))
}

/** Somebody who has passed all checks on the person. */
interface Admitted {
  readonly name: NormalName
  readonly key: Uint8Array
  readonly keyHex: string
  readonly clientHex: string
  readonly transcript: Uint8Array
  /** The client's signature in auth or resume. */
  readonly signature: Uint8Array
  readonly id: Uint8Array
  /** The token with which the session was taken up. */
  readonly spent: Uint8Array | undefined
}

function openSession<Owner>(
  hub: Hub<Owner>,
  link: RelayLink<Owner>,
  admitted: Admitted,
): Session<Owner> | ErrorName {
  const { keyHex, clientHex } = admitted
  //= PAL-HSK-030, PAL-HSK-032, PAL-LIM-009
  const older = hub.sessions.get(keyHex)
  if (!older && hub.sessions.size >= hub.limits.sessions) return 'relay_full'
  //= PAL-HSK-031
  if (older) hub.replaceSession(older, clientHex)
  //= PAL-SES-030
  for (const membership of hub.detached.ofOthers(keyHex, clientHex))
    hub.leave(membership, LEAVE_REASONS.replaced)
  const session = sessionOf(hub, link, admitted)
  const record = hub.directory.bind(admitted.name, admitted.key)
  if (record) hub.archive.write(record)
  sendReady(hub, link, session, admitted)
  link.session = session
  link.state = 'open'
  link.hello = undefined
  link.challenge = undefined
  //= PAL-STR-004
  link.acceptFrames(hub.limits.frameBytes)
  hub.addSession(session)
  return session
}

function sessionOf<Owner>(hub: Hub<Owner>, link: RelayLink<Owner>, admitted: Admitted): Session<Owner> {
  const { name, key, keyHex, clientHex, id } = admitted
  return {
    number: hub.nextSessionNumber(),
    id,
    link,
    //= PAL-HSK-025
    name: name.text,
    folded: name.folded,
    key,
    keyHex,
    clientHex,
    role: hub.operators.has(keyHex) ? ROLES.relay_operator : ROLES.member,
    memberships: new Map(),
    rates: new SessionRates(),
    roomCount: 0,
    directCount: 0,
    hasPublished: false,
  }
}

function sendReady<Owner>(
  hub: Hub<Owner>,
  link: RelayLink<Owner>,
  session: Session<Owner>,
  { transcript, signature: authSignature, spent, keyHex, clientHex }: Admitted,
): void {
  //= PAL-HSK-044
  const token = hub.options.entropy(TOKEN_BYTES)
  const claims = { authSignature, session: session.id, name: session.name }
  const about = { idHex: hexOf(session.id), keyHex, clientHex, name: session.name }
  //= PAL-HSK-045
  for (const write of hub.tokens.give(about, token, spent, hub.wallMs)) hub.archive.write(write)
  hub.outlet.sendNow(link, {
    type: 'ready',
    session: session.id,
    name: session.name,
    role: session.role,
    time: hub.wallMs,
    limits: limitRecords(hub),
    //= PAL-HSK-013
    signature: hub.options.signatures.sign(hub.options.relaySeed, readyMessage(transcript, claims)),
    token,
  })
}

function limitRecords<Owner>(hub: Hub<Owner>): LimitRecord[] {
  //= PAL-LIM-002
  return RELAY_LIMITS.map((name) => ({ id: LIMIT_IDS[name], value: hub.limits[name] }))
}
