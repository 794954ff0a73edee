/** What a relay refused, as an error for programs. */
import { ERROR_INFO, type ErrorName } from '../codec/generated/registry.ts'

/** The name of a wire code, `unknown` for one that this edition does not know, or what is no wire code. */
export type PalaverCode = ErrorName | 'unknown' | 'link_lost' | 'outbox_full'

/** The relay refused something, or ended the session. */
export class PalaverError extends Error {
  override readonly name: string = 'PalaverError'
  readonly code: PalaverCode
  /** The wire code; 0 for what is none. */
  readonly wire: number
  /** Whether the same may succeed later. */
  readonly retryable: boolean

  constructor(code: PalaverCode, wire: number, text: string) {
    super(`[${code}] ${text}`)
    this.code = code
    this.wire = wire
    //= PAL-ERR-005
    this.retryable =
      code === 'link_lost' ||
      code === 'outbox_full' ||
      (code !== 'unknown' && ERROR_INFO[code].retry !== 'never')
  }
}

/** Why a session ended. */
interface Ended {
  readonly by: 'local' | 'peer' | 'link'
  readonly code: number
  readonly name: ErrorName | undefined
  readonly text: string
}

/** The end of a session as an error for those who wait for something. */
export function errorOf(event: Ended): PalaverError {
  if (event.by === 'link') return new PalaverError('link_lost', 0, event.text)
  return new PalaverError(event.name ?? 'unknown', event.code, event.text)
}
