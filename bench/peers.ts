/** Every server the benchmark knows, ours first. */
import { inspircd, ngircd } from './adapters/irc.ts'
import { aedes, mosquitto } from './adapters/mqtt.ts'
import { nats } from './adapters/nats.ts'
import { palaver } from './adapters/palaver.ts'
import { redis } from './adapters/redis.ts'
import { threaded } from './adapters/threaded.ts'
import { socketIo, wsBroadcast } from './adapters/websocket.ts'
import type { Peer } from './peer.ts'

const PLAIN = { isDurable: false, serveOptions: [], transports: ['tcp'] } as const

export const PEERS: readonly Peer[] = [
  palaver({ name: 'palaver', ...PLAIN }),
  palaver({ name: 'palaver-udp', ...PLAIN, transports: ['tcp', 'udp'] }),
  palaver({ name: 'palaver-workers', ...PLAIN, serveOptions: ['--workers', '2'] }),
  palaver({
    name: 'palaver-workers-udp',
    ...PLAIN,
    transports: ['tcp', 'udp'],
    serveOptions: ['--workers', '2'],
  }),
  nats(false),
  redis,
  mosquitto(false),
  inspircd,
  ngircd,
  wsBroadcast,
  socketIo,
  aedes,
  threaded,
  palaver({ name: 'palaver-durable', ...PLAIN, isDurable: true }),
  nats(true),
  mosquitto(true),
]

/** Those that have packages in bench/peers. */
export const NPM_PEERS: ReadonlySet<string> = new Set(['ws', 'socket.io', 'aedes'])

export const STANDARD_PEERS: readonly string[] = [
  'palaver',
  'nats',
  'redis',
  'mosquitto',
  'inspircd',
  'palaver-durable',
  'jetstream',
  'mosquitto-qos1',
]
