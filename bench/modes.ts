/** The workloads: who is there, who talks, how fast, and what is asked. */
import type { Party } from './peer.ts'

export interface Mode {
  readonly name: string
  readonly title: string
  readonly parties: readonly Party[]
  /** How many of them send, from the front of the list; every client of a pair does. */
  readonly publishers: number
  readonly bodyBytes: number
  /** Messages a second; 0 saturates, keeping `window` messages of each publisher under way. */
  readonly rate: number
  readonly window: number
  /** What the figure is. */
  readonly figure: 'throughput' | 'pace' | 'memory' | 'storm' | 'durable'
}

interface Shape {
  readonly publishers?: number
  readonly bodyBytes?: number
  readonly rate?: number
  readonly window?: number
  readonly figure?: Mode['figure']
}

const BODY_BYTES = 64

function mode(name: string, title: string, parties: readonly Party[], shape: Shape): Mode {
  const { publishers = parties.length, bodyBytes = BODY_BYTES, rate = 0, window = 1 } = shape
  return { name, title, parties, publishers, bodyBytes, rate, window, figure: shape.figure ?? 'throughput' }
}

/** Rooms of so many, listed so that the first members of all rooms come first. */
function inRooms(rooms: number, members: number): Party[] {
  return Array.from({ length: rooms * members }, (_, i) => ({
    name: `c${i}`,
    room: `r${i % rooms}`,
    partner: undefined,
  }))
}

function inPairs(pairs: number): Party[] {
  return Array.from({ length: pairs * 2 }, (_, i) => ({
    name: `c${i}`,
    room: undefined,
    partner: `c${i ^ 1}`,
  }))
}

export const MODES: readonly Mode[] = [
  mode('fan10', 'one room of 10, saturated', inRooms(1, 10), { window: 128 }),
  mode('fan100', 'one room of 100, saturated', inRooms(1, 100), { publishers: 10, window: 128 }),
  mode('fan1000', 'one room of 1,000, saturated', inRooms(1, 1000), { publishers: 10, window: 128 }),
  mode('rooms', '100 rooms of 10, saturated', inRooms(100, 10), {}),
  mode('kilobyte', 'one room of 100, 1 KiB, saturated', inRooms(1, 100), {
    publishers: 10,
    bodyBytes: 1024,
    window: 32,
  }),
  mode('direct', 'one to one, 100 pairs, saturated', inPairs(100), {}),
  mode('chat100', 'a room of 100, 200 messages/s', inRooms(1, 100), { rate: 200, figure: 'pace' }),
  mode('chat10', 'a room of 10, 2,000 messages/s', inRooms(1, 10), { rate: 2000, figure: 'pace' }),
  mode('chat2', 'one to one, 10 pairs, 2,000 messages/s', inPairs(10), { rate: 2000, figure: 'pace' }),
  mode('idle1000', '1,000 joined connections, idle', inRooms(20, 50), { figure: 'memory' }),
  mode('idle5000', '5,000 joined connections, idle', inRooms(100, 50), { figure: 'memory' }),
  mode('storm', '1,000 clients connect, log in and join', inRooms(20, 50), { figure: 'storm' }),
  mode('durable', '128 senders, each waits for its acknowledgement', inRooms(128, 1), { figure: 'durable' }),
]
