/**
 * What a message costs the relay: CPU time of its process over loopback, by how many messages are sent at
 * once, with the profile of where it goes. CPU time counts, so that other programs disturb little.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { round } from './figures.ts'
import type { Keep, Request } from './modes.ts'
import { World } from './world.ts'

const PER_SECOND = 1000
const SECONDS_MAX = 10
const WARMUP_SECONDS = 4
const BURSTS = [1, 5, 20]
const TICKS_PER_SECOND = 100
const PROFILE_ROWS = 14

/** One figure for each of our transports and each size of bursts, in turn. */
export async function cpu(request: Request, keep: Keep): Promise<void> {
  const seconds = Math.min(SECONDS_MAX, request.seconds)
  for (const burst of BURSTS)
    for (const contestant of ['tcp', 'udp'] as const) {
      const world = await World.start({ contestant, settings: {}, isLocal: true })
      const values = await measure(world, burst, seconds)
      await world.stop()
      keep({ mode: 'cpu', setting: `${burst} at once`, contestant, values })
    }
  for (const contestant of ['tcp', 'udp'] as const) console.log(await profile(contestant, seconds))
}

async function measure(world: World, burst: number, seconds: number): Promise<Record<string, number>> {
  await talk(world, burst, WARMUP_SECONDS)
  const before = await world.sender.report()
  const cpuBefore = cpuSeconds(world.relayPid)
  const count = await talk(world, burst, seconds)
  const cpuUs = (1e6 * (cpuSeconds(world.relayPid) - cpuBefore)) / count
  const after = await world.sender.report()
  const perMessage = (of: 'packetsSent' | 'packetsReceived'): number =>
    Math.round((100 * ((after[of] ?? Number.NaN) - (before[of] ?? Number.NaN))) / count) / 100
  return {
    cpuUs: round(cpuUs),
    packetsToRelay: perMessage('packetsSent'),
    packetsFromRelay: perMessage('packetsReceived'),
    messages: count,
  }
}

async function talk(world: World, burst: number, seconds: number): Promise<number> {
  world.sender.tell({ type: 'talk', perSecond: PER_SECOND, seconds, burst })
  const { count } = await world.sender.hear('said')
  return count as number
}

/** User and system time of the process, from the kernel. */
function cpuSeconds(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
}

/** Where the relay's time goes, by the function that was running. */
async function profile(contestant: 'tcp' | 'udp', seconds: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'palaver-profile-'))
  const world = await World.start({ contestant, settings: {}, isLocal: true, profileTo: folder })
  await talk(world, 1, seconds)
  await world.stopRelay()
  await world.stop()
  const [name = ''] = readdirSync(folder)
  const taken = JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile
  rmSync(folder, { recursive: true })
  const samples = new Map<string, number>()
  const names = new Map(taken.nodes.map(({ id, callFrame }) => [id, frameName(callFrame)]))
  let busy = 0
  for (const id of taken.samples) {
    const frame = names.get(id) as string
    if (frame === '(idle)') continue
    busy += 1
    samples.set(frame, (samples.get(frame) ?? 0) + 1)
  }
  const rows = [...samples].sort((a, b) => b[1] - a[1]).slice(0, PROFILE_ROWS)
  const lines = rows.map(([frame, count]) => `${((100 * count) / busy).toFixed(1).padStart(5)} %  ${frame}`)
  return [`profile of the relay over ${contestant}, ${PER_SECOND} messages/s:`, ...lines].join('\n')
}

function frameName({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const file = url.replace(/^.*\/(dist|node_modules)\//u, '').replace(/^file:\/\//u, '')
  return `${functionName || '(anonymous)'}${file === '' ? '' : `  ${file}:${lineNumber + 1}`}`
}
