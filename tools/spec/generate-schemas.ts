/** The frames in other notations: CDDL (RFC 8610) and JSON Schema. */
import { type FieldEntry, type GeneratedFile, limitValue, type Registry, UINT_MAX } from './registry.ts'

/** spec/generated/palaver.cddl and spec/generated/frames.schema.json. */
export function generateSchemas(registry: Registry): GeneratedFile[] {
  return [
    { path: 'spec/generated/palaver.cddl', text: cddl(registry) },
    {
      path: 'spec/generated/frames.schema.json',
      text: `${JSON.stringify(jsonSchema(registry), undefined, 2)}\n`,
    },
  ]
}

function cddl(registry: Registry): string {
  const records = Object.entries(registry.records).map(([name, record]) =>
    cddlArray(registry, `${kebab(name)}-record`, record.summary, [], record.fields),
  )
  const frames = registry.frames.map((frame) =>
    cddlArray(registry, `${kebab(frame.name)}-frame`, frame.summary, [`type: ${frame.type}`], frame.fields),
  )
  const names = registry.frames.map((frame) => `${kebab(frame.name)}-frame`)
  return [
    '; Written from the registry. The data model of CDDL (RFC 8610); the encoding is MessagePack.',
    '; trailing: elements that a receiver does not know and ignores.',
    `palaver-frame = ${names.join(' / ')} / ignored-frame`,
    'trailing = nil / bool / int / float / tstr / bstr / [* trailing]',
    `ignored-frame = [type: ${cddlRanges(registry)}, * trailing]`,
    ...records,
    ...frames,
    '',
  ].join('\n\n')
}

function cddlRanges(registry: Registry): string {
  return registry.ranges
    .filter((range) => range.unknown === 'ignore')
    .map((range) => `${range.from}..${range.to}`)
    .join(' / ')
}

function cddlArray(
  registry: Registry,
  name: string,
  summary: string,
  head: readonly string[],
  fields: readonly FieldEntry[],
): string {
  const lines = [...head, ...fields.map((f) => `${kebab(f.name)}: ${cddlType(registry, f)}`), '* trailing']
  return `; ${summary}\n${name} = [\n${lines.map((line) => `  ${line},`).join('\n')}\n]`
}

function cddlType(registry: Registry, field: FieldEntry): string {
  const max = field.length ?? (field.max ? limitValue(registry, field.max) : 0)
  switch (field.type) {
    case 'bool':
      return 'bool'
    case 'str':
      return `tstr .size (${field.minBytes ?? 0}..${max})`
    case 'bin':
      return `bstr .size ${field.length ?? `(${field.minBytes ?? 0}..${max})`}`
    case 'list': {
      const of = field.of as string
      const element = of in UINT_MAX ? `0..${UINT_MAX[of]}` : `${kebab(of)}-record`
      return `[${field.minCount ?? 0}*${field.maxCount} ${element}]`
    }
    default:
      return `${field.min ?? 0}..${UINT_MAX[field.type]}`
  }
}

function jsonSchema(registry: Registry): unknown {
  const definitions = Object.entries(registry.records).map(([name, record]) => [
    `record-${name}`,
    arraySchema(registry, record.summary, [], record.fields),
  ])
  const frames = registry.frames.map((frame) => [
    frame.name,
    arraySchema(registry, frame.summary, [{ title: 'type', const: frame.type }], frame.fields),
  ])
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Palaver frames as JSON arrays',
    description:
      'Byte strings are hexadecimal text. ' +
      'maxBytes bounds the UTF-8 of a string; JSON Schema does not check it.',
    anyOf: registry.frames.map((frame) => ({ $ref: `#/$defs/${frame.name}` })),
    $defs: Object.fromEntries([...definitions, ...frames]) as unknown,
  }
}

function arraySchema(
  registry: Registry,
  description: string,
  head: readonly unknown[],
  fields: readonly FieldEntry[],
): unknown {
  const prefixItems = [...head, ...fields.map((field) => fieldSchema(registry, field))]
  return { description, type: 'array', prefixItems, minItems: prefixItems.length }
}

function fieldSchema(registry: Registry, field: FieldEntry): unknown {
  const about = { title: field.name, description: field.summary }
  const maxBytes = field.length ?? (field.max ? limitValue(registry, field.max) : 0)
  const minBytes = field.length ?? field.minBytes ?? 0
  switch (field.type) {
    case 'bool':
      return { ...about, type: 'boolean' }
    case 'str':
      return { ...about, type: 'string', minLength: minBytes, maxLength: maxBytes, maxBytes }
    case 'bin': {
      const pattern = '^([0-9a-f]{2})*$'
      return { ...about, type: 'string', pattern, minLength: minBytes * 2, maxLength: maxBytes * 2 }
    }
    case 'list': {
      const of = field.of as string
      const items = of in UINT_MAX ? uintSchema(0, of) : { $ref: `#/$defs/record-${of}` }
      return { ...about, type: 'array', minItems: field.minCount ?? 0, maxItems: field.maxCount, items }
    }
    default:
      return { ...about, ...uintSchema(field.min ?? 0, field.type) }
  }
}

function uintSchema(minimum: number, type: string): { type: string; minimum: number; maximum: number } {
  return { type: 'integer', minimum, maximum: UINT_MAX[type] as number }
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`)
}
