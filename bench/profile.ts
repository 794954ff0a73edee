/** What a profile of the relay says: where its time went, by function. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const SHOWN = 16

/** What Node is told so that it leaves a profile in the folder. */
export function profilingOptions(folder: string, name: string): string[] {
  return ['--cpu-prof', '--cpu-prof-dir', folder, '--cpu-prof-name', `${name}.cpuprofile`]
}

/** Functions of a profile by their own time, leaving out idleness; the first is the heaviest. */
export function heaviest(profile: Profile): { readonly what: string; readonly share: number }[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  let total = 0
  for (const [i, id] of profile.samples.entries()) {
    const name = names.get(id) ?? '?'
    const time = profile.timeDeltas[i] ?? 0
    if (name === '(idle)') continue
    total += time
    times.set(name, (times.get(name) ?? 0) + time)
  }
  const sorted = [...times].sort(([, a], [, b]) => b - a)
  return sorted.map(([what, time]) => ({ what, share: time / total }))
}

function nameOf({ functionName, url, lineNumber }: ProfileNode['callFrame']): string {
  const name = functionName === '' ? 'anonymous' : functionName
  return url === '' ? name : `${name} ${basename(url)}:${lineNumber + 1}`
}

/** The heaviest functions of the profiles in a folder, one after the other. */
export function profileText(folder: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
  const parts = files.sort().map((file) => {
    const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile
    const lines = heaviest(profile).slice(0, SHOWN)
    const shown = lines.map(({ what, share }) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${what}`)
    return [file, ...shown].join('\n')
  })
  return parts.join('\n\n')
}
