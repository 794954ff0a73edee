/**
 * Own messages of a sealed room that the relay is not known to have. They are kept as they were written: what
 * an earlier epoch sealed and the relay did not take is sealed again.
 */
import { concatBytes, uint32Bytes } from '../../base/bytes.ts'
import { FieldReader } from '../fields.ts'
import type { Changes } from '../records.ts'

const FORMAT = 1
const INNER_ID_BYTES = 16

/** The epoch of what is not sealed yet. */
const UNSEALED = 0xffffffff

/** One message as its author wrote it. */
export interface OwnMessage {
  /** What the relay's outbox knows it by. */
  readonly id: string
  /** Who waits for it in this run, or 0. */
  tag: number
  readonly kind: number
  /** 16 bytes, the same when it is sealed again. */
  readonly innerId: Uint8Array
  readonly body: Uint8Array
  /** The epoch that it is sealed in; undefined while it is not. */
  epoch: number | undefined
}

export class OwnMessages {
  readonly #changes: Changes
  readonly #prefix: string
  readonly #messages = new Map<string, OwnMessage>()

  constructor(changes: Changes, prefix: string) {
    this.#changes = changes
    this.#prefix = prefix
  }

  /** In the order in which they were written. */
  [Symbol.iterator](): IterableIterator<OwnMessage> {
    return this.#messages.values()
  }

  has(id: string): boolean {
    return this.#messages.has(id)
  }

  get(id: string): OwnMessage | undefined {
    return this.#messages.get(id)
  }

  /** How many are not sealed yet. */
  get unsealedCount(): number {
    let count = 0
    for (const { epoch } of this) if (epoch === undefined) count += 1
    return count
  }

  keep(message: OwnMessage): void {
    this.#messages.set(message.id, message)
    const { epoch = UNSEALED, kind, innerId, body } = message
    const parts = [Uint8Array.of(FORMAT), uint32Bytes(epoch), uint32Bytes(kind), innerId, body]
    this.#changes.put(this.#prefix + message.id, concatBytes(parts))
  }

  forget(id: string): void {
    if (this.#messages.delete(id)) this.#changes.forget(this.#prefix + id)
  }

  restore(id: string, record: Uint8Array): void {
    const reader = new FieldReader(record)
    const format = reader.byte()
    const epoch = reader.uint32()
    const kind = reader.uint32()
    const innerId = reader.bytes(INNER_ID_BYTES)
    const body = reader.rest()
    if (reader.hasFailed || format !== FORMAT) return
    this.#messages.set(id, {
      ...{ id, tag: 0, kind, innerId, body },
      epoch: epoch === UNSEALED ? undefined : epoch,
    })
  }
}
