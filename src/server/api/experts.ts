import type { Context, Hono } from 'hono'
import * as z from 'zod'
import { type Atlas, nameIn } from '../../insight/atlas/atlas.js'
import { expertsThatMatter } from '../../insight/matters/experts-that-matter.js'
import { mattersObject } from '../../insight/matters/matters-forms.js'
import { lensObject } from '../../insight/pictures/kinds/lens-figure.js'
import { awakeIn, awakeSentence, type RankedExpert, rankedExperts } from '../../insight/usage/awake.js'
import { perLayer } from '../../insight/usage/usage.js'
import type { MixtureKind } from '../../model/config/config.js'
import { ApiError, refused, refusedParam } from '../common/api-error.js'
import { readBody } from '../http/body.js'
import type { ServerContext } from '../http/context.js'
import { respondOnce } from '../http/respond.js'
import type { ServedModels } from '../models/served-models.js'
import type { ChoiceSpec } from '../run/choice.js'
import { checkSpecs } from '../run/choices.js'
import { inTurn, runLens } from '../run/run-choice.js'
import { maskOf, PLAIN } from './begin.js'
import { isText, mask, mustBe, text, wholeFrom } from './fields.js'
import { tokenIds } from './tokenize.js'

/** Experts in each list of the most and least used. */
const LISTED = 10

/** Tokens, and kinds of text, of each expert in the served atlas. */
const PREFERRED = 5

/** Experts that matter in a response. */
const MATTERING = 12

/** Longest name of a mark, in characters. */
const MARK_NAME = 64

const markBody = z.strictObject({
  model: text.optional(),
  name: z.custom<string>(
    (value) => isText(value) && (value as string).length >= 1 && (value as string).length <= MARK_NAME,
    mustBe(`a text of 1 to ${MARK_NAME} characters`),
  ),
})

/**
 * `GET /experts`: the work of all experts since the server began or since a mark. `POST /experts/mark` sets one.
 * `GET /experts/atlas`: names of the experts. All are about the first model unless they name one, and load none.
 */
export function expertRoutes(app: Hono, models: ServedModels): void {
  app.get('/experts', async (c) => {
    const { model, since: mark } = parametersOf(c, 'model', 'since')
    const served = models.named(model)
    const { id, since, marks } = served
    const { atlas } = served.experts
    const time = mark === undefined ? since : marks.timeOf(mark)
    if (time === undefined) throw unknownMark(mark ?? '')
    const usage = await marks.usageSince(mark)
    const ranked = rankedExperts(usage)
    const listed = (experts: RankedExpert[]) =>
      experts.map((one) => ({ ...one, share: one.count / Math.max(1, usage.tokens), name: nameIn(atlas, one) }))
    return c.json({
      ...{ model: id, mark: mark ?? null, since: time, tokens: usage.tokens },
      ...{ awake: awakeIn(usage), sentence: awakeSentence(usage) },
      usage: perLayer(usage, ({ counts }) => [...counts]),
      entropy: perLayer(usage, ({ experts, entropy }) => (experts > 0 ? entropy : null)),
      fairness: perLayer(usage, ({ experts, fairness }) => (experts > 0 ? fairness : null)),
      gini: perLayer(usage, ({ experts, gini }) => (experts > 0 ? gini : null)),
      most_used: listed(ranked.slice(0, LISTED)),
      least_used: listed(ranked.slice(-LISTED).reverse()),
    })
  })
  app.post('/experts/mark', async (c) => {
    const { model, name } = await readBody(c, markBody, models)
    const { time, tokens } = await models.named(model).marks.set(name)
    return c.json({ mark: name, since: time, tokens })
  })
  app.get('/experts/atlas', (c) => {
    const { atlas } = models.named(parametersOf(c, 'model').model).experts
    if (atlas) return c.json(shortened(atlas))
    throw new ApiError(404, 'the model has no atlas; `molm serve --atlas FILE` reads one', { code: 'no_atlas' })
  })
}

const lensBody = z.strictObject({ model: text.optional(), prompt: tokenIds, mask })

const mattersBody = z.strictObject({
  model: text.optional(),
  prompt: tokenIds,
  answer: tokenIds,
  token: wholeFrom(0, 2 ** 24).optional(),
  mask,
})

/**
 * `POST /experts/lens`: what each expert of a prompt's last token says through the head. `POST /experts/matters`: the
 * experts whose absence changes an answer, or a token of it, most.
 */
export function lookRoutes(app: Hono, context: ServerContext): void {
  app.post('/experts/lens', async (c) => {
    const { prompt, mask } = await readBody(c, lensBody, context)
    const spec = specOf(prompt, mask, context)
    return respondOnce(c, context, async (ticket) => lensObject(await runLens(context, spec, ticket)))
  })
  app.post('/experts/matters', async (c) => {
    const { prompt, answer, token, mask } = await readBody(c, mattersBody, context)
    if (prompt.length === 0) throw refused('prompt', 'the prompt is empty')
    if (!((token ?? 0) < answer.length)) throw refusedParam('token', `the answer has no token ${token ?? 0}`)
    const spec = specOf([...prompt, ...answer], mask, context)
    return respondOnce(c, context, async (ticket) => {
      const options = { token, mask: spec.mask?.mask, signal: ticket.signal }
      const find = () => expertsThatMatter(context.model, prompt, answer, options)
      return mattersObject(await inTurn(context, spec, ticket, find), MATTERING)
    })
  })
}

/** Reads a prompt only. */
function specOf(prompt: number[], masked: string[] | undefined, context: ServerContext): ChoiceSpec {
  const spec = { prompt, reading: PLAIN, options: { maxTokens: 1 }, scorePrompt: false, routes: false }
  checkSpecs([spec], 1, context)
  return { ...spec, mask: maskOf({ mask: masked }, context) }
}

/** An atlas with the foremost preferences of each expert only, so that a page loads soon. */
function shortened({ entries, ...atlas }: Atlas): Atlas {
  const few = (layers: Atlas['entries'][MixtureKind]) =>
    layers?.map((experts) =>
      experts.map(({ tokens, texts, ...entry }) => {
        return { ...entry, tokens: tokens.slice(0, PREFERRED), texts: texts.slice(0, PREFERRED) }
      }),
    )
  const kinds = Object.keys(entries) as MixtureKind[]
  return { ...atlas, entries: Object.fromEntries(kinds.map((kind) => [kind, few(entries[kind])])) }
}

/** A request's parameters. Throws an ApiError for one that is not among `names`. */
function parametersOf<N extends string>(c: Context, ...names: N[]): Partial<Record<N, string>> {
  const given = c.req.query()
  const unknown = Object.keys(given).find((name) => !names.includes(name as N))
  if (unknown === undefined) return given as Partial<Record<N, string>>
  const known = names.map((name) => `"${name}"`).join(' and ')
  const message = `"${unknown.slice(0, 100)}" is not supported; there ${names.length > 1 ? 'are' : 'is'} ${known}`
  throw refusedParam(unknown.slice(0, 100), message, 'unknown_parameter')
}

function unknownMark(name: string): ApiError {
  const message = `there is no mark ${JSON.stringify(name.slice(0, 100))}; POST /experts/mark sets one`
  return new ApiError(404, message, { param: 'since', code: 'unknown_mark' })
}
