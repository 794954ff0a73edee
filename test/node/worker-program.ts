import { fileURLToPath } from 'node:url'

/** The program of workers as it is built: tests run from the sources, which Node does not start. */
export const WORKER_PROGRAM: string = fileURLToPath(
  new URL('../../dist/node/worker-process.js', import.meta.url),
)
