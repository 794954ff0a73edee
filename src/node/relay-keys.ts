/** The keys that a relay keeps for those who are away, over a connection. */
import { publishedPart, withOneTimePrekey } from '../crypto/bundle.ts'
import type { SealingOutput } from '../crypto/client/outputs.ts'
import type { ClientConnection } from './client-connection.ts'
import { PalaverError } from './palaver-error.ts'

/** What a client gives the relay to keep. */
export type PublishedKeys = Pick<
  Extract<SealingOutput, { kind: 'publish' }>,
  'bundle' | 'prekeys' | 'replaces'
>

/** Where bundles come from. What is asked for rejects with PalaverError. */
export interface RelayKeys {
  /** Whether the relay keeps keys at all; otherwise it is asked for nothing. */
  readonly isThere: boolean
  /** Resolves with how many one-time prekeys are kept. */
  publish(keys: PublishedKeys): Promise<number>
  /** The stored bundle of the account with that identity key; undefined when there is none. */
  claim(accountKey: Uint8Array): Promise<Uint8Array | undefined>
}

/** The keys at the relay of a connection. */
export function relayKeysOver(connection: ClientConnection): RelayKeys {
  return {
    //= PAL-SDC-037
    get isThere() {
      return connection.facts.limits.has('prekeysPerKey')
    },
    async publish({ bundle, prekeys, replaces }) {
      const { count } = await connection.request({
        type: 'publish',
        replaces,
        bundle: publishedPart(bundle),
        prekeys: prekeys.map(({ id, publicKey }) => ({ number: id, key: publicKey })),
      })
      return count
    },
    async claim(accountKey) {
      try {
        const { bundle, prekeys } = await connection.request({ type: 'claim', key: accountKey })
        const [first] = prekeys
        return withOneTimePrekey(bundle, first && { id: first.number, publicKey: first.key })
      } catch (error) {
        if (error instanceof PalaverError && error.code === 'no_keys') return undefined
        throw error
      }
    },
  }
}
