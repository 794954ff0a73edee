import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Queue } from '../../src/base/index.ts'

describe('Queue', () => {
  test('is first in, first out for any script of pushes, shifts and clears', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant('push') },
      { weight: 5, arbitrary: fc.constant('shift') },
      { weight: 1, arbitrary: fc.constant('clear') },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (script) => {
        const queue = new Queue<number>()
        let model: number[] = []
        let next = 0
        for (const each of script) {
          if (each === 'push') {
            queue.push(next)
            model.push(next++)
          } else if (each === 'shift') expect(queue.shift()).toBe(model.shift())
          else {
            queue.clear()
            model = []
          }
          expect(queue.length).toBe(model.length)
          expect(queue.peek()).toBe(model[0])
        }
      }),
    )
  })

  test('a long queue keeps its order while its head moves', () => {
    const queue = new Queue<number>()
    for (let i = 0; i < 100_000; i++) queue.push(i)
    for (let i = 0; i < 100_000; i++) {
      if (queue.shift() !== i) throw new Error(`item ${i} is out of order`)
      if (i % 3 === 0) queue.push(100_000 + i / 3)
    }
    expect(queue.shift()).toBe(100_000)
  })
})
