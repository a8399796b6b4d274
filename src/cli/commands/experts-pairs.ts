import type { Atlas } from '../../experts/atlas.js'
import { pairsAcross, pairsWithin } from '../../experts/expert-pairs.js'
import { pairsCsv, pairsJson } from '../../experts/pairs-csv.js'
import type { TextRoutes } from '../../experts/text-routes.js'
import { drawPairs } from '../../pictures/pairs-figure.js'
import type { FormedReport } from './experts-report.js'

/** The pairs to report: of a layer, or of one layer and the next. */
export type PairsOf = 'pairs' | 'flow'

/** Reports which experts are chosen by the same tokens, or one after the other. */
export function pairsReport(texts: readonly TextRoutes[], of: PairsOf, atlas?: Atlas): FormedReport {
  const tables = of === 'pairs' ? pairsWithin(texts) : pairsAcross(texts)
  const tokens = texts.reduce((sum, { tokens }) => sum + tokens.length, 0)
  return {
    figure: (options) => drawPairs(texts, tables, { ...options, tokens: false, atlas }),
    json: () => pairsJson(texts[0].model.name, tokens, tables),
    csv: () => pairsCsv(tables),
  }
}
