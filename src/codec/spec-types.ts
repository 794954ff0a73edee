import type { ErrorName, FrameName } from './generated/registry.ts'

/** What an error code means (spec chapter 9). */
export interface ErrorInfo {
  readonly name: ErrorName
  readonly code: number
  /** What the error ends or refuses. */
  readonly scope: 'session' | 'conversation' | 'frame'
  /** Whether the same request can succeed: at once, after a while, or only changed. */
  readonly retry: 'now' | 'later' | 'never'
  readonly summary: string
  /** What a person can do about it, or empty. */
  readonly hint: string
}

interface FieldBase {
  readonly name: string
  readonly summary: string
}

/** An unsigned integer between `min` and `max`; `registry` names the table of its known values. */
export interface UintSpec extends FieldBase {
  readonly kind: 'uint'
  readonly bits: number
  readonly min: number
  readonly max: number
  readonly registry?: string
}

/** UTF-8 text or bytes, with bounds in bytes. */
export interface BytesSpec extends FieldBase {
  readonly kind: 'str' | 'bin'
  readonly minBytes: number
  readonly maxBytes: number
}

export interface BoolSpec extends FieldBase {
  readonly kind: 'bool'
}

export interface ListSpec extends FieldBase {
  readonly kind: 'list'
  readonly minCount: number
  readonly maxCount: number
  readonly of: FieldSpec
}

/** A nested array with fields of its own. */
export interface RecordSpec extends FieldBase {
  readonly kind: 'record'
  readonly fields: readonly FieldSpec[]
}

/** One field of a frame or record, as the registry describes it. */
export type FieldSpec = UintSpec | BytesSpec | BoolSpec | ListSpec | RecordSpec

/** One frame type, as the registry describes it. */
export interface FrameSpec {
  readonly type: number
  readonly name: FrameName
  readonly from: 'client' | 'relay' | 'both'
  /** The lane it travels on: lane 0, or that of the conversation it names. */
  readonly lane: 'control' | 'conversation'
  /** The spec chapter that defines it. */
  readonly chapter: string
  readonly summary: string
  readonly fields: readonly FieldSpec[]
}

/** A range of frame types, and the fate of the unknown ones in it. */
export interface RangeSpec {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly unknown: 'fault' | 'close' | 'ignore'
}

/** One cell of the reaction table (spec chapter 6). */
export type Reaction<State extends string> =
  | { readonly do: 'accept'; readonly next: State }
  | { readonly do: 'close'; readonly code: ErrorName }
  | { readonly do: 'ignore' }
