import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The repository's root folder. */
export const ROOT: string = join(import.meta.dirname, '..', '..')

export interface FieldEntry {
  readonly name: string
  readonly type: string
  readonly of?: string
  readonly min?: number
  readonly minBytes?: number
  readonly max?: string
  readonly length?: number
  readonly minCount?: number
  readonly maxCount?: number
  readonly registry?: string
  readonly summary: string
}

export interface FrameEntry {
  readonly type: number
  readonly name: string
  readonly from: 'client' | 'relay' | 'both'
  readonly lane: 'control' | 'conversation'
  readonly chapter: string
  readonly hot?: boolean
  readonly summary: string
  readonly fields: readonly FieldEntry[]
}

export interface RangeEntry {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly unknown: 'fault' | 'close' | 'ignore'
  readonly policy: string
}

export interface LimitEntry {
  readonly id: number
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly scope: 'protocol' | 'relay' | 'client'
  readonly summary: string
}

export interface ErrorEntry {
  readonly code: number
  readonly name: string
  readonly scope: 'session' | 'conversation' | 'frame'
  readonly retry: 'now' | 'later' | 'never'
  readonly summary: string
  readonly hint: string
}

export interface ValueEntry {
  readonly value: number
  readonly name: string
  readonly summary: string
}

/** Numbers of one registry, what they are for, and who assigns them. */
export interface PolicyEntry {
  readonly from: number
  readonly to: number
  readonly use: string
  readonly policy: string
}

export interface RoleReactions {
  readonly states: readonly string[]
  readonly initial: string
  readonly rows: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export interface Registry {
  readonly ranges: readonly RangeEntry[]
  readonly records: Readonly<
    Record<string, { readonly summary: string; readonly fields: readonly FieldEntry[] }>
  >
  readonly frames: readonly FrameEntry[]
  readonly limits: readonly LimitEntry[]
  readonly errors: readonly ErrorEntry[]
  readonly versions: readonly ValueEntry[]
  readonly values: Readonly<Record<string, readonly ValueEntry[]>>
  readonly policies: Readonly<Record<string, readonly PolicyEntry[]>>
  readonly reactions: Readonly<Record<'relay' | 'client', RoleReactions>>
  readonly inputs: Readonly<Record<string, string>>
  readonly states: Readonly<Record<'relay' | 'client', Readonly<Record<string, string>>>>
}

/** The names of the registry's files, in spec/registry/. */
export const REGISTRY_FILES = ['frames', 'limits', 'errors', 'values', 'policies', 'reactions'] as const

/** Reads one file of the registry. */
export function readRegistryFile(name: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, 'spec', 'registry', `${name}.json`), 'utf8'))
}

/** Reads the whole registry, unchecked: `check.ts` validates it against its meta-schema. */
export function readRegistry(): Registry {
  const frames = readRegistryFile('frames') as Pick<Registry, 'ranges' | 'records' | 'frames'>
  const limits = readRegistryFile('limits') as Pick<Registry, 'limits'>
  const errors = readRegistryFile('errors') as Pick<Registry, 'errors'>
  const values = readRegistryFile('values') as Pick<Registry, 'versions' | 'values'>
  const { policies } = readRegistryFile('policies') as Pick<Registry, 'policies'>
  const reactions = readRegistryFile('reactions') as {
    roles: Registry['reactions']
    inputs: Registry['inputs']
    states: Registry['states']
  }
  return {
    ranges: frames.ranges,
    records: frames.records,
    frames: frames.frames,
    limits: limits.limits,
    errors: errors.errors,
    versions: values.versions,
    values: values.values,
    policies,
    reactions: reactions.roles,
    inputs: reactions.inputs,
    states: reactions.states,
  }
}

/** The value of the limit called `name`. */
export function limitValue(registry: Registry, name: string): number {
  const limit = registry.limits.find((entry) => entry.name === name)
  if (!limit) throw new Error(`no limit is called ${name}`)
  return limit.value
}

/** One file that the generator writes: a path from the root, and its whole text. */
export interface GeneratedFile {
  readonly path: string
  readonly text: string
}

/** The largest value of each integer type. */
export const UINT_MAX: Readonly<Record<string, number>> = {
  u8: 0xff,
  u16: 0xffff,
  u32: 0xffffffff,
  u53: Number.MAX_SAFE_INTEGER,
}
