/** Changes that no rule finds: what a sentence asks for is spread over lines, or is an absence. */
export interface Extra {
  readonly path: string
  readonly requirements: readonly string[]
  readonly find: string
  readonly replace: string
}

export const EXTRA: readonly Extra[] = []
