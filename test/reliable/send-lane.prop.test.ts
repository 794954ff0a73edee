/** In whatever order and cut acknowledgements come, a lane holds what follows the first byte without one. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SendLane } from '../../src/reliable/send-lane.ts'

const LENGTH = 64

/** A lane on which everything was sent. */
function sentLane(): SendLane {
  const lane = new SendLane(LENGTH)
  for (let at = 0; at < LENGTH; at += 8) lane.push(new Uint8Array(8))
  lane.onSent(0, LENGTH)
  return lane
}

describe('a lane of a sender', () => {
  //= PAL-UDP-050
  it('lets go of ranges that one piece, cut otherwise when it was sent again, reaches over', () => {
    const lane = sentLane()
    expect(lane.onAcked(8, 4)).toBe(0)
    expect(lane.onAcked(32, 32)).toBe(0)
    expect(lane.onAcked(0, 32)).toBe(LENGTH)
    expect(lane.pieceCount).toBe(0)
  })

  //= PAL-UDP-050
  it('counts every byte as let go once, when all before it are acknowledged', () => {
    const piece = fc.record({ at: fc.nat(LENGTH - 1), length: fc.integer({ min: 1, max: 32 }) })
    fc.assert(
      fc.property(fc.array(fc.record({ piece, isLost: fc.boolean() }), { maxLength: 40 }), (steps) => {
        const lane = sentLane()
        const acked = new Array<boolean>(LENGTH).fill(false)
        let letGo = 0
        for (const { piece, isLost } of steps) {
          const length = Math.min(piece.length, LENGTH - piece.at)
          if (isLost) lane.onLost(piece.at, length)
          else {
            acked.fill(true, piece.at, piece.at + length)
            letGo += lane.onAcked(piece.at, length)
          }
          const gap = acked.indexOf(false)
          expect(letGo).toBe(gap < 0 ? LENGTH : gap)
          expect(lane.pieceCount).toBe(Math.ceil((LENGTH - (letGo - (letGo % 8))) / 8))
          if (lane.hasLost) expect(acked[lane.lostStart]).toBe(false)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
