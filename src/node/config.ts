/** A relay's configuration: file, environment, and what the command line says on top. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { bytesOfHex } from '../base/bytes.ts'
import { LIMITS, RELAY_LIMITS } from '../codec/generated/registry.ts'
import { normalizeRoomName } from '../protocol/names.ts'
import type { RelayLimits } from '../protocol/relay/hub.ts'
import { nearestOf } from './nearest.ts'
import { fileError } from './private-file.ts'

const KEY_BYTES = 32
const ENV_PREFIX = 'PALAVER__'
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }
/** A relay that announces less than what a handshake takes, or more than clients accept, serves nobody. */
const FRAME_BYTES_MIN = LIMITS.handshakeFrameBytes

/** What a configuration may hold. All of it may be missing. */
export interface RelayConfig {
  readonly name: string | undefined
  readonly listen: readonly string[] | undefined
  readonly dataDir: string | undefined
  /** Processes that carry the links. */
  readonly workers: number | undefined
  readonly limits: Partial<RelayLimits>
  readonly tokenFile: string | undefined
  /** Keys in hexadecimal. */
  readonly allow: readonly string[] | undefined
  readonly operators: readonly string[]
  readonly rooms: readonly string[] | undefined
  /** Host and port, or `off`. */
  readonly admin: string | undefined
}

/** The configuration is wrong; the message names file, line and what was probably meant. */
export class ConfigError extends Error {
  override readonly name: string = 'ConfigError'
}

type Env = Readonly<Record<string, string | undefined>>
type Table = Record<string, unknown>

/** Reads the file, if one is given, and the environment. Throws ConfigError. */
export function readConfig(path: string | undefined, env: Env): RelayConfig {
  if (path === undefined) return parseConfig('', 'environment', env)
  try {
    const config = parseConfig(readFileSync(path, 'utf8'), path, env)
    const { dataDir, tokenFile } = config
    const near = (file: string | undefined): string | undefined => file && resolve(dirname(path), file)
    return { ...config, dataDir: near(dataDir), tokenFile: near(tokenFile) }
  } catch (error) {
    throw error instanceof ConfigError ? error : fileError(error, `read the configuration ${path}`)
  }
}

/** The configuration in TOML text; `file` is its name in messages. Environment variables win over it. */
export function parseConfig(text: string, file: string, env: Env): RelayConfig {
  const source: Source = { file, text }
  const table = parseToml(source)
  addEnvironment(table, env)
  const known = readers()
  checkKeys(source, table, known)
  const read = <T>(path: string, reader: Reader<T>): T | undefined => readKey(source, table, path, reader)
  const limits: Partial<RelayLimits> = {}
  for (const name of RELAY_LIMITS) {
    const value = read(`limits.${snakeCase(name)}`, limitReader(name))
    if (value !== undefined) limits[name] = value
  }
  return {
    name: read('name', readName),
    listen: read('listen', readTexts),
    dataDir: read('data_dir', readText),
    workers: read('workers', readWorkers),
    limits,
    tokenFile: read('auth.token_file', readText),
    allow: read('auth.allow', readKeys),
    operators: read('auth.operators', readKeys) ?? [],
    rooms: read('rooms.permanent', readRooms),
    admin: read('admin.listen', readText),
  }
}

interface Source {
  readonly file: string
  readonly text: string
}

function parseToml(source: Source): Table {
  try {
    return parse(source.text) as Table
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const why = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /u, '') ?? ''
    throw new ConfigError(`${source.file}:${error.line}: ${why}`)
  }
}

/** `PALAVER__LIMITS__SESSIONS=5` stands for `sessions = 5` in `[limits]`. */
function addEnvironment(table: Table, env: Env): void {
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(ENV_PREFIX) || text === undefined) continue
    const path = variable.slice(ENV_PREFIX.length).toLowerCase().split('__')
    const key = path.pop() as string
    let inner = table
    for (const section of path) {
      const next = inner[section]
      inner[section] = typeof next === 'object' && next !== null ? next : {}
      inner = inner[section] as Table
    }
    inner[key] = environmentValue(text)
  }
}

/** The value as TOML, or else as the text it is. */
function environmentValue(text: string): unknown {
  try {
    return parse(`value = ${text}`)['value']
  } catch {
    return text
  }
}

