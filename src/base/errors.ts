/** What the caller of a function did wrong; `code` is API, the text is for people. */
export type UsageCode = 'bad_argument' | 'bad_address' | 'bad_state'

/** Thrown at once for a caller's misuse. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
  readonly code: UsageCode

  constructor(code: UsageCode, message: string) {
    super(`[${code}] ${message}`)
    this.code = code
  }
}

/** Why a socket or disk failed. */
export type TransportCode =
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'address_in_use'
  | 'address_not_available'
  | 'not_permitted'
  | 'not_found'
  | 'reset'
  | 'closed'
  | 'io'

/** The world outside failed: a socket, a disk, a name lookup. */
export class TransportError extends Error {
  override readonly name: string = 'TransportError'
  readonly code: TransportCode

  constructor(code: TransportCode, message: string, cause?: unknown) {
    super(`[${code}] ${message}`, { cause })
    this.code = code
  }
}

/** Why a store cannot go on. */
export type StorageCode = 'disk_full' | 'disk_failed' | 'corrupt'

/** What is kept on disk cannot be written or trusted. What was to be committed may be there or not. */
export class StorageError extends Error {
  override readonly name: string = 'StorageError'
  readonly code: StorageCode

  constructor(code: StorageCode, message: string, cause?: unknown) {
    super(`[${code}] ${message}`, { cause })
    this.code = code
  }
}
