import { describe } from 'vitest'
import { testRelay } from './relay-play.ts'

// Over UDP a worker carries the whole connection: the contract of transports tests that in less time.
describe('our relay over tcp, its links carried by two workers', () => testRelay('tcp', 2))
