/** Files that others sent, kept in memory until they are saved. */
import type { FileSink } from '../file-receiving.ts'

const KEPT_BYTES_MAX = 64 * 1024 * 1024
const KEPT_FILES_MAX = 64

export class KeptFiles {
  readonly #files = new Map<string, Uint8Array>()
  /** Of files kept and of those under way, by what they announced. */
  #bytes = 0
  #count = 0

  /** Names and sizes. */
  get list(): readonly (readonly [string, number])[] {
    return [...this.#files].map(([name, bytes]) => [name, bytes.length])
  }

  get(name: string): Uint8Array | undefined {
    return this.#files.get(name)
  }

  /** Makes room by forgetting a file. */
  drop(name: string): void {
    const bytes = this.#files.get(name)
    if (!bytes) return
    this.#files.delete(name)
    this.#release(bytes.length)
  }

  /** A sink for a file, or undefined when there is no room for it. */
  openSink(name: string, size: number): FileSink | undefined {
    if (this.#bytes + size > KEPT_BYTES_MAX || this.#count >= KEPT_FILES_MAX) return undefined
    this.#bytes += size
    this.#count += 1
    const parts: Uint8Array[] = []
    return {
      write: (data) => {
        parts.push(data.slice())
      },
      finish: () => {
        const free = this.#freeName(name)
        this.#files.set(free, Buffer.concat(parts))
        return free
      },
      discard: () => this.#release(size),
    }
  }

  #release(size: number): void {
    this.#bytes -= size
    this.#count -= 1
  }

  #freeName(name: string): string {
    let free = name
    for (let number = 2; this.#files.has(free); number++) free = `${number}-${name}`
    return free
  }
}
