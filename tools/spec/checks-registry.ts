/** What is wrong with the registry beyond its schema. Pure: a registry in, findings out. */
import { Ajv } from 'ajv'
import { type FieldEntry, type PolicyEntry, type Registry, type RoleReactions, UINT_MAX } from './registry.ts'

/** One thing that is wrong, and where. */
export interface Finding {
  readonly where: string
  readonly problem: string
}

const TYPES = 128
/** The high byte of the error codes of each scope. */
const CODE_RANGES = { session: 0x01, conversation: 0x02, frame: 0x03 } as const

/** Violations of the meta-schema; `files` holds each registry file by its name. */
export function checkSchema(metaSchema: object, files: Readonly<Record<string, unknown>>): Finding[] {
  const ajv = new Ajv({ allErrors: true, strict: false })
  const { definitions } = metaSchema as { definitions: object }
  return Object.entries(files).flatMap(([name, content]) => {
    const validate = ajv.compile({ definitions, $ref: `#/definitions/${name}File` })
    if (validate(content)) return []
    return (validate.errors ?? []).map((error) => ({
      where: `spec/registry/${name}.json${error.instancePath}`,
      problem: error.message ?? 'breaks the meta-schema',
    }))
  })
}

/** Violations of the rules that a schema cannot state. */
export function checkRegistry(registry: Registry): Finding[] {
  return [
    ...checkUnique(registry),
    ...checkRanges(registry),
    ...checkFields(registry),
    ...checkCodes(registry),
    ...checkPolicies(registry),
    ...(['relay', 'client'] as const).flatMap((role) => checkReactions(registry, role)),
  ]
}

function checkUnique(registry: Registry): Finding[] {
  const groups: [string, readonly (string | number)[]][] = [
    ['frame types', registry.frames.map((frame) => frame.type)],
    ['frame names', registry.frames.map((frame) => frame.name)],
    ['limit numbers', registry.limits.map((limit) => limit.id)],
    ['limit names', registry.limits.map((limit) => limit.name)],
    ['error codes', registry.errors.map((error) => error.code)],
    ['error names', registry.errors.map((error) => error.name)],
    ['range names', registry.ranges.map((range) => range.name)],
    ['versions', registry.versions.map((version) => version.value)],
  ]
  for (const [name, values] of Object.entries(registry.values)) {
    groups.push([`${name} values`, values.map((value) => value.value)])
    groups.push([`${name} names`, values.map((value) => value.name)])
  }
  return groups.flatMap(([where, values]) =>
    duplicates(values).map((value) => ({ where, problem: `${value} occurs more than once` })),
  )
}

/** The values that occur more than once. */
export function duplicates<T>(values: readonly T[]): T[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))]
}

function checkRanges(registry: Registry): Finding[] {
  const findings: Finding[] = []
  for (let type = 0; type < TYPES; type++) {
    const count = registry.ranges.filter((range) => type >= range.from && type <= range.to).length
    if (count !== 1) findings.push({ where: 'ranges', problem: `type ${type} is in ${count} ranges` })
  }
  for (const frame of registry.frames) {
    const range = registry.ranges.find((each) => frame.type >= each.from && frame.type <= each.to)
    if (range?.name !== 'protocol')
      findings.push({ where: frame.name, problem: 'is outside the range protocol' })
  }
  return findings
}

function checkFields(registry: Registry): Finding[] {
  const frames = registry.frames.map((frame): [string, readonly FieldEntry[]] => [frame.name, frame.fields])
  const records = Object.entries(registry.records).map(
    ([name, { fields }]): [string, readonly FieldEntry[]] => [name, fields],
  )
  return [...frames, ...records].flatMap(([name, fields]) => [
    ...duplicates(fields.map((field) => field.name)).map((field) => ({
      where: name,
      problem: `field ${field} occurs more than once`,
    })),
    ...fields.flatMap((field) =>
      fieldProblems(registry, field).map((problem) => ({ where: `${name}.${field.name}`, problem })),
    ),
  ])
}

function fieldProblems(registry: Registry, field: FieldEntry): string[] {
  const problems: string[] = []
  const limit = registry.limits.find((each) => each.name === field.max)
  if (field.max !== undefined && !limit) problems.push(`no limit is called ${field.max}`)
  if (limit && limit.unit !== 'bytes') problems.push(`${limit.name} does not count bytes`)
  if (field.type === 'list' && !((field.of as string) in UINT_MAX) && !registry.records[field.of as string])
    problems.push(`no record is called ${field.of}`)
  if (field.registry === undefined || field.registry === 'errors') return problems
  const values = registry.values[field.registry]
  if (!values) return [...problems, `no table is called ${field.registry}`]
  const max = UINT_MAX[field.type] as number
  return [
    ...problems,
    ...values.filter((v) => v.value > max).map((v) => `${v.name} does not fit ${field.type}`),
  ]
}

