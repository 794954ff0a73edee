/** Writes a dissector for Wireshark: the registry as Lua tables, before the code of dissector.lua. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type FieldEntry,
  type GeneratedFile,
  limitValue,
  type Registry,
  UINT_MAX,
  type ValueEntry,
} from './registry.ts'

const PORT = 7667
const PATH = 'spec/generated/palaver.lua'

/** What the dissector needs of the datagram registry. */
export interface PacketKinds {
  readonly packets: readonly { readonly value: number; readonly name: string }[]
}

/** The dissector, as one file that depends on nothing. */
export function generateDissector(registry: Registry, { packets }: PacketKinds): GeneratedFile {
  const engine = readFileSync(join(import.meta.dirname, 'dissector.lua'), 'utf8')
  const tables = [
    '-- Generated from spec/registry: edit that.',
    `local PORT = ${PORT}`,
    ...(['frame_bytes', 'nesting', 'items'] as const).map(
      (name) => `local ${name.toUpperCase()} = ${limitValue(registry, name)}`,
    ),
    `local LARGEST = ${luaMap(Object.entries(UINT_MAX))}`,
    ...Object.entries(valueTables(registry)).map(
      ([name, values]) => `local ${name} = ${luaMap(values.map((each) => [each.value, luaText(each.name)]))}`,
    ),
    `local TYPE_NAMES = ${luaMap(registry.frames.map(({ type, name }) => [type, luaText(name)]))}`,
    `local PACKETS = ${luaMap(packets.map(({ value, name }) => [value, luaText(name)]))}`,
    'local RANGES = {',
    ...registry.ranges.map(
      ({ from, to, unknown }) => `  { from = ${from}, to = ${to}, unknown = ${luaText(unknown)} },`,
    ),
    '}',
    'local RECORDS = {',
    ...Object.entries(registry.records).flatMap(([name, { fields }]) => [
      `  ${name} = {`,
      ...luaFields(registry, fields, '    '),
      '  },',
    ]),
    '}',
    'local FRAMES = {',
    ...registry.frames.flatMap(({ type, name, fields }) => [
      `  [${type}] = { name = ${luaText(name)}, fields = {`,
      ...luaFields(registry, fields, '    '),
      '  } },',
    ]),
    '}',
  ]
  return { path: PATH, text: engine.replace('--@registry', () => tables.join('\n')) }
}

/** The tables of values that fields refer to, by the name they get in Lua. */
function valueTables(registry: Registry): Record<string, readonly ValueEntry[]> {
  const errors = registry.errors.map(({ code, name, summary }) => ({ value: code, name, summary }))
  const tables = Object.entries({ ...registry.values, errors })
  return Object.fromEntries(
    tables.filter(([name]) => isUsed(registry, name)).map(([name, values]) => [tableName(name), values]),
  )
}

function isUsed(registry: Registry, table: string): boolean {
  const lists = [...registry.frames, ...Object.values(registry.records)]
  return lists.some(({ fields }) => fields.some((field) => field.registry === table))
}

function tableName(registry: string): string {
  return `VALUES_${registry.toUpperCase()}`
}

function luaFields(registry: Registry, fields: readonly FieldEntry[], indent: string): string[] {
  return fields.map((field) => {
    const [min, max] = boundsOf(registry, field)
    const parts = [
      `name = ${luaText(field.name)}`,
      `type = ${luaText(field.type)}`,
      ...(field.of === undefined ? [] : [`of = ${luaText(field.of)}`]),
      `min = ${min}`,
      ...(max === undefined ? [] : [`max = ${max}`]),
      ...(field.registry === undefined ? [] : [`values = ${tableName(field.registry)}`]),
    ]
    return `${indent}{ ${parts.join(', ')} },`
  })
}

/** Bounds of the value, the bytes or the count; those of integers are those of their type. */
function boundsOf(registry: Registry, field: FieldEntry): readonly [number, number | undefined] {
  if (field.length !== undefined) return [field.length, field.length]
  if (field.type === 'list') return [field.minCount ?? 0, field.maxCount]
  if (field.max !== undefined) return [field.minBytes ?? 0, limitValue(registry, field.max)]
  return [field.min ?? 0, undefined]
}

function luaMap(entries: readonly (readonly [string | number, string | number])[]): string {
  const parts = entries.map(([key, value]) => `${typeof key === 'number' ? `[${key}]` : key} = ${value}`)
  return `{ ${parts.join(', ')} }`
}

function luaText(text: string): string {
  return JSON.stringify(text)
}
