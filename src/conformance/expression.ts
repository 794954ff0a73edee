/** What stands behind the `=` of a step: values to send and patterns to match (spec chapter 19). */
import { bytesOfHex, concatBytes, equalBytes, hexOf, utf8Bytes } from '../base/bytes.ts'
import {
  CONTENT_KINDS,
  CONVERSATION_KINDS,
  ERRORS,
  EVENTS,
  GAP_REASONS,
  JOIN_OPTIONS,
  LEAVE_REASONS,
  LIMITS,
  ROLES,
  SIGNAL_KINDS,
} from '../codec/generated/registry.ts'
import type { FieldSpec } from '../codec/spec-types.ts'

/** What names in expressions stand for. */
export interface Scope {
  readonly variables: Map<string, unknown>
  /** A party's name, key or alias in a conversation; throws for a party or conversation that is not known. */
  nameOf(party: string): string
  keyOf(party: string): Uint8Array
  aliasOf(party: string, conversation: number): number
  roleOf(party: string, conversation: number): number
  /** The name made for a room's label. */
  roomName(label: string): string
  limit(name: string): number
}

const TABLES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  roles: ROLES,
  errors: ERRORS,
  events: EVENTS,
  signal_kinds: SIGNAL_KINDS,
  content_kinds: CONTENT_KINDS,
  conversation_kinds: CONVERSATION_KINDS,
  join_options: JOIN_OPTIONS,
  gap_reasons: GAP_REASONS,
}
/** The value of an event is a role, a leave reason or a number. */
const OTHER_WORDS: Readonly<Record<string, number>> = { ...ERRORS, ...ROLES, ...LEAVE_REASONS }

/** The value of an expression for a field. Throws RangeError for one that makes no sense there. */
export function evaluate(text: string, field: FieldSpec, scope: Scope, conversation = 0): unknown {
  if (text.startsWith('$') && scope.variables.has(text.slice(1))) return scope.variables.get(text.slice(1))
  switch (field.kind) {
    case 'uint':
      return uintOf(text, field.registry, scope)
    case 'bool':
      return text === 'true'
    case 'str':
      return parts(text)
        .map((part) => textOf(part, scope))
        .join('')
    case 'bin':
      return concatBytes(parts(text).map((part) => bytesOf(part, scope)))
    case 'list':
      return items(text).map((item) =>
        field.of.kind === 'record'
          ? recordOf(item, field.of, scope, conversation)
          : evaluate(item, field.of, scope),
      )
    default:
      throw new RangeError(`${field.name}: ${text}`)
  }
}

function items(text: string): string[] {
  const inner = text.replace(/^\[/u, '').replace(/\]$/u, '')
  return inner === '' ? [] : inner.split(',')
}

/** The parts of a text or byte expression, which are joined by `+`. */
function parts(text: string): string[] {
  return text.match(/(?:"(?:[^"\\]|\\.)*"|[^+"])+/gu) ?? []
}

function repeated<T>(
  text: string,
  scope: Scope,
  read: (text: string) => T,
  repeat: (value: T, count: number) => T,
): T {
  const match = /^(.*)\*([\w-]+)$/su.exec(text)
  if (!match || /^".*"$/su.test(text)) return read(text)
  return repeat(read(match[1] as string), uintOf(match[2] as string, undefined, scope))
}

function textOf(text: string, scope: Scope): string {
  return repeated(
    text,
    scope,
    (each) => plainText(each, scope),
    (value, count) => value.repeat(count),
  )
}

function plainText(text: string, scope: Scope): string {
  if (text.startsWith('"')) return JSON.parse(text) as string
  if (text.startsWith('#')) return scope.roomName(text.slice(1))
  const known = scope.variables.get(text.slice(1))
  return typeof known === 'string' ? known : scope.nameOf(text.slice(1))
}

function bytesOf(text: string, scope: Scope): Uint8Array {
  const repeat = (value: Uint8Array, count: number): Uint8Array => {
    const bytes = new Uint8Array(value.length * count)
    for (let at = 0; at < bytes.length; at += value.length) bytes.set(value, at)
    return bytes
  }
  return repeated(text, scope, (each) => plainBytes(each, scope), repeat)
}

