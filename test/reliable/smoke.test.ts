import { expect, it } from 'vitest'
import { at, laneBytes, openPair } from './world.ts'

it('a connection opens and carries bytes both ways', () => {
  const pair = openPair()
  expect(pair.near.handshakeHash).toEqual(pair.far.handshakeHash)
  pair.near.write(2, Buffer.from('hello'))
  pair.far.write(3, Buffer.alloc(500_000, 5))
  pair.world.run(at(3000))
  expect(laneBytes(pair.atRelay, 2).toString()).toBe('hello')
  expect(laneBytes(pair.atClient, 3).length).toBe(500_000)
  console.log(pair.near.stats, pair.far.stats)
})
