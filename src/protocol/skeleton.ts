import confusables from 'unicode-confusables'

/**
 * The skeleton of a folded name (UTS 39 section 4): names whose skeletons are equal look alike. Only for
 * comparing, never for showing.
 */
export function skeletonOf(folded: string): string {
  return confusables.rectifyConfusion(folded.normalize('NFD')).normalize('NFD').toLowerCase()
}
