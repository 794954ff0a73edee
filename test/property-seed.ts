/**
 * Property tests draw from one seed, so that what passed here passes everywhere. `PALAVER_SEED=N` draws from
 * another; `PALAVER_SEED=random` from a new one each time, to look for what nobody has found yet.
 */
import fc from 'fast-check'

const chosen = process.env['PALAVER_SEED'] ?? '1'
if (chosen !== 'random') {
  const seed = Number(chosen)
  if (!Number.isSafeInteger(seed)) {
    throw new Error(`PALAVER_SEED is ${chosen}: give it a whole number, or "random".`)
  }
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })
}
