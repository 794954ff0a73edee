/** Cases for a client that follow from the registry. */
import {
  CLIENT_REACTIONS,
  type ClientState,
  FRAME_RANGES,
  FRAME_SPECS,
} from '../../codec/generated/registry.ts'
import type { FrameSpec, Reaction } from '../../codec/spec-types.ts'
import type { Case } from '../case.ts'
import { faultyFrames, IGNORED, oddFrames, sampleHex, UNSOUND } from './samples.ts'
import { casesOf } from './text.ts'

const REACH: Readonly<Record<ClientState, readonly string[]>> = {
  expect_challenge: ['client starts', 'client < hello'],
  expect_ready: ['client starts', 'client < hello', 'client > challenge', 'client < auth'],
  open: ['client enters'],
  closed: ['client enters', 'client leaves', 'client < close code=goodbye'],
}
const STATES = Object.keys(REACH) as ClientState[]

/** Frames that an open client takes, as sound ones that fit where it is. */
const ACCEPTED: Readonly<Record<string, readonly string[]>> = {
  message: [
    'client joins r',
    'client > message conversation=#r seq=2 ref=1 sender=2 body="x"',
    'client tells message seq=2',
  ],
  event: ['client joins r', 'client > event conversation=#r seq=2 kind=topic', 'client tells entry seq=2'],
}

function goesOn(state: ClientState): string[] {
  if (state === 'expect_challenge')
    return ['client > challenge', 'client < auth', 'client > ready', 'client tells ready']
  if (state === 'expect_ready') return ['client > ready', 'client tells ready', 'client quiet']
  return state === 'open' ? ['client quiet'] : ['client silent']
}

function outcome(state: ClientState, cell: Reaction<ClientState>): string[] {
  if (cell.do === 'close') return [`client closed ${cell.code}`]
  if (cell.do === 'ignore') return goesOn(state)
  if (cell.next === 'closed') return ['client silent', 'client is closed']
  return ['client drains']
}

function inputSteps(input: string, state: ClientState, cell: Reaction<ClientState>): string[] {
  if (input === 'unknown_close') return ['client > body 913f about=type-63', ...outcome(state, cell)]
  if (input === 'unknown_ignore') return ['client > body 917b about=grease', ...outcome(state, cell)]
  if (input === 'malformed') return ['client > body c1 about=no-frame', ...outcome(state, cell)]
  if (input === 'oversized') return ['client > raw 00ffffff', ...outcome(state, cell)]
  if (input === 'link_end') return ['client loses', 'client silent', 'client is closed']
  if (input === 'silence') return silence(state, cell)
  if (cell.do === 'accept' && (input === 'challenge' || input === 'ready')) return goesOn(state)
  if (cell.do === 'accept' && ACCEPTED[input]) return [...ACCEPTED[input], 'client quiet']
  return [`client > body ${sampleHex(input)} about=${input}`, ...outcome(state, cell)]
}

function silence(state: ClientState, cell: Reaction<ClientState>): string[] {
  if (cell.do !== 'close') return ['client waits 1000000', 'client silent']
  if (state !== 'open') return ['client waits handshake_ms', `client closed ${cell.code}`]
  return [
    'client waits ping_ms',
    'client < ping conversation=0',
    'client waits pong_ms',
    `client closed ${cell.code}`,
  ]
}

function reactionCases(): string[] {
  const lines: string[] = []
  for (const [input, cells] of Object.entries(CLIENT_REACTIONS))
    for (const state of STATES) {
      const cell = (cells as Readonly<Record<ClientState, Reaction<ClientState>>>)[state]
      const which = cell.do === 'close' ? 'SES-003' : cell.do === 'ignore' ? 'SES-004' : 'SES-002'
      const extra = input.startsWith('unknown') ? ' FRM-011 EXT-002' : ''
      lines.push(
        `= C-SES-001/${input}-${state} : SES-001 ${which}${extra}`,
        ...REACH[state],
        ...inputSteps(input, state, cell),
      )
    }
  return lines
}

const RELAY_FRAMES: readonly FrameSpec[] = FRAME_SPECS.filter(({ from }) => from !== 'client')
/** Those that an open client cannot take as they are, because they belong to the handshake or to a log. */
const PARTICULAR = new Set(['challenge', 'ready', 'close', 'message', 'event'])

function frameCases(): string[] {
  const lines: string[] = []
  for (const spec of RELAY_FRAMES) {
    const { name: type } = spec
    const reach =
      type === 'challenge' ? REACH.expect_challenge : type === 'ready' ? REACH.expect_ready : REACH.open
    for (const { name, hex } of faultyFrames(spec)) {
      const isLong = (type === 'challenge' || type === 'ready') && hex.length / 2 > 1024
      const huge = /4-gib|huge/u.test(name) ? ' FRM-006' : ''
      lines.push(
        `= C-FRM-005/${type}-${name} : FRM-005 SES-003${huge}`,
        ...reach,
        `client > body ${hex} about=${type}-${name}`,
        `client closed ${isLong ? 'frame_too_large' : 'bad_frame'}`,
      )
    }
    if (PARTICULAR.has(type)) continue
    for (const { name, hex } of oddFrames(spec)) {
      const rule = name.startsWith('trailing') ? 'FRM-008' : 'FRM-003'
      lines.push(
        `= C-${rule}/${type}-${name} : ${rule}`,
        ...REACH.open,
        `client > body ${hex} about=${type}-${name}`,
        'client drains',
      )
    }
  }
  return lines
}

function otherCases(): string[] {
  const lines: string[] = []
  for (const { name, hex } of UNSOUND)
    lines.push(
      `= C-FRM-005/${name} : FRM-005 SES-003`,
      ...REACH.open,
      `client > body ${hex} about=${name}`,
      'client closed bad_frame',
    )
  for (const { name, hex } of IGNORED)
    lines.push(
      `= C-FRM-011/${name} : FRM-011 SES-004`,
      ...REACH.open,
      `client > body ${hex} about=${name}`,
      'client quiet',
    )
  const known = new Set(FRAME_SPECS.map(({ type }) => type))
  for (const range of FRAME_RANGES.filter(({ unknown }) => unknown === 'close'))
    for (let type = range.from; type <= range.to; type++) {
      if (known.has(type)) continue
      const hex = type.toString(16).padStart(2, '0')
      lines.push(
        `= C-FRM-011/type-${type} : FRM-011 EXT-002`,
        ...REACH.open,
        `client > body 91${hex} about=type-${type}`,
        'client closed unknown_frame',
      )
    }
  return lines
}

/** Cases for a client that are made from the registry. */
export function clientGenerated(): Case[] {
  return casesOf('core-client', [...reactionCases(), ...frameCases(), ...otherCases()].join('\n'))
}
