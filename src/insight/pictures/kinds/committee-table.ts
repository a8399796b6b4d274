import type { Atlas } from '../../atlas/atlas.js'
import type { Committee } from '../../atlas/committee.js'
import type { TableBlock } from '../blocks/figure.js'
import { percent } from '../blocks/labels.js'
import { bracketedName } from './caption.js'

type Row = Omit<Committee, 'members'> & { members: { expert: number; share?: number }[] }

/** Table of committees by `texts` texts: the experts of each layer and kind that do much of the work whatever the text. */
export function committeeTable(rows: readonly Row[], texts: number, atlas?: Atlas): TableBlock {
  const hasAlways = rows.some(({ always }) => always.length > 0)
  return {
    type: 'table',
    title:
      texts === 1
        ? 'Committee: the fewest experts of a layer that do half of its work'
        : `Committee: experts among the fewest that do half of a layer’s work in each of the ${texts} texts`,
    head: ['layer', 'members', 'share', 'Gini', 'fairness (Jain)', ...(hasAlways ? ['every token'] : []), 'experts'],
    rows: rows.map(({ kind, layer, members, share, gini, fairness, always }) => ({
      cells: [
        `layer ${layer} ${kind}`,
        String(members.length),
        members.length > 0 ? percent(share) : '-',
        gini.toFixed(2),
        fairness.toFixed(2),
        ...(hasAlways ? [always.join(', ')] : []),
      ],
      words:
        members.length > 0
          ? members.map(({ expert, share }) => {
              const ofWork = share === undefined ? '' : ` ${Math.round(100 * share)} %`
              return `${expert}${bracketedName(atlas, { kind, layer, expert })}${ofWork}`
            })
          : ['none'],
    })),
    empty: 'none: no expert was used',
  }
}
