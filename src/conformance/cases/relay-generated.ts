/** Cases that follow from the registry: every cell of the relay's reactions, every fault of every frame. */
import {
  FRAME_RANGES,
  FRAME_SPECS,
  RELAY_REACTIONS,
  type RelayState,
} from '../../codec/generated/registry.ts'
import type { FrameSpec, Reaction } from '../../codec/spec-types.ts'
import type { Case } from '../case.ts'
import { faultyFrames, IGNORED, oddFrames, sampleHex, UNSOUND } from './samples.ts'
import { casesOf } from './text.ts'

/** How a state is reached. */
const REACH: Readonly<Record<RelayState, readonly string[]>> = {
  expect_hello: ['alice opens'],
  expect_auth: ['alice opens', 'alice > hello', 'alice < challenge'],
  open: ['alice enters'],
  closed: ['alice enters', 'alice > close'],
}
const STATES = Object.keys(REACH) as RelayState[]
type Cell = Reaction<RelayState>

/** What must be seen after an input in a state. */
function outcome(state: RelayState, cell: Cell, input = ''): string[] {
  if (cell.do === 'close') return [`alice closed ${cell.code}`]
  if (state === 'closed') return ['alice ended']
  if (cell.do === 'ignore') return goesOn(state)
  if (input === 'resume') return ['alice closed cannot_resume']
  return cell.next === 'closed' ? ['alice ended'] : ['alice drains']
}

/** The state is as before: what it waits for is taken. */
function goesOn(state: RelayState): string[] {
  if (state === 'expect_hello') return ['alice > hello', 'alice < challenge', 'alice > auth', 'alice < ready']
  if (state === 'expect_auth') return ['alice > auth', 'alice < ready']
  return ['alice quiet']
}

function reactionCases(): string[] {
  const lines: string[] = []
  for (const [input, cells] of Object.entries(RELAY_REACTIONS)) {
    for (const state of STATES) {
      const cell = (cells as Readonly<Record<RelayState, Cell>>)[state]
      const steps = inputSteps(input, state, cell)
      if (!steps) continue
      const which = cell.do === 'close' ? 'SES-003' : cell.do === 'ignore' ? 'SES-004' : 'SES-002'
      const extra = input.startsWith('unknown') ? ' FRM-011 EXT-002' : ''
      const setup = input === 'silence' ? ' | quick' : input === 'join' ? ' | alone' : ''
      lines.push(`= SES-001/${input}-${state} : SES-001 ${which}${extra}${setup}`, ...REACH[state], ...steps)
    }
  }
  return lines
}

function inputSteps(input: string, state: RelayState, cell: Cell): string[] | undefined {
  switch (input) {
    case 'unknown_close':
      return ['alice > body 913f about=type-63', ...outcome(state, cell)]
    case 'unknown_ignore':
      return ['alice > body 917b about=grease', ...outcome(state, cell)]
    case 'malformed':
      return ['alice > body c1 about=no-frame', ...outcome(state, cell)]
    case 'oversized':
      return ['alice > raw 00ffffff', ...outcome(state, cell)]
    case 'link_end':
      return state === 'closed' ? ['alice ends', 'alice ended'] : ['alice ends', 'alice ended']
    case 'silence':
      return cell.do === 'close' ? [`alice closed ${cell.code} within=idle_ms+6000`] : ['alice ended']
    case 'hello':
    case 'auth':
      if (cell.do === 'accept') return goesOn(state)
      return [`alice > body ${sampleHex(input)} about=${input}`, ...outcome(state, cell)]
    default:
      return [`alice > body ${sampleHex(input)} about=${input}`, ...outcome(state, cell, input)]
  }
}

const CLIENT_FRAMES: readonly FrameSpec[] = FRAME_SPECS.filter(({ from }) => from !== 'relay')

function frameCases(): string[] {
  const lines: string[] = []
  for (const spec of CLIENT_FRAMES) {
    const { name: type } = spec
    const isHandshake = type === 'hello' || type === 'auth' || type === 'resume'
    for (const { name, hex } of faultyFrames(spec)) {
      const reach =
        type === 'hello'
          ? REACH.expect_hello
          : type === 'auth' || type === 'resume'
            ? REACH.expect_auth
            : REACH.open
      const isLong = isHandshake && hex.length / 2 > 1024
      const huge = /4-gib|huge/u.test(name) ? ' FRM-006' : ''
      lines.push(
        `= FRM-005/${type}-${name} : FRM-005 SES-001${huge}`,
        ...reach,
        `alice > body ${hex} about=${type}-${name}`,
        `alice closed ${isLong ? 'frame_too_large' : 'bad_frame'}`,
      )
    }
    if (isHandshake || type === 'close') continue
    for (const { name, hex } of oddFrames(spec)) {
      const rule = name.startsWith('trailing') ? 'FRM-008' : 'FRM-003'
      const also = rule === 'FRM-008' ? ' EXT-007' : ''
      lines.push(
        `= ${rule}/${type}-${name} : ${rule}${also}${type === 'join' ? ' | alone' : ''}`,
        ...REACH.open,
        `alice > body ${hex} about=${type}-${name}`,
        'alice drains',
      )
    }
  }
  return lines
}

function soundnessCases(): string[] {
  const lines: string[] = []
  for (const { name, hex } of UNSOUND) {
    const huge = /4-/u.test(name) ? ' FRM-006' : ''
    for (const state of ['expect_hello', 'open'] as const) {
      const isLong = state === 'expect_hello' && hex.length / 2 > 1024
      lines.push(
        `= FRM-005/${name}-${state} : FRM-005 SES-003${huge}`,
        ...REACH[state],
        `alice > body ${hex} about=${name}`,
        `alice closed ${isLong ? 'frame_too_large' : 'bad_frame'}`,
      )
    }
  }
  for (const { name, hex } of IGNORED)
    lines.push(
      `= FRM-011/${name} : FRM-011 FRM-003 SES-004${/^(?:items|nested)/u.test(name) ? ' FRM-005' : ''}`,
      ...REACH.open,
      `alice > body ${hex} about=${name}`,
      'alice quiet',
    )
  return lines
}

function unknownTypes(): string[] {
  const lines: string[] = []
  const known = new Set(FRAME_SPECS.map(({ type }) => type))
  for (const range of FRAME_RANGES.filter(({ unknown }) => unknown === 'close'))
    for (let type = range.from; type <= range.to; type++) {
      if (known.has(type)) continue
      const hex = type.toString(16).padStart(2, '0')
      lines.push(
        `= FRM-011/type-${type} : FRM-011 EXT-002`,
        ...REACH.open,
        `alice > body 91${hex} about=type-${type}`,
        'alice closed unknown_frame',
      )
    }
  return lines
}

/** Cases for a relay that are made from the registry. */
export function relayGenerated(): Case[] {
  const lines = [...reactionCases(), ...frameCases(), ...soundnessCases(), ...unknownTypes()]
  return casesOf('core-relay', lines.join('\n'))
}
