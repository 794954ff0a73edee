import { setFlagsFromString } from 'node:v8'

/**
 * Keeps the space for young objects as small as it is when the process has started. V8 lets it grow to two or
 * three times 16 MiB, which a relay with some thousand links needs more for these; and since little that a
 * relay makes lives long, many small collections cost no more than a few large ones, and each pauses less.
 */
export function keepNurserySmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
