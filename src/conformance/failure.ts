/** What makes a case fail: the thing under test did not do what a sentence asks for. */
export class CaseFailure extends Error {
  override readonly name: string = 'CaseFailure'
  /** Identifiers of sentences that are broken, whatever the case is about. */
  readonly broken: readonly string[]

  constructor(message: string, broken: readonly string[] = []) {
    super(message)
    this.broken = broken
  }
}

/** What stops a case that asks for something the place cannot give. */
export class CaseSkipped extends Error {
  override readonly name: string = 'CaseSkipped'
}
