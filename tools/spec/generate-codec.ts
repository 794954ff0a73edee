/** Writes src/codec/generated from the registry: types, field tables, numbers, reactions, hot frames. */
import {
  type FieldEntry,
  type FrameEntry,
  type GeneratedFile,
  limitValue,
  type Registry,
  type RoleReactions,
  UINT_MAX,
  type ValueEntry,
} from './registry.ts'

const BANNER = '// Written by tools/spec/generate.ts from spec/registry. Do not edit.\n'

/** The generated TypeScript of the codec. */
export function generateCodec(registry: Registry): GeneratedFile[] {
  return [
    { path: 'src/codec/generated/registry.ts', text: registryModule(registry) },
    { path: 'src/codec/generated/hot.ts', text: hotModule(registry) },
  ]
}

function registryModule(registry: Registry): string {
  return [
    BANNER,
    "import type { ErrorInfo, FieldSpec, FrameSpec, RangeSpec } from '../spec-types.ts'\n",
    numbersModule(registry),
    recordTypes(registry),
    frameTypes(registry),
    frameSpecs(registry),
    reactionTables(registry),
  ].join('\n')
}

function numbersModule(registry: Registry): string {
  const parts = [
    constant('VERSIONS', registry.versions),
    '/** The limits of the specification, by name, in their units. Relay and client limits are defaults. */',
    'export const LIMITS = {',
    ...registry.limits.map((l) => `  /** ${l.summary}, ${l.unit} */\n  ${camel(l.name)}: ${l.value},`),
    '} as const\n',
    '/** The number under which a limit travels. */',
    'export const LIMIT_IDS = {',
    ...registry.limits.map((l) => `  ${camel(l.name)}: ${l.id},`),
    '} as const\n',
    '/** The limits that a relay enforces and announces in ready. */',
    `export const RELAY_LIMITS = [${registry.limits
      .filter((l) => l.scope === 'relay')
      .map((l) => `'${camel(l.name)}'`)
      .join(', ')}] as const\n`,
    '/** Error codes by name. */',
    'export const ERRORS = {',
    ...registry.errors.map((e) => `  ${e.name}: ${e.code},`),
    '} as const\n',
    '/** The name of an error code. */',
    'export type ErrorName = keyof typeof ERRORS\n',
    '/** What each error code means. */',
    'export const ERROR_INFO: Readonly<Record<ErrorName, ErrorInfo>> = {',
    ...registry.errors.map(
      (e) =>
        `  ${e.name}: { name: '${e.name}', code: ${e.code}, scope: '${e.scope}', retry: '${e.retry}', ` +
        `summary: ${text(e.summary)}, hint: ${text(e.hint)} },`,
    ),
    '}\n',
  ]
  for (const [name, entries] of Object.entries(registry.values))
    parts.push(constant(name.toUpperCase(), entries))
  return parts.join('\n')
}

function constant(name: string, entries: readonly ValueEntry[]): string {
  const lines = entries.map((entry) => `  /** ${entry.summary} */\n  ${entry.name}: ${entry.value},`)
  return `export const ${name} = {\n${lines.join('\n')}\n} as const\n`
}

function recordTypes(registry: Registry): string {
  return Object.entries(registry.records)
    .map(
      ([name, record]) =>
        `/** ${record.summary} */\nexport interface ${pascal(name)}Record {\n${members(record.fields)}\n}\n`,
    )
    .join('\n')
}

function frameTypes(registry: Registry): string {
  const interfaces = registry.frames.map(
    (frame) =>
      `/** ${frame.summary} */\nexport interface ${pascal(frame.name)}Frame {\n` +
      `  readonly type: '${frame.name}'\n${members(frame.fields)}\n}\n`,
  )
  return [
    ...interfaces,
    '/** Any frame of this specification. */',
    `export type Frame =\n${registry.frames.map((frame) => `  | ${pascal(frame.name)}Frame`).join('\n')}\n`,
    '/** The name of a frame type. */',
    "export type FrameName = Frame['type']\n",
    '/** Frame types by name. */',
    'export const FRAME_TYPES = {',
    ...registry.frames.map((frame) => `  ${frame.name}: ${frame.type},`),
    '} as const\n',
  ].join('\n')
}

