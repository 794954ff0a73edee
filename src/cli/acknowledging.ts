/** Tells the client what was done with: entries in their order, none behind a file that is not complete. */
import type { ClientConnection } from '../node/client-connection.ts'
import type { ClientConversation } from '../protocol/client/index.ts'

export class Acknowledging {
  readonly #connection: ClientConnection
  /** The first part of each file that is on its way, by who sends it. */
  readonly #open = new Map<string, { readonly conversation: ClientConversation; readonly seq: number }>()

  constructor(connection: ClientConnection) {
    this.#connection = connection
  }

  /** A file began: entries from here on are needed again if the program ends before it is complete. */
  begin(source: string, conversation: ClientConversation, seq: number): void {
    if (!this.#open.has(source)) this.#open.set(source, { conversation, seq })
  }

  end(source: string): void {
    this.#open.delete(source)
  }

  /** Every entry up to `seq` is done with. */
  done(conversation: ClientConversation, seq: number): void {
    let last = seq
    for (const open of this.#open.values())
      if (open.conversation === conversation) last = Math.min(last, open.seq - 1)
    this.#connection.applied(conversation, last)
  }
}
