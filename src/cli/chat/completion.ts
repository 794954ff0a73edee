/** What Tab makes of the word before the cursor. */

/** Words to choose from, and where they go. */
export interface Completion {
  /** The text before the word. */
  readonly start: string
  /** Each with what follows it. */
  readonly options: readonly string[]
}

export interface CompletionSources {
  readonly names: readonly string[]
  readonly rooms: readonly string[]
  readonly commands: readonly string[]
}

/** The completions of the last word in `before`, best first. */
export function completionsOf(before: string, sources: CompletionSources): Completion {
  const space = before.lastIndexOf(' ') + 1
  const start = before.slice(0, space)
  const word = before.slice(space)
  if (start === '' && word.startsWith('/'))
    return { start, options: matching(word.slice(1), sources.commands).map((command) => `/${command} `) }
  if (word.startsWith('#'))
    return { start, options: matching(word.slice(1), sources.rooms).map((room) => `#${room} `) }
  if (word === '') return { start, options: [] }
  const ending = start === '' ? ': ' : ' '
  const sign = word.startsWith('@') ? '@' : ''
  return {
    start,
    options: matching(word.slice(sign.length), sources.names).map((name) => sign + name + ending),
  }
}

function matching(beginning: string, candidates: readonly string[]): string[] {
  const wanted = beginning.toLowerCase()
  return candidates.filter((each) => each.toLowerCase().startsWith(wanted)).sort()
}

/** Goes through the completions with each Tab until another key is pressed. */
export class TabCycle {
  #completion: Completion | undefined
  #index = -1

  /** The text that replaces `before`, or undefined when nothing fits. */
  next(before: string, sources: CompletionSources): string | undefined {
    this.#completion ??= completionsOf(before, sources)
    const { start, options } = this.#completion
    if (options.length === 0) return undefined
    this.#index = (this.#index + 1) % options.length
    return start + (options[this.#index] as string)
  }

  reset(): void {
    this.#completion = undefined
    this.#index = -1
  }
}