function members(fields: readonly FieldEntry[]): string {
  return fields.map((f) => `  /** ${f.summary} */\n  readonly ${f.name}: ${tsType(f)}`).join('\n')
}

function tsType(field: FieldEntry): string {
  if (field.type === 'bool') return 'boolean'
  if (field.type === 'str') return 'string'
  if (field.type === 'bin') return 'Uint8Array'
  if (field.type !== 'list') return 'number'
  const of = field.of as string
  return of in UINT_MAX ? 'readonly number[]' : `readonly ${pascal(of)}Record[]`
}

function frameSpecs(registry: Registry): string {
  const records = Object.entries(registry.records).map(
    ([name, record]) =>
      `const ${camel(name)}Fields: readonly FieldSpec[] = ` +
      `[\n${fieldLines(registry, record.fields, '  ')}\n]\n`,
  )
  const frames = registry.frames.map(
    (frame) =>
      `  {\n    type: ${frame.type},\n    name: '${frame.name}',\n    from: '${frame.from}',\n` +
      `    lane: '${frame.lane}',\n    chapter: '${frame.chapter}',\n    summary: ${text(frame.summary)},\n` +
      `    fields: [\n${fieldLines(registry, frame.fields, '      ')}\n    ],\n  },`,
  )
  return [
    ...records,
    '/** Each frame with its fields and their bounds, in the order of the types. */',
    `export const FRAME_SPECS: readonly FrameSpec[] = [\n${frames.join('\n')}\n]\n`,
    '/** What happens to unknown types. */',
    `export const FRAME_RANGES: readonly RangeSpec[] = [\n${registry.ranges
      .map((r) => `  { name: '${r.name}', from: ${r.from}, to: ${r.to}, unknown: '${r.unknown}' },`)
      .join('\n')}\n]\n`,
  ].join('\n')
}

function fieldLines(registry: Registry, fields: readonly FieldEntry[], indent: string): string {
  return fields.map((field) => `${indent}${fieldSpec(registry, field)},`).join('\n')
}

function fieldSpec(registry: Registry, field: FieldEntry): string {
  const head = `name: '${field.name}', summary: ${text(field.summary)}`
  const values = field.registry ? `, registry: '${field.registry}'` : ''
  const minBytes = field.length ?? field.minBytes ?? 0
  const counts = `minCount: ${field.minCount ?? 0}, maxCount: ${field.maxCount}`
  const range = `min: ${field.min ?? 0}, max: ${UINT_MAX[field.type]}`
  const maxBytes = field.length ?? (field.max ? limitValue(registry, field.max) : 0)
  switch (field.type) {
    case 'bool':
      return `{ kind: 'bool', ${head} }`
    case 'str':
    case 'bin':
      return `{ kind: '${field.type}', ${head}, minBytes: ${minBytes}, maxBytes: ${maxBytes} }`
    case 'list':
      return `{ kind: 'list', ${head}, ${counts}, of: ${elementSpec(field.of as string)} }`
    default:
      return `{ kind: 'uint', ${head}, bits: ${field.type.slice(1)}, ${range}${values} }`
  }
}

function elementSpec(of: string): string {
  if (!(of in UINT_MAX)) return `{ kind: 'record', name: '${of}', summary: '', fields: ${camel(of)}Fields }`
  return `{ kind: 'uint', name: 'item', summary: '', bits: ${of.slice(1)}, min: 0, max: ${UINT_MAX[of]} }`
}

function reactionTables(registry: Registry): string {
  return (['relay', 'client'] as const)
    .map((role) => reactionTable(role, registry.reactions[role]))
    .join('\n')
}

