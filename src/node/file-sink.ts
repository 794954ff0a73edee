/** Where the bytes of a file go that comes in parts, and what became of it. */

/** Takes the bytes of one file. */
export interface FileSink {
  write(data: Uint8Array): void
  /** Keeps the file; returns where it is. */
  finish(): string
  discard(): void
}

/** What a part led to. */
export type PartResult =
  | { readonly kind: 'started' | 'more'; readonly name: string; readonly done: number; readonly size: number }
  | {
      readonly kind: 'complete'
      readonly name: string
      readonly size: number
      readonly sha256: string
      readonly where: string
    }
  | { readonly kind: 'refused'; readonly name: string; readonly why: string }
  /** No sink took the file, told at its first part; the parts that follow are ignored. */
  | { readonly kind: 'no_room' | 'ignored'; readonly name: string }