function checkCodes(registry: Registry): Finding[] {
  return registry.errors
    .filter((error) => error.code >> 8 !== CODE_RANGES[error.scope])
    .map((error) => ({
      where: error.name,
      problem: `code ${error.code} is outside the range of scope ${error.scope}`,
    }))
}

function checkReactions(registry: Registry, role: 'relay' | 'client'): Finding[] {
  const table = registry.reactions[role]
  const inputs = [...registry.frames.map((frame) => frame.name), ...Object.keys(registry.inputs)]
  const where = `reactions of the ${role}`
  const findings: Finding[] = Object.keys(table.rows)
    .filter((input) => !inputs.includes(input))
    .map((input) => ({ where, problem: `${input} is neither a frame nor an input` }))
  for (const input of inputs) {
    for (const state of table.states) {
      const cell = table.rows[input]?.[state]
      const problem = cell === undefined ? 'is not filled' : cellProblem(registry, table, cell)
      if (problem) findings.push({ where: `${where}: ${input} in ${state}`, problem })
    }
  }
  const described = registry.states[role]
  for (const state of table.states)
    if (described[state] === undefined) findings.push({ where, problem: `state ${state} is not described` })
  for (const state of unreachable(table))
    findings.push({ where, problem: `state ${state} cannot be reached` })
  return findings
}

function cellProblem(registry: Registry, table: RoleReactions, cell: string): string | undefined {
  if (cell === 'ignore') return undefined
  const [action = '', target = ''] = cell.split(/[>:]/u)
  if (action === 'accept') return table.states.includes(target) ? undefined : `no state is called ${target}`
  const error = registry.errors.find((each) => each.name === target)
  if (action !== 'close' || !error) return `no error is called ${target}`
  return error.scope === 'session' ? undefined : `${target} does not end a session`
}

/** The states that no path from the initial one enters; a close leads to `closed`. */
function unreachable(table: RoleReactions): string[] {
  const reached = new Set([table.initial])
  for (const state of reached) {
    for (const cells of Object.values(table.rows)) {
      const cell = cells[state] ?? 'ignore'
      if (cell.startsWith('accept>')) reached.add(cell.slice('accept>'.length))
      else if (cell.startsWith('close:')) reached.add('closed')
    }
  }
  return table.states.filter((state) => !reached.has(state))
}

/** The policies that no table of values is named after. */
const OTHER_POLICIES = ['values', 'versions', 'errors', 'limits']

/** Each registry's ranges follow each other from 0 without a gap, and what is private is never assigned. */
export function checkPolicies(registry: Registry): Finding[] {
  const known = [...OTHER_POLICIES, ...Object.keys(registry.values)]
  return Object.entries(registry.policies).flatMap(([name, ranges]) => {
    const where = `policies of ${name}`
    const unknown = known.includes(name) ? [] : [{ where, problem: 'there is no such registry' }]
    const gaps = ranges
      .filter(({ from, to }, i) => from !== (ranges[i - 1]?.to ?? -1) + 1 || to < from)
      .map(({ from }) => ({ where, problem: `the range from ${from} does not follow the one before` }))
    const last = (ranges.at(-1)?.to ?? 0) + 1
    const ends = [256, 65_536].includes(last) ? [] : [{ where, problem: `ends with ${last - 1}` }]
    return [...unknown, ...gaps, ...ends, ...wronglyAssigned(registry, name, ranges, where)]
  })
}

function wronglyAssigned(
  registry: Registry,
  name: string,
  ranges: readonly PolicyEntry[],
  where: string,
): Finding[] {
  const open = ranges.filter(({ policy }) => policy !== PRIVATE)
  return assignedNumbers(registry, name)
    .filter((value) => !open.some(({ from, to }) => value >= from && value <= to))
    .map((value) => ({ where, problem: `${value} is assigned, but not in a range for that` }))
}

const PRIVATE = 'nobody: for private agreement'

/** The numbers a registry assigns; `values` stands for all tables without policies of their own. */
function assignedNumbers(registry: Registry, name: string): number[] {
  if (name === 'versions') return registry.versions.map(({ value }) => value)
  if (name === 'errors') return registry.errors.map(({ code }) => code)
  if (name === 'limits') return registry.limits.map(({ id }) => id)
  const tables = Object.entries(registry.values).filter(([table]) =>
    name === 'values' ? !(table in registry.policies) : table === name,
  )
  return tables.flatMap(([, values]) => values.map(({ value }) => value))
}
