import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Deadlines, type Instant, NEVER, Queue } from '../../src/base/index.ts'

const at = (ms: number): Instant => ms as Instant

describe('Deadlines', () => {
  test('without items the earliest deadline is never and nothing is due', () => {
    const deadlines = new Deadlines<string>()
    expect(deadlines.earliest).toBe(NEVER)
    expect(deadlines.popDue(at(1e15))).toBeUndefined()
  })

  test('items come out in the order of their deadlines, none before its time and none twice', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ push: fc.integer({ min: 0, max: 1000 }) }),
        fc.record({ popAt: fc.integer({ min: 0, max: 1000 }) }),
      ),
      { maxLength: 200 },
    )
    fc.assert(
      fc.property(steps, (script) => {
        const deadlines = new Deadlines<number>()
        const model: { at: number; item: number }[] = []
        let pushed = 0
        for (const step of script) {
          if ('push' in step) {
            deadlines.push(at(step.push), pushed)
            model.push({ at: step.push, item: pushed++ })
          } else {
            const item = deadlines.popDue(at(step.popAt))
            const least = Math.min(...model.map((entry) => entry.at))
            if (item === undefined) expect(least).toBeGreaterThan(step.popAt)
            else {
              const index = model.findIndex((entry) => entry.item === item)
              expect(model[index]?.at).toBe(least)
              model.splice(index, 1)
            }
          }
          expect(deadlines.length).toBe(model.length)
          expect(deadlines.earliest).toBe(Math.min(NEVER, ...model.map((entry) => entry.at)))
        }
      }),
    )
  })
})

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
