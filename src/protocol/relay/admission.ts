/** The relay's half of the handshake (spec chapter 5): from a link's opening to its session. */
import { copyOf, equalSecrets, hexOf, utf8Bytes } from '../../base/bytes.ts'
import { encodeFrame } from '../../codec/frame.ts'
import {
  type AuthFrame,
  CAPABILITIES,
  type ErrorName,
  type HelloFrame,
  LIMIT_IDS,
  type LimitRecord,
  RELAY_LIMITS,
  ROLES,
  VERSIONS,
} from '../../codec/generated/registry.ts'
import { authMessage, readyMessage, transcriptHash } from '../handshake.ts'
import { type NormalName, normalizeName } from '../names.ts'
import type { Hub } from './hub.ts'
import { addressText, type RelayLink } from './link.ts'
import type { Session } from './session.ts'

const NONCE_BYTES = 32
const SESSION_BYTES = 16
const FRAME_PREFIX_BYTES = 4
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
  link.challenge = challenge.subarray(FRAME_PREFIX_BYTES)
  link.state = 'expect_auth'
  //= PAL-HSK-003
  hub.sendEncoded(link, challenge)
}

export function refuseVersion<Owner>(hub: Hub<Owner>, link: RelayLink<Owner>): void {
  hub.closeLink(link, 'unsupported_version', `this relay speaks version ${VERSION}`)
}

/** Checks auth and opens the session, or closes the link with the reason. */
export function handleAuth<Owner>(
  hub: Hub<Owner>,
  link: RelayLink<Owner>,
  frame: AuthFrame,
  policy: AdmissionPolicy,
): Session<Owner> | undefined {
  const name = normalizeName(frame.name)
  const keyHex = hexOf(frame.key)
  const transcript = transcriptHash(hub.options.signatures, {
    binding: link.info.binding,
    hello: link.hello as Uint8Array,
    challenge: link.challenge as Uint8Array,
  })
  const refusal = refusalOf(hub, { frame, name, keyHex, transcript }, policy)
  if (refusal || !name) {
    hub.closeLink(link, refusal ?? 'bad_name')
    return undefined
  }
  //= PAL-HSK-030, PAL-HSK-032, PAL-LIM-009
  const older = hub.sessions.get(keyHex)
  if (!older && hub.sessions.size >= hub.limits.sessions) {
    hub.closeLink(link, 'relay_full')
    return undefined
  }
  //= PAL-HSK-031
  if (older) hub.closeLink(older.link, 'replaced')
  return openSession(hub, link, { frame, name, keyHex, transcript })
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

function openSession<Owner>(hub: Hub<Owner>, link: RelayLink<Owner>, applicant: Applicant): Session<Owner> {
  const { frame, keyHex, transcript } = applicant
  const name = applicant.name as NormalName
  const key = copyOf(frame.key)
  const role = hub.operators.has(keyHex) ? ROLES.relay_operator : ROLES.member
  const session: Session<Owner> = {
    number: hub.nextSessionNumber(),
    //= PAL-HSK-021
    id: hub.options.entropy(SESSION_BYTES),
    link,
    //= PAL-HSK-025
    name: name.text,
    folded: name.folded,
    key,
    keyHex,
    role,
    memberships: new Map(),
    roomCount: 0,
    directCount: 0,
  }
  //= PAL-HSK-019, PAL-HSK-029
  const record = hub.directory.bind(name, key)
  if (record) hub.events.push({ kind: 'store', record })
  const claims = { authSignature: frame.signature, session: session.id, name: name.text }
  hub.sendNow(link, {
    type: 'ready',
    session: session.id,
    name: name.text,
    role,
    time: hub.wallMs,
    limits: limitRecords(hub),
    //= PAL-HSK-013
    signature: hub.options.signatures.sign(hub.options.relaySeed, readyMessage(transcript, claims)),
  })
  link.session = session
  link.state = 'open'
  link.hello = undefined
  link.challenge = undefined
  //= PAL-STR-004
  link.acceptFrames(hub.limits.frameBytes)
  hub.addSession(session)
  return session
}

function limitRecords<Owner>(hub: Hub<Owner>): LimitRecord[] {
  //= PAL-LIM-002
  return RELAY_LIMITS.map((name) => ({ id: LIMIT_IDS[name], value: hub.limits[name] }))
}
