/** Our relay in every configuration, in a process of its own: whoever started it is told where it listens. */
import type { Setup } from '../../src/conformance/index.ts'
import { Relays } from './relays.ts'

/** What it is asked by messages. */
export type RelayRequest = { readonly restart: Setup } | 'stop'

/** What it answers: the addresses as they are now, and the processor time that it has used. */
export interface RelayAnswer {
  readonly addresses: Relays['addresses']
  readonly usedMs: number
}

const [kind, workers] = process.argv.slice(2)
const relays = new Relays(kind === 'udp' ? 'udp' : 'tcp', Number(workers))

function answer(): void {
  const { user, system } = process.cpuUsage()
  const told: RelayAnswer = { addresses: relays.addresses, usedMs: (user + system) / 1000 }
  process.send?.(told)
}

process.on('message', async (request: RelayRequest) => {
  if (request === 'stop') await relays.stop()
  else await relays.restart(request.restart)
  answer()
  if (request === 'stop') process.disconnect?.()
})
// Whoever started it may have been killed.
process.on('disconnect', () => process.exit())
await relays.start()
answer()
