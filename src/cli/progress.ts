/** A line on standard error that shows how far a transfer is. */
import { sizeText } from './output.ts'

const REDRAW_MS = 100
const BAR_CELLS = 20

export interface Meter {
  readonly show: (name: string, done: number, size: number) => void
  readonly end: () => void
}

/** A meter that draws on a terminal, or one that does nothing. */
export function meter(isShown: boolean): Meter {
  if (!isShown) return { show: () => {}, end: () => {} }
  let drawnAt = 0
  let isDrawn = false
  return {
    show(name, done, size) {
      const now = performance.now()
      if (done < size && now - drawnAt < REDRAW_MS) return
      drawnAt = now
      isDrawn = true
      process.stderr.write(`\r\x1b[K${progressLine(name, done, size)}`)
    },
    end() {
      if (isDrawn) process.stderr.write('\n')
    },
  }
}

/** `photo.jpg 2.1 MiB [██████░░░░] 61 %` */
export function progressLine(name: string, done: number, size: number): string {
  const share = size === 0 ? 1 : done / size
  const cells = Math.round(share * BAR_CELLS)
  const bar = '█'.repeat(cells) + '░'.repeat(BAR_CELLS - cells)
  return `${name} ${sizeText(size)} [${bar}] ${Math.floor(share * 100)} %`
}
