/** Stops the program when our own reasoning turned out wrong. Never used for what a peer or a caller did. */
export function assert(condition: boolean, why: string): asserts condition {
  if (!condition) throw new AssertionFailure(why)
}

/** A bug of ours. Nothing catches it and carries on. */
export class AssertionFailure extends Error {
  override readonly name: string = 'AssertionFailure'
}
