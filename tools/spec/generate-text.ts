/** The generated parts of the chapters: tables and diagrams from the registry. */
import { type Chapter, fillGenerated } from './chapters.ts'
import {
  type FieldEntry,
  type FrameEntry,
  type GeneratedFile,
  limitValue,
  type Registry,
  type RoleReactions,
  type ValueEntry,
} from './registry.ts'
import { exampleParts } from './session-example.ts'

/**
 * Each chapter with its generated parts filled in; parts named `datagram-...` belong to another
 * generator.
 */
export function generateText(registry: Registry, chapters: readonly Chapter[]): GeneratedFile[] {
  const parts = textParts(registry)
  return chapters.map((chapter) => ({
    path: chapter.path,
    text: fillGenerated(chapter.text, (name) => parts.get(name)),
  }))
}

/** Every generated part by its name. */
export function textParts(registry: Registry): ReadonlyMap<string, string> {
  const parts = new Map<string, string>([
    ['ranges', rangeTable(registry)],
    ['frame-index', frameIndex(registry)],
    ['records', recordTables(registry)],
    ['limits', limitTable(registry)],
    ['errors', errorTables(registry)],
    ['inputs', inputTable(registry)],
    ['values-versions', valueTable('version', registry.versions)],
    ['policies', policyTable(registry)],
    ...exampleParts(registry),
  ])
  for (const [name, values] of Object.entries(registry.values))
    parts.set(`values-${name}`, valueTable(singularOf(name), values))
  for (const chapter of new Set(registry.frames.map((frame) => frame.chapter)))
    parts.set(`frames-${chapter}`, frameTables(registry, chapter))
  for (const role of ['relay', 'client'] as const) {
    parts.set(`states-${role}`, stateTable(registry, role))
    parts.set(`diagram-${role}`, stateDiagram(registry.reactions[role]))
    parts.set(`reactions-${role}`, reactionTable(registry, role))
  }
  return parts
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const UNKNOWN_WORDS = {
  fault: 'is `bad_frame`',
  close: 'close with `unknown_frame`',
  ignore: 'is ignored',
} as const

function rangeTable(registry: Registry): string {
  return table(
    ['types', 'range', 'an unknown type', 'policy'],
    registry.ranges.map((range) => [
      range.from === range.to ? range.from : `${range.from} to ${range.to}`,
      range.name,
      UNKNOWN_WORDS[range.unknown],
      range.policy,
    ]),
  )
}

function frameIndex(registry: Registry): string {
  const from = { client: 'client', relay: 'relay', both: 'both' }
  return table(
    ['type', 'frame', 'from', 'lane', 'chapter', 'purpose'],
    registry.frames.map((f) => [f.type, `\`${f.name}\``, from[f.from], f.lane, Number(f.chapter), f.summary]),
  )
}

function frameTables(registry: Registry, chapter: string): string {
  return registry.frames
    .filter((frame) => frame.chapter === chapter)
    .map((frame) => frameTable(registry, frame))
    .join('\n\n')
}

function frameTable(registry: Registry, frame: FrameEntry): string {
  const from = frame.from === 'both' ? 'from both' : `from the ${frame.from}`
  return [
    `### \`${frame.name}\` (${frame.type}), ${from}, ${frame.lane} lane`,
    frame.summary,
    fieldTable(registry, frame.fields),
  ].join('\n\n')
}

function recordTables(registry: Registry): string {
  return Object.entries(registry.records)
    .map(([name, record]) =>
      [`### ${name}`, record.summary, fieldTable(registry, record.fields)].join('\n\n'),
    )
    .join('\n\n')
}

function fieldTable(registry: Registry, fields: readonly FieldEntry[]): string {
  return table(
    ['#', 'field', 'type', 'bounds', 'meaning'],
    fields.map((field, index) => [
      index + 1,
      `\`${field.name}\``,
      field.type === 'list' ? `list of ${field.of}` : field.type,
      boundsOf(registry, field),
      field.summary,
    ]),
  )
}

/** The bounds of a field in words; a limit is named with its value. */
function boundsOf(registry: Registry, field: FieldEntry): string {
  if (field.length !== undefined) return `${field.length} bytes`
  if (field.type === 'list') return `${field.minCount ?? 0} to ${field.maxCount} elements`
  const max = field.max ? `\`${field.max}\` (${limitValue(registry, field.max)}) bytes` : ''
  if (max) return field.minBytes ? `${field.minBytes} to ${max}` : `at most ${max}`
  if (field.registry) return `see ${field.registry.replaceAll('_', ' ')}`
  return field.min ? `from ${field.min}` : ''
}

function limitTable(registry: Registry): string {
  return table(
    ['number', 'limit', 'default', 'unit', 'scope', 'meaning'],
    registry.limits.map((l) => [l.id, `\`${l.name}\``, l.value, l.unit, l.scope, l.summary]),
  )
}

function errorTables(registry: Registry): string {
  return (['session', 'conversation', 'frame'] as const)
    .map((scope) => {
      const rows = registry.errors
        .filter((error) => error.scope === scope)
        .map((e) => [
          `0x${e.code.toString(16).padStart(4, '0')}`,
          e.code,
          `\`${e.name}\``,
          e.retry,
          e.summary,
        ])
      const frame = scope === 'session' ? 'close' : 'error'
      const head = ['code', '', 'name', 'retry', 'meaning']
      return `Scope \`${scope}\`, in \`${frame}\`:\n\n${table(head, rows)}`
    })
    .join('\n\n')
}

function policyTable(registry: Registry): string {
  return table(
    ['registry', 'numbers', 'use', 'assigned by'],
    Object.entries(registry.policies).flatMap(([name, ranges]) =>
      ranges.map(({ from, to, use, policy }) => [
        name.replaceAll('_', ' '),
        from === to ? from : `${from} to ${to}`,
        use,
        policy,
      ]),
    ),
  )
}

function inputTable(registry: Registry): string {
  return table(
    ['input', 'meaning'],
    Object.entries(registry.inputs).map(([name, meaning]) => [`\`${name}\``, meaning]),
  )
}

function valueTable(title: string, values: readonly ValueEntry[]): string {
  return table(
    ['value', title, 'meaning'],
    values.map((value) => [value.value, `\`${value.name}\``, value.summary]),
  )
}

function stateTable(registry: Registry, role: 'relay' | 'client'): string {
  return table(
    ['state', 'meaning'],
    registry.reactions[role].states.map((state) => [`\`${state}\``, registry.states[role][state] ?? '']),
  )
}

/** What one value of a table is called. */
function singularOf(name: string): string {
  return name.replaceAll('_', ' ').replace(/ies$/u, 'y').replace(/s$/u, '')
}

/** Rows with equal cells are one row. */
function reactionTable(registry: Registry, role: 'relay' | 'client'): string {
  const { states, rows } = registry.reactions[role]
  const groups = new Map<string, string[]>()
  for (const [input, cells] of Object.entries(rows)) {
    const key = JSON.stringify(states.map((state) => reactionWords(cells[state] ?? '', state)))
    groups.set(key, [...(groups.get(key) ?? []), `\`${input}\``])
  }
  return table(
    ['input', ...states.map((state) => `\`${state}\``)],
    [...groups].map(([key, inputs]) => [inputs.join(', '), ...(JSON.parse(key) as string[])]),
  )
}

function reactionWords(cell: string, state: string): string {
  const next = nextState(cell)
  if (next !== undefined) return next === state ? 'accept' : `accept, then \`${next}\``
  return cell.startsWith('close:') ? `close \`${cell.slice('close:'.length)}\`` : 'ignore'
}

function nextState(cell: string): string | undefined {
  return cell.startsWith('accept>') ? cell.slice('accept>'.length) : undefined
}

/** The transitions as a Mermaid diagram; closing because of a fault is one arrow per state. */
export function stateDiagram(role: RoleReactions): string {
  const lines = ['```mermaid', 'stateDiagram-v2', `  [*] --> ${role.initial}`]
  for (const state of role.states) {
    const arrows = new Map<string, string[]>()
    for (const [input, cells] of Object.entries(role.rows)) {
      const next = nextState(cells[state] ?? '')
      if (next !== undefined && next !== state) arrows.set(next, [...(arrows.get(next) ?? []), input])
    }
    for (const [next, inputs] of arrows) lines.push(`  ${state} --> ${next}: ${inputs.join(', ')}`)
    const closes = Object.values(role.rows).some((cells) => cells[state]?.startsWith('close:'))
    if (closes) lines.push(`  ${state} --> closed: fault, deadline / close`)
  }
  return [...lines, '  closed --> [*]', '```'].join('\n')
}