// ---- keys -------------------------------------------------------------------------------------

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`)
}

/** Every key with its section. */
function readers(): readonly string[] {
  const limits = RELAY_LIMITS.map((name) => `limits.${snakeCase(name)}`)
  const auth = ['auth.token_file', 'auth.allow', 'auth.operators']
  return ['name', 'listen', 'data_dir', 'workers', ...limits, ...auth, 'rooms.permanent', 'admin.listen']
}

function checkKeys(source: Source, table: Table, known: readonly string[]): void {
  const sections = new Set(
    known.filter((path) => path.includes('.')).map((path) => path.split('.')[0] as string),
  )
  for (const [key, value] of Object.entries(table)) {
    if (!sections.has(key)) {
      if (!known.includes(key))
        throw unknownKey(source, key, [...known.filter((each) => !each.includes('.')), ...sections])
      continue
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw wrong(source, key, `${key} is a section: write [${key}]`)
    for (const inner of Object.keys(value)) {
      const path = `${key}.${inner}`
      if (!known.includes(path))
        throw unknownKey(
          source,
          path,
          known.filter((each) => each.startsWith(`${key}.`)),
        )
    }
  }
}

function unknownKey(source: Source, path: string, candidates: readonly string[]): ConfigError {
  const nearest = nearestOf(path, candidates)
  const meant = nearest === undefined ? `known are ${candidates.join(', ')}` : `did you mean ${nearest}?`
  return wrong(source, path, `unknown key ${path}; ${meant}`)
}

function wrong(source: Source, path: string, why: string): ConfigError {
  const line = lineOf(source.text, path)
  return new ConfigError(line === 0 ? `environment: ${why}` : `${source.file}:${line}: ${why}`)
}

/**
 * The line that sets the key, found by its words: the parser does not say. 0 when the text does not hold
 * it.
 */
function lineOf(text: string, path: string): number {
  const lines = text.split('\n')
  const parts = path.split('.')
  const key = parts.pop() as string
  let section = ''
  for (const [index, line] of lines.entries()) {
    const header = /^\s*\[+\s*([^\]]*?)\s*\]/u.exec(line)
    if (header) section = (header[1] as string).replace(/["'\s]/gu, '')
    if (header && section === path) return index + 1
    const word = /^\s*["']?([\w.-]+)["']?(?:\s*\.\s*["']?([\w-]+)["']?)?\s*=/u.exec(line)
    if (!word || header) continue
    const full = [section, word[1], word[2]].filter((each) => each !== undefined && each !== '').join('.')
    if (full === path || full.startsWith(`${path}.`) || (full === key && parts.length === 0)) return index + 1
  }
  return 0
}

// ---- values -----------------------------------------------------------------------------------

/** The value, or why it is none. */
type Reader<T> = (value: unknown) => { readonly value: T } | { readonly why: string }

function readKey<T>(source: Source, table: Table, path: string, reader: Reader<T>): T | undefined {
  const parts = path.split('.')
  const value =
    parts.length === 1 ? table[path] : (table[parts[0] as string] as Table | undefined)?.[parts[1] as string]
  if (value === undefined) return undefined
  const read = reader(value)
  if ('why' in read) throw wrong(source, path, `${path} ${read.why}`)
  return read.value
}

const readText: Reader<string> = (value) =>
  typeof value === 'string' && value !== '' ? { value } : { why: 'must be a text' }

const readName: Reader<string> = (value) => {
  const isName =
    typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= LIMITS.relayNameBytes
  return isName ? { value } : { why: `must be a text of 1 to ${LIMITS.relayNameBytes} bytes` }
}

const readTexts: Reader<readonly string[]> = (value) => {
  const list = typeof value === 'string' ? value.split(',').map((each) => each.trim()) : value
  const isList = Array.isArray(list) && list.every((each) => typeof each === 'string' && each !== '')
  return isList ? { value: list as string[] } : { why: 'must be a list of texts' }
}

const readKeys: Reader<readonly string[]> = (value) => {
  const list = readTexts(value)
  if ('why' in list) return list
  const bad = list.value.find((key) => !isKey(key))
  if (bad !== undefined)
    return { why: `holds "${bad}", which is not a key: 64 hexadecimal digits (palaver id show)` }
  return { value: list.value.map((key) => key.toLowerCase()) }
}

/** Whether the text is an identity key in hexadecimal. */
export function isKey(text: string): boolean {
  return bytesOfHex(text)?.length === KEY_BYTES
}

const readRooms: Reader<readonly string[]> = (value) => {
  const list = readTexts(value)
  if ('why' in list) return list
  const rooms = list.value.map((room) => room.replace(/^#/u, ''))
  const bad = rooms.find((room) => !normalizeRoomName(room))
  return bad === undefined ? { value: rooms } : { why: `holds "${bad}", which cannot be a room's name` }
}

/** More than these only wait for the process with the rooms. */
export const WORKERS_MAX = 64

const readWorkers: Reader<number> = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= WORKERS_MAX
    ? { value: value as number }
    : { why: `must be a whole number from 1 to ${WORKERS_MAX}` }

function limitReader(name: (typeof RELAY_LIMITS)[number]): Reader<number> {
  const isTime = name.endsWith('Ms')
  const isSize = name.endsWith('Bytes')
  const most = name === 'frameBytes' || name === 'bodyBytes' ? LIMITS[name] : Number.MAX_SAFE_INTEGER
  const least = name === 'frameBytes' || name === 'bodyBytes' ? FRAME_BYTES_MIN : 1
  return (value) => {
    const number =
      typeof value === 'string' ? withUnit(value, isTime ? UNIT_MS : isSize ? UNIT_BYTES : {}) : value
    const fits = Number.isSafeInteger(number) && (number as number) >= least && (number as number) <= most
    const example = isTime
      ? ' (milliseconds, or a text like "30s")'
      : isSize
        ? ' (bytes, or a text like "1MiB")'
        : ''
    return fits
      ? { value: number as number }
      : { why: `must be a whole number from ${least} to ${most}${example}` }
  }
}

function withUnit(text: string, units: Readonly<Record<string, number>>): number {
  const match = /^(\d+)\s*([a-zA-Z]*)$/u.exec(text.trim())
  const factor =
    match?.[2] === '' ? 1 : Object.hasOwn(units, match?.[2] ?? '') ? units[match?.[2] as string] : undefined
  return match && factor !== undefined ? Number(match[1]) * factor : Number.NaN
}
