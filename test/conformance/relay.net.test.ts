import { describe } from 'vitest'
import { testRelay } from './relay-play.ts'

describe.each(['tcp', 'udp'] as const)('our relay over %s', (kind) => testRelay(kind, 1))
