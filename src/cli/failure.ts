/** Turns every error into words, a hint and an exit code. */
import { TransportError, UsageError } from '../base/errors.ts'
import { ERROR_INFO, type ErrorName } from '../codec/generated/registry.ts'
import { CliError, EXIT, type ExitCode, Interrupted } from './exit.ts'
import { printable } from './printable.ts'

/** What is told of an error. */
export interface Failure {
  readonly exit: number
  readonly code: string
  /** The wire code, or 0 when the error never was on the wire. */
  readonly wire: number
  readonly retryable: boolean
  readonly message: string
  readonly hint: string
}

const EXIT_OF: Readonly<Record<ErrorName, ExitCode>> = {
  goodbye: EXIT.unreachable,
  bad_frame: EXIT.protocol,
  frame_too_large: EXIT.protocol,
  unknown_frame: EXIT.protocol,
  out_of_turn: EXIT.protocol,
  unsupported_version: EXIT.protocol,
  bad_signature: EXIT.untrusted,
  name_taken: EXIT.refused,
  bad_name: EXIT.refused,
  not_admitted: EXIT.refused,
  banned: EXIT.refused,
  relay_full: EXIT.full,
  handshake_timeout: EXIT.unreachable,
  idle_timeout: EXIT.unreachable,
  replaced: EXIT.unreachable,
  kicked: EXIT.refused,
  slow_consumer: EXIT.unreachable,
  going_away: EXIT.unreachable,
  too_many_links: EXIT.rateLimited,
  internal: EXIT.unreachable,
  no_such_room: EXIT.usage,
  not_a_member: EXIT.usage,
  room_full: EXIT.full,
  room_banned: EXIT.refused,
  room_locked: EXIT.refused,
  not_permitted: EXIT.refused,
  no_such_name: EXIT.usage,
  too_many_conversations: EXIT.full,
  already_member: EXIT.usage,
  bad_room_name: EXIT.usage,
  ref_gap: EXIT.protocol,
  ref_repeated: EXIT.protocol,
  body_too_large: EXIT.usage,
  bad_value: EXIT.usage,
  cannot_resume: EXIT.unreachable,
  session_revoked: EXIT.untrusted,
  storage_failed: EXIT.unreachable,
  rate_exceeded: EXIT.rateLimited,
  mailbox_full: EXIT.full,
  storage_full: EXIT.full,
  no_such_conversation: EXIT.usage,
  no_keys: EXIT.untrusted,
  rate_limited: EXIT.rateLimited,
}

const TRANSPORT_HINTS: Readonly<Partial<Record<TransportError['code'], string>>> = {
  refused: 'is the relay running there? start one with: palaver serve',
  timeout: 'check the address; a firewall may drop the packets (try --transport tcp or udp)',
  not_found: 'check the spelling of the host',
  address_in_use: 'is a relay running already? choose another port with: -l tcp://0.0.0.0:PORT',
  not_permitted: "ports below 1024 and other users' files need more rights",
}

const SEAL_HINTS: Readonly<Record<string, string>> = {
  key_changed: 'see both keys: palaver id list; decide: palaver id trust NICK [FINGERPRINT], in chat /trust',
  no_keys:
    'the other one has to come once with a program that seals; --e2ee prefer sends plainly where it may',
  sealed_before: 'leave --e2ee off out',
  too_large: 'send it as a file',
}

/** The error in words. Anything that no part of the program expects counts as unexpected. */
export function failureOf(error: unknown): Failure {
  if (error instanceof CliError) return own(error.exit, error.code, error.message, error.hint)
  if (error instanceof TransportError) {
    const hint = TRANSPORT_HINTS[error.code] ?? ''
    return { ...own(EXIT.unreachable, error.code, withoutCode(error), hint), retryable: true }
  }
  if (error instanceof UsageError) return own(EXIT.usage, error.code, withoutCode(error), '')
  if (error instanceof Interrupted) return own(error.exit, 'interrupted', 'interrupted', '')
  if (isPalaverError(error)) return refusal(error)
  if (isSealError(error))
    return own(EXIT.untrusted, error.code, withoutCode(error), SEAL_HINTS[error.code] ?? '')
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const hint = 'this is a bug of the program; set PALAVER_DEBUG=1 to see where it happened'
  return own(EXIT.unexpected, 'unexpected', message, hint)
}

function own(exit: number, code: string, message: string, hint: string): Failure {
  return { exit, code, wire: 0, retryable: false, message: printable(message), hint: printable(hint) }
}

/** Known by its name, so that this module need not load the client. */
interface RelayRefusal extends Error {
  readonly code: ErrorName | 'unknown' | 'link_lost' | 'outbox_full'
  readonly wire: number
  readonly retryable: boolean
  readonly about?: string
}

/** A message that could not be sealed as asked. Known by its name, too. */
function isSealError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && error.name === 'SealError'
}

function isPalaverError(error: unknown): error is RelayRefusal {
  return error instanceof Error && error.name === 'PalaverError'
}

function refusal(error: RelayRefusal): Failure {
  const { code, wire, retryable, about } = error
  const text = printable(withoutCode(error)) || code
  const message = about === undefined ? text : `${printable(about)}: ${text}`
  if (code === 'link_lost') {
    const hint = 'the network or the relay failed; try again'
    return { exit: EXIT.unreachable, code, wire, retryable, message, hint }
  }
  if (code === 'outbox_full') {
    const hint = 'wait until the relay can be reached again'
    return { exit: EXIT.full, code, wire, retryable, message, hint }
  }
  if (code === 'unknown') return { exit: unknownExit(wire), code, wire, retryable, message, hint: '' }
  return {
    exit: EXIT_OF[code],
    code,
    wire: ERROR_INFO[code].code,
    retryable,
    message,
    hint: ERROR_INFO[code].hint,
  }
}

/** A code from a later edition is judged by what it ends: the session, or one request. */
function unknownExit(wire: number): ExitCode {
  return wire < 0x200 ? EXIT.unreachable : EXIT.unexpected
}

function withoutCode(error: Error): string {
  return error.message.replace(/^\[\w+\] /u, '')
}

/** Adds what the error is about, such as a room, to errors of the relay that go by. */
export async function about<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (isPalaverError(error)) (error as { about?: string }).about ??= what
    throw error
  }
}

/** The lines that a person sees. */
export function failureText(failure: Failure): string {
  const code = failure.wire > 0 ? ` [${failure.code} 0x${failure.wire.toString(16).padStart(4, '0')}]` : ''
  const hint = failure.hint === '' ? '' : `  ${failure.hint}\n`
  return `error: ${failure.message}${code}\n${hint}`
}

/** The line that a program reads. */
export function failureJson(failure: Failure): string {
  const { code, wire, retryable, message, hint } = failure
  return `${JSON.stringify({ v: 1, type: 'error', code, wire, retryable, message, hint })}\n`
}
