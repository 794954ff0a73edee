/** The client's half of a handshake (spec chapter 5): what it says, and whether it believes the answers. */
import { copyOf, EMPTY_BYTES, equalBytes } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import { encodeFrame } from '../../codec/frame.ts'
import {
  CAPABILITIES,
  type ChallengeFrame,
  type ErrorName,
  LIMIT_IDS,
  LIMITS,
  RELAY_LIMITS,
  type ReadyFrame,
  VERSIONS,
} from '../../codec/generated/registry.ts'
import { greaseCapability, isGreaseDue } from '../grease.ts'
import { authMessage, readyMessage, resumeMessage, transcriptHash } from '../handshake.ts'
import type { ClientOptions, RelayFacts } from './types.ts'

const FRAME_PREFIX_BYTES = 4
const NONCE_BYTES = 32
const CLIENT_ID_BYTES = 8
/** Everything in a send but its body, at the most. */
const SEND_OVERHEAD_BYTES = 21
const NO_SIGNATURE: Uint8Array = new Uint8Array(64)
const VERSION = VERSIONS.palaver_1

/** Why a client does not go on. */
export interface Distrust {
  readonly code: ErrorName
  readonly detail: string
}

export class Opening {
  /** The first frame, with its length prefix. */
  readonly hello: Uint8Array
  readonly #options: ClientOptions
  readonly #offered: readonly number[]
  #challenge: ChallengeFrame | undefined
  #transcript: Uint8Array = EMPTY_BYTES
  #signature: Uint8Array = EMPTY_BYTES

  constructor(options: ClientOptions) {
    if (options.clientId.length !== CLIENT_ID_BYTES)
      throw new UsageError('bad_argument', `a client id has ${CLIENT_ID_BYTES} bytes`)
    const { name, identity, clientId, token = '' } = options
    // What no auth can carry is the caller's mistake: it shows here, and not when the challenge has come.
    encodeFrame({ type: 'auth', name, key: identity.publicKey, clientId, token, signature: NO_SIGNATURE })
    this.#options = options
    //= PAL-EXT-006
    this.#offered = [
      ...(options.takesSignals ? [CAPABILITIES.signals] : []),
      ...(isGreaseDue(options.entropy) ? [greaseCapability(options.entropy)] : []),
    ]
    this.hello = encodeFrame({
      type: 'hello',
      versions: [VERSION],
      capabilities: this.#offered,
      //= PAL-HSK-002
      nonce: options.entropy(NONCE_BYTES),
      agent: options.agent,
    })
  }

  /** Checks the challenge and gives the frame that answers it. `bytes` are the challenge as it came. */
  answer(frame: ChallengeFrame, bytes: Uint8Array): Uint8Array | Distrust {
    const { signatures, binding } = this.#options
    const distrust = this.#distrustOf(frame)
    if (distrust) return distrust
    this.#challenge = { ...frame, relayKey: copyOf(frame.relayKey) }
    const hello = this.hello.subarray(FRAME_PREFIX_BYTES)
    //= PAL-HSK-011
    this.#transcript = transcriptHash(signatures, { binding, hello, challenge: bytes })
    return this.#options.resume ? this.#resume(this.#options.resume) : this.#auth()
  }

  #distrustOf(frame: ChallengeFrame): Distrust | undefined {
    const { relayKey, isRelayKey } = this.#options
    //= PAL-HSK-007
    if (frame.version !== VERSION) return { code: 'unsupported_version', detail: `version ${frame.version}` }
    //= PAL-HSK-008
    if (frame.capabilities.some((capability) => !this.#offered.includes(capability)))
      return { code: 'bad_frame', detail: 'a capability that was not offered' }
    //= PAL-HSK-010
    if ((relayKey && !equalBytes(relayKey, frame.relayKey)) || isRelayKey?.(frame.relayKey) === false)
      return { code: 'bad_signature', detail: 'the relay has another key than the one known' }
    return undefined
  }

  #auth(): Uint8Array {
    const { identity, name, clientId, token = '', signatures } = this.#options
    const claims = { name, key: identity.publicKey, clientId, token }
    //= PAL-HSK-012
    this.#signature = signatures.sign(identity.seed, authMessage(this.#transcript, claims))
    return encodeFrame({ type: 'auth', ...claims, signature: this.#signature })
  }

  #resume({ session, token }: NonNullable<ClientOptions['resume']>): Uint8Array {
    const { identity, signatures } = this.#options
    //= PAL-HSK-039
    const message = resumeMessage(this.#transcript, { session, token })
    this.#signature = signatures.sign(identity.seed, message)
    return encodeFrame({ type: 'resume', session, token, signature: this.#signature })
  }

  /** Who the relay is, once its signature has verified. */
  accept(frame: ReadyFrame): RelayFacts | Distrust {
    const { signatures, resume } = this.#options
    const challenge = this.#challenge as ChallengeFrame
    const claims = { authSignature: this.#signature, session: frame.session, name: frame.name }
    //= PAL-HSK-015
    if (!signatures.verify(challenge.relayKey, frame.signature, readyMessage(this.#transcript, claims)))
      return { code: 'bad_signature', detail: 'the relay does not hold the key it showed' }
    const { relayKey, relayName, address, capabilities } = challenge
    const { name, role, time: timeMs } = frame
    return {
      relayKey,
      relayName,
      address,
      capabilities,
      limits: limitsOf(frame),
      session: copyOf(frame.session),
      token: copyOf(frame.token),
      isResumed: resume !== undefined,
      //= PAL-HSK-022, PAL-EXT-004
      name,
      role,
      timeMs,
    }
  }
}

/** The limits that the relay may announce, as it announced them. */
function limitsOf(ready: ReadyFrame): Map<keyof typeof LIMITS, number> {
  const announced = new Map(ready.limits.map(({ id, value }) => [id, value]))
  const limits = new Map<keyof typeof LIMITS, number>()
  //= PAL-LIM-004
  for (const name of RELAY_LIMITS) {
    const value = announced.get(LIMIT_IDS[name])
    if (value !== undefined) limits.set(name, value)
  }
  //= PAL-STR-006
  const bodyRoom = (limits.get('frameBytes') ?? LIMITS.frameBytes) - SEND_OVERHEAD_BYTES
  if ((limits.get('bodyBytes') ?? LIMITS.bodyBytes) > bodyRoom) limits.set('bodyBytes', bodyRoom)
  return limits
}
