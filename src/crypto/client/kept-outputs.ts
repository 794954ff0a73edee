/** Outputs that come out only after what they rest on was kept. */
import { UsageError } from '../../base/errors.ts'
import { Queue } from '../../base/queue.ts'
import { Changes } from '../records.ts'
import type { Save } from './outputs.ts'

export class KeptOutputs<T> {
  /** What is to be kept with the next save. */
  readonly changes: Changes = new Changes()
  readonly #outputs = new Queue<{ readonly version: number; readonly output: T }>()
  #hasNewOutput = false
  #version = 0
  #savedVersion = 0

  put(output: T): void {
    // What changed so far, and while this was made, goes into the next save.
    this.#hasNewOutput = true
    this.#outputs.push({ version: this.#version + 1, output })
  }

  /** What has to be kept now, if anything. */
  takeSave(): Save | undefined {
    if (this.changes.isEmpty && !this.#hasNewOutput) return undefined
    this.#hasNewOutput = false
    this.#version += 1
    return { version: this.#version, changes: this.changes.take() }
  }

  /** Everything up to this version is safe. */
  handleSaved(version: number): void {
    if (version > this.#version) throw new UsageError('bad_argument', 'nothing of that version was given out')
    this.#savedVersion = Math.max(this.#savedVersion, version)
  }

  /** The next output whose state was kept. */
  poll(): T | undefined {
    const next = this.#outputs.peek()
    //= PAL-SDC-022
    if (!next || next.version > this.#savedVersion) return undefined
    return this.#outputs.shift()?.output
  }
}
