import { describe } from 'vitest'
import { testRelay } from './relay-play.ts'

describe.each(['tcp', 'udp'] as const)('our relay over %s, its links carried by two workers', (kind) =>
  testRelay(kind, 2),
)
