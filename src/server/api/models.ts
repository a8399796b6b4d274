import { type Context, Hono } from 'hono'
import type { Think } from '../../api/chat.js'
import { perMixture } from '../../model/config.js'
import { usedPerToken } from '../../model/experts-per-token.js'
import { maskSpecs } from '../../model/mask-spec.js'
import { thinkingChoices } from '../../text/chat-frame.js'
import { isNameOf, unknownModel } from '../http/body.js'
import type { ServerContext } from '../http/context.js'

/** `GET /v1/models` and `/v1/models/ID`: the server's only model. */
export function modelRoutes({ id, since, model, limits, mask, atlas }: ServerContext): Hono {
  const { family, parameters, activeParameters, quant, bytes } = model.info
  const { mixtures } = model.config
  const taught = mixtures.filter(({ newExperts }) => newExperts)
  const withAlways = mixtures.filter(({ routing }) => routing?.always)
  const withFactor = mixtures.filter(({ routing }) => (routing?.factor ?? 1) !== 1)
  const card = {
    id,
    object: 'model',
    created: since,
    owned_by: 'molm',
    max_model_len: limits.contextTokens,
    meta: {
      ...{ name: model.name, family, quant, parameters, active_parameters: activeParameters, bytes },
      chat_template: model.chatTemplate !== undefined,
      // Whether it can call tools.
      ...(model.chatTemplate?.response?.fields.tool_calls && { tools: true }),
      // A list per kind, an entry per layer.
      experts: perMixture(mixtures, ({ experts }) => experts),
      // A number, or a list if the layers differ.
      experts_per_token: perMixture(mixtures, usedPerToken),
      // Ids of experts that were taught to the model later.
      ...(taught.length > 0 && { newcomers: perMixture(taught, ({ newExperts }) => newExperts) }),
      // Ids of experts that every token uses.
      ...(withAlways.length > 0 && {
        always_chosen: perMixture(withAlways, ({ routing }) => routing?.always?.map(({ ids }) => ids)),
      }),
      // Experts that no request may use.
      ...(mask && { mask: maskSpecs(mask) }),
      // Whether GET /experts/atlas has names of the experts.
      ...(atlas && { atlas: true }),
      // Largest possible gates, if not 1.
      ...(withFactor.length > 0 && { gate_factor: perMixture(withFactor, ({ routing }) => routing?.factor) }),
    },
  }
  // Found by rendering the template, so not before the first request.
  let thinking: Promise<readonly Think[]> | undefined
  const complete = async () => {
    thinking ??= thinkingChoices(model.chatTemplate).catch(() => [])
    const choices = await thinking
    return choices.length === 0 ? card : { ...card, meta: { ...card.meta, thinking: choices } }
  }
  const app = new Hono()
  app.get('/v1/models', async (c) => c.json({ object: 'list', data: [await complete()] }))
  // A name may contain slashes.
  app.get('/v1/models/:id{.+}', async (c: Context) => {
    const named = c.req.param('id') ?? ''
    if (!isNameOf(named, [id, model.name])) throw unknownModel(named, id)
    return c.json(await complete())
  })
  return app
}