function plainBytes(text: string, scope: Scope): Uint8Array {
  if (text.startsWith('"')) return utf8Bytes(JSON.parse(text) as string)
  if (text.startsWith('hex:')) return bytesOfHex(text.slice(4)) ?? new Uint8Array(0)
  const known = scope.variables.get(text.slice(1))
  return known instanceof Uint8Array ? known : scope.keyOf(text.slice(1))
}

/** `alice@r` stands for a member as `members` and `peers` list it. */
function recordOf(text: string, field: FieldSpec, scope: Scope, conversation: number): unknown {
  if (field.kind !== 'record') throw new RangeError(text)
  if (field.fields[0]?.name === 'alias') {
    const [party = '', alias] = text.split(':')
    return {
      alias: alias === undefined ? scope.aliasOf(party, conversation) : uintOf(alias, undefined, scope),
      name: scope.nameOf(party),
      key: scope.keyOf(party),
      role: scope.roleOf(party, conversation),
    }
  }
  if (field.fields[0]?.name === 'number') {
    const at = text.indexOf(':')
    return { number: uintOf(text.slice(0, at), undefined, scope), key: bytesOf(text.slice(at + 1), scope) }
  }
  throw new RangeError(`${field.name} cannot be written in a step`)
}

function uintOf(text: string, registry: string | undefined, scope: Scope): number {
  let sum = 0
  for (const term of text.match(/[+-]?[^+-]+/gu) ?? []) {
    const sign = term.startsWith('-') ? -1 : 1
    sum += sign * uintTerm(term.replace(/^[+-]/u, ''), registry, scope)
  }
  return sum
}

function uintTerm(term: string, registry: string | undefined, scope: Scope): number {
  if (/^(?:0x[\da-f]+|\d+)$/u.test(term)) return Number(term)
  const known = scope.variables.get(term.replace(/^[$#]/u, ''))
  if (typeof known === 'number' && /^[$#]/u.test(term)) return known
  const [party, room] = term.split('@')
  if (room !== undefined) return scope.aliasOf(party as string, uintTerm(`#${room}`, undefined, scope))
  const word = (registry === undefined ? undefined : TABLES[registry]?.[term]) ?? OTHER_WORDS[term]
  if (word !== undefined) return word
  const limit = term.replace(/_(\w)/gu, (_, letter: string) => letter.toUpperCase())
  if (limit in LIMITS) return scope.limit(limit)
  if (term.startsWith('low:')) return lowerOf(term, scope)
  throw new RangeError(`nothing is called ${term}`)
}

/** `low:alice,bob`: the alias of alice in their direct conversation. */
function lowerOf(term: string, scope: Scope): number {
  const [mine = '', theirs = ''] = term.slice(4).split(',')
  return hexOf(scope.keyOf(mine)) < hexOf(scope.keyOf(theirs)) ? 1 : 2
}

/** Whether a value is what a pattern says; `?x` keeps it as x. */
export function matches(
  pattern: string,
  value: unknown,
  field: FieldSpec,
  scope: Scope,
  conversation = 0,
): boolean {
  if (pattern === '*') return true
  if (pattern.startsWith('?')) {
    scope.variables.set(pattern.slice(1), value)
    return true
  }
  if (pattern.startsWith('!')) return !matches(pattern.slice(1), value, field, scope, conversation)
  if (pattern.startsWith('>')) return (value as number) > uintOf(pattern.slice(1), undefined, scope)
  if (pattern.startsWith('<')) return (value as number) < uintOf(pattern.slice(1), undefined, scope)
  if (field.kind === 'uint' && pattern.includes('|'))
    return pattern.split('|').some((each) => matches(each, value, field, scope, conversation))
  if (pattern.startsWith('~')) return String(value).includes(textOf(pattern.slice(1), scope))
  return same(evaluate(pattern, field, scope, conversation), value)
}

/** Whether two field values are equal; of records the fields of the first count. */
export function same(wanted: unknown, found: unknown): boolean {
  if (wanted instanceof Uint8Array) return found instanceof Uint8Array && equalBytes(wanted, found)
  if (Array.isArray(wanted))
    return (
      Array.isArray(found) &&
      wanted.length === found.length &&
      wanted.every((each, index) => same(each, found[index]))
    )
  if (typeof wanted === 'object' && wanted !== null)
    return Object.entries(wanted).every(([name, value]) =>
      same(value, (found as Record<string, unknown>)[name]),
    )
  return wanted === found
}
