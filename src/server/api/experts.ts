import { type Context, Hono } from 'hono'
import { awakeIn, awakeSentence } from '../../experts/awake.js'
import { rankedExperts } from '../../experts/ranked-experts.js'
import { perLayer } from '../../experts/usage.js'
import { ApiError } from '../common/api-error.js'
import { readBody } from '../http/body.js'
import type { ServerContext } from '../http/context.js'
import { ExpertMarks } from '../run/expert-marks.js'
import { markBody } from './schemas.js'

/** Experts in each list of the most and least used. */
const LISTED = 10

/** `GET /experts`: the work of all experts since the model was loaded or since a mark. `POST /experts/mark` sets one. */
export function expertRoutes(context: ServerContext): Hono {
  const { id, since, model } = context
  const marks = new ExpertMarks(model)
  const app = new Hono()
  app.get('/experts', async (c) => {
    const mark = markOf(c)
    const time = mark === undefined ? since : marks.timeOf(mark)
    if (time === undefined) throw unknownMark(mark ?? '')
    const usage = await marks.usageSince(mark)
    const ranked = rankedExperts(usage).map((one) => ({ ...one, share: one.count / Math.max(1, usage.tokens) }))
    return c.json({
      ...{ model: id, mark: mark ?? null, since: time, tokens: usage.tokens },
      ...{ awake: awakeIn(usage), sentence: awakeSentence(usage) },
      usage: perLayer(usage, ({ counts }) => [...counts]),
      entropy: perLayer(usage, ({ experts, entropy }) => (experts > 0 ? entropy : null)),
      fairness: perLayer(usage, ({ experts, fairness }) => (experts > 0 ? fairness : null)),
      gini: perLayer(usage, ({ experts, gini }) => (experts > 0 ? gini : null)),
      most_used: ranked.slice(0, LISTED),
      least_used: ranked.slice(-LISTED).reverse(),
    })
  })
  app.post('/experts/mark', async (c) => {
    const { name } = await readBody(c, markBody, context)
    const { time, tokens } = await marks.set(name)
    return c.json({ mark: name, since: time, tokens })
  })
  return app
}

/** The mark that a request names. Throws an ApiError for any other parameter. */
function markOf(c: Context): string | undefined {
  const unknown = Object.keys(c.req.query()).find((name) => name !== 'since')
  if (unknown === undefined) return c.req.query('since')
  const message = `"${unknown.slice(0, 100)}" is not supported; the only parameter is "since"`
  throw new ApiError(400, message, { param: unknown.slice(0, 100), code: 'unknown_parameter' })
}

function unknownMark(name: string): ApiError {
  const message = `there is no mark ${JSON.stringify(name.slice(0, 100))}; POST /experts/mark sets one`
  return new ApiError(404, message, { param: 'since', code: 'unknown_mark' })
}
