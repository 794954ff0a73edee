import { ERRORS, type ErrorName } from './generated/registry.ts'

/** What is wrong with bytes that are not a frame. */
export type FaultCode =
  | 'truncated'
  | 'trailing_bytes'
  | 'too_large'
  | 'too_deep'
  | 'too_many_items'
  | 'bad_utf8'
  | 'bad_number'
  | 'forbidden_type'
  | 'bad_key'
  | 'not_a_frame'
  | 'missing_field'
  | 'bad_field'
  | 'unknown_type'

/** Why bytes were refused. A value, not an Error: peers can cause it at line rate. */
export interface DecodeFault {
  readonly fault: FaultCode
  /** The code that closes the session with this. */
  readonly wireError: ErrorName
  /** Where in the frame it was noticed, in bytes. */
  readonly offset: number
  /** The field concerned, where one is. */
  readonly field?: string
}

/** Makes a fault; the wire code follows from the kind. */
export function faultOf(fault: FaultCode, offset: number, field?: string): DecodeFault {
  //= PAL-SEC-005
  const wireError = wireErrorOf(fault)
  return field === undefined ? { fault, wireError, offset } : { fault, wireError, offset, field }
}

/** Whether `value` is a fault. */
export function isFault(value: object): value is DecodeFault {
  return 'fault' in value
}

function wireErrorOf(fault: FaultCode): ErrorName {
  if (fault === 'too_large') return 'frame_too_large'
  return fault === 'unknown_type' ? 'unknown_frame' : 'bad_frame'
}

/** The name of an error code, or undefined when this edition does not know it. */
export function errorNameOf(code: number): ErrorName | undefined {
  return ERROR_NAMES.get(code)
}

const ERROR_NAMES: ReadonlyMap<number, ErrorName> = new Map(
  Object.entries(ERRORS).map(([name, code]) => [code, name as ErrorName]),
)
