/** Runs many cases: several at a time, those that look at the whole relay alone and last. */
import type { Arena } from './arena.ts'
import { randomOf } from './arena.ts'
import type { Case, Result } from './case.ts'
import { ClientPlayer, type ClientUnderTest } from './client-player.ts'
import { type KeyPair, keyPairOf, seedOf } from './crypto.ts'
import { CaseFailure, CaseSkipped } from './failure.ts'
import { type Cast, Player } from './player.ts'
import { UdpPlayer } from './udp/udp-player.ts'

/** How a run is made. */
export interface SuiteOptions {
  readonly seed: number
  /** What makes the names of this run others than those of the runs before it. */
  readonly salt: string
  readonly parallel: number
  readonly keepsNotes: boolean
  /** An arena for one case. */
  readonly arena: () => Arena
  readonly onResult?: ((result: Result, played: Case) => void) | undefined
}

/** The identity that a relay under test is told to have as its operator (spec chapter 19). */
export const OPERATOR_SEED: Uint8Array = seedOf('palaver conformance operator')

/** Letters that look like no others. */
const LETTERS = 'abcdefghkpstuxyz'

/** A short text of letters that no two inputs share. */
export function wordOf(text: string, length: number): string {
  const bytes = seedOf(text)
  let word = ''
  for (let at = 0; at < length; at++) word += LETTERS[(bytes[at] as number) & 15]
  return word
}

/** The people and rooms of one play: others in each. */
export function castOf(salt: string, seed: number, played: Case, pairs?: (key: string) => KeyPair): Cast {
  const made = new Map<string, KeyPair>()
  const random = randomOf(seed ^ new DataView(seedOf(played.id).buffer).getUint32(0))
  const prefix = `${salt}/${seed}/${played.id}`
  return {
    pairOf(party) {
      let pair = made.get(party)
      if (!pair) {
        if (party === 'operator') pair = operatorPair()
        else pair = pairs ? pairs(party) : keyPairOf(seedOf(`${prefix}/${party}`))
        made.set(party, pair)
      }
      return pair
    },
    nameOf: (party) =>
      party === 'operator' ? 'operator' : `${party}-${wordOf(`${prefix}/${party}`, 12)}`.slice(0, 32),
    roomName: (label) => `${label}-${wordOf(`${prefix}#${label}`, 14)}`,
    random,
  }
}

let operator: KeyPair | undefined

function operatorPair(): KeyPair {
  operator ??= keyPairOf(OPERATOR_SEED)
  return operator
}

/** Plays one case against a client. */
export function playClientCase(
  client: ClientUnderTest,
  cast: Cast,
  played: Case,
  keepsNotes: boolean,
): Promise<Result> {
  return resultOf(new ClientPlayer(client, cast, played, keepsNotes), 'stdio')
}

/** Plays all cases for a client, one after the other. */
export async function playClient(
  client: () => ClientUnderTest,
  cases: readonly Case[],
  options: Pick<SuiteOptions, 'seed' | 'keepsNotes'>,
): Promise<Result[]> {
  const results: Result[] = []
  const pairs = new Map<string, KeyPair>()
  const pairOf = (party: string): KeyPair => {
    const pair = pairs.get(party) ?? keyPairOf(seedOf(`client cases/${party}`))
    pairs.set(party, pair)
    return pair
  }
  for (const played of cases)
    results.push(
      await playClientCase(client(), castOf('', options.seed, played, pairOf), played, options.keepsNotes),
    )
  return results
}

/** Plays one case; every way it ends is a result. */
export async function playCase(arena: Arena, cast: Cast, played: Case, keepsNotes: boolean): Promise<Result> {
  if (!arena.offers(played.setup)) {
    const detail = `no relay of the configuration ${played.setup} was named`
    const base = { id: played.id, transport: arena.transport, outcome: 'skipped' as const, detail }
    return { ...base, step: '', broken: [], notes: [], elapsedMs: 0 }
  }
  const place = played.isPackets ? arena.datagrams?.(played.setup) : undefined
  if (place) return resultOf(new UdpPlayer(arena, place, cast, played, keepsNotes), arena.transport)
  return resultOf(new Player(arena, cast, played, keepsNotes), arena.transport)
}

/** What plays a case. */
type AnyPlayer = Pick<Player, 'case' | 'notes' | 'play' | 'step'>

async function resultOf(player: AnyPlayer, transport: string): Promise<Result> {
  const began = performance.now()
  const end = (outcome: Result['outcome'], detail: string, broken: readonly string[] = []): Result => ({
    id: player.case.id,
    transport,
    outcome,
    detail,
    step: outcome === 'passed' ? '' : player.step,
    broken,
    notes: player.notes,
    elapsedMs: performance.now() - began,
  })
  try {
    await player.play()
    return end('passed', '')
  } catch (error) {
    if (error instanceof CaseSkipped) return end('skipped', error.message)
    const { permits } = player.case
    if (error instanceof CaseFailure && permits !== undefined && error.message.includes(`code=${permits}`))
      return end('skipped', `refused with ${permits}, as it may be`)
    if (error instanceof CaseFailure) return end('failed', error.message, error.broken)
    return end('failed', `the case cannot be played: ${String(error)}`)
  }
}

/** Plays all cases; the results are in their order. */
export async function playAll(cases: readonly Case[], options: SuiteOptions): Promise<Result[]> {
  const results = new Map<string, Result>()
  const { seed, salt, keepsNotes } = options
  const play = async (played: Case): Promise<void> => {
    const result = await playCase(options.arena(), castOf(salt, seed, played), played, keepsNotes)
    results.set(played.id, result)
    options.onResult?.(result, played)
  }
  const together = cases.filter(({ isAlone }) => !isAlone)
  let next = 0
  const worker = async (): Promise<void> => {
    for (let played = together[next++]; played; played = together[next++]) await play(played)
  }
  await Promise.all(Array.from({ length: options.parallel }, worker))
  for (const played of cases) if (played.isAlone) await play(played)
  return cases.map(({ id }) => results.get(id) as Result)
}
