import { type Atlas, nameIn } from '../experts/atlas.js'
import { type Committee, committeesOf } from '../experts/committee.js'
import type { NamedUsage } from '../experts/text-routes.js'
import type { TableBlock } from './figure.js'
import type { Scope } from './figure-options.js'
import { percent } from './percent.js'

/** Table of the committees of texts: the experts of each layer and kind that do much of the work whatever the text. */
export function committeeTable(
  texts: readonly NamedUsage[],
  { scope, atlas }: { scope: Scope; atlas?: Atlas },
): TableBlock {
  const rows = committeesOf(texts)
    .filter(scope.includes)
    .map((committee) => {
      const { kind, layer, members } = committee
      const named = ({ expert, share }: Committee['members'][number]) => {
        return { expert, share, name: nameIn(atlas, { kind, layer, expert }) }
      }
      return { ...committee, members: members.map(named) }
    })
  return tableOf(rows, texts.length)
}

type Row = Omit<Committee, 'members'> & { members: { expert: number; share?: number; name?: string }[] }

/** Table of committees that are known already, by `texts` texts. */
export function tableOf(rows: readonly Row[], texts: number): TableBlock {
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
      words: members.length > 0 ? members.map(describe) : ['none'],
    })),
    empty: 'none: no expert was used',
  }
}

function describe({ expert, share, name }: Row['members'][number]): string {
  return `${expert}${name === undefined ? '' : ` (${name})`}${share === undefined ? '' : ` ${Math.round(100 * share)} %`}`
}