function reactionTable(role: 'relay' | 'client', table: RoleReactions): string {
  const states = table.states.map((state) => `'${state}'`).join(' | ')
  const rows = Object.entries(table.rows).map(([input, cells]) => {
    const columns = table.states.map((state) => `${state}: ${reaction(cells[state] as string)}`)
    return `  ${input}: { ${columns.join(', ')} },`
  })
  return [
    `/** The states of a ${role}'s end of a session. */`,
    `export type ${pascal(role)}State = ${states}\n`,
    `/** What a ${role} does on each input in each state. */`,
    `export const ${role.toUpperCase()}_REACTIONS = {`,
    ...rows,
    '} as const\n',
  ].join('\n')
}

function reaction(cell: string): string {
  if (cell === 'ignore') return "{ do: 'ignore' }"
  const [what, rest] = cell.includes('>') ? cell.split('>') : cell.split(':')
  return what === 'accept' ? `{ do: 'accept', next: '${rest}' }` : `{ do: 'close', code: '${rest}' }`
}

function hotModule(registry: Registry): string {
  const hot = registry.frames.filter((frame) => frame.hot)
  return [
    BANNER,
    "import type { FrameReader } from '../reader.ts'",
    "import type { ByteWriter } from '../writer.ts'\n",
    ...hot.map((frame) => hotFrame(registry, frame)),
  ].join('\n')
}

/** A view, a reader and a writer that touch no object but their arguments. */
function hotFrame(registry: Registry, frame: FrameEntry): string {
  const name = pascal(frame.name)
  const uints = frame.fields.filter((field) => field.type !== 'bin')
  const view = frame.fields.map((f) =>
    f.type === 'bin' ? `  ${f.name}Start: number = 0\n  ${f.name}End: number = 0` : `  ${f.name}: number = 0`,
  )
  const reads = frame.fields.map((f) =>
    f.type === 'bin'
      ? readBounded(f.name, limitValue(registry, f.max as string))
      : `  const ${f.name} = reader.readUint()\n` +
        `  if (${f.name} < ${f.min ?? 0} || ${f.name} > ${UINT_MAX[f.type]}) return false\n` +
        `  view.${f.name} = ${f.name}`,
  )
  const parameters = uints.map((f) => `  ${f.name}: number,`)
  const writes = frame.fields.map((f) =>
    f.type === 'bin' ? `  out.writeBin(source, bodyStart, bodyEnd)` : `  out.writeUint(${f.name})`,
  )
  return `/** The fields of a ${frame.name} frame; the body stays where it is, in the bytes that were read. */
export class ${name}View {
${view.join('\n')}
}

/**
 * Reads the fields of a ${frame.name} frame that has exactly the ${frame.fields.length} fields known here.
 * False for
 * anything else: the general decoder then decides whether it is valid.
 */
export function read${name}(reader: FrameReader, view: ${name}View): boolean {
  if (reader.readArrayHeader() !== ${frame.fields.length + 1}) return false
  if (reader.readUint() !== ${frame.type}) return false
${reads.join('\n')}
  return reader.atEnd
}

/** Appends a ${frame.name} frame with its length prefix; the body is the given range of \`source\`. */
export function write${name}(
  out: ByteWriter,
${parameters.join('\n')}
  source: Uint8Array,
  bodyStart: number,
  bodyEnd: number,
): void {
  const start = out.beginFrame()
  out.writeArrayHeader(${frame.fields.length + 1})
  out.writeUint(${frame.type})
${writes.join('\n')}
  out.endFrame(start)
}
`
}

function camel(name: string): string {
  return name.replace(/_(\w)/gu, (_, letter: string) => letter.toUpperCase())
}

function pascal(name: string): string {
  const text = camel(name)
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function text(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

/** The lines that read a byte field and refuse what the general decoder refuses. */
function readBounded(name: string, bytesMax: number): string {
  return [
    `  if (!reader.readBin() || reader.position - reader.binStart > ${bytesMax}) return false`,
    `  view.${name}Start = reader.binStart`,
    `  view.${name}End = reader.position`,
  ].join('\n')
}
