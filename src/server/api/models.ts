import type { Context, Hono } from 'hono'
import type { Think } from '../../api/chat-options.js'
import type { ChatTemplate } from '../../api/text.js'
import { perMixture } from '../../model/config/config.js'
import { usedPerToken } from '../../model/config/experts-per-token.js'
import { maskSpecs } from '../../model/config/mask-spec.js'
import { thinkingChoices } from '../../text/chat-frame.js'
import type { ServedModel } from '../models/served-model.js'
import type { ServedModels } from '../models/served-models.js'

/**
 * `GET /v1/models` and `/v1/models/ID`: all models of the server, whether they are in memory or not. `installed` gives the
 * names of others on this computer.
 */
export function modelRoutes(app: Hono, models: ServedModels, installed?: () => Promise<readonly string[]>): void {
  app.get('/v1/models', async (c) => {
    const data = await Promise.all(models.all.map(cardOf))
    const others = (await installed?.())?.filter((name) => !data.some(({ id }) => id === name))
    return c.json({ object: 'list', data, ...(others && { not_served: others }) })
  })
  // A name may contain slashes.
  app.get('/v1/models/:id{.+}', async (c: Context) => c.json(await cardOf(models.named(c.req.param('id')))))
}

/** Settings of thinking by template. They are found by rendering it, so not before the first request. */
const found = new WeakMap<ChatTemplate, Promise<readonly Think[]>>()

export async function thinkingOf(template: ChatTemplate | undefined): Promise<readonly Think[]> {
  if (!template) return []
  const thinking = found.get(template) ?? thinkingChoices(template).catch(() => [])
  found.set(template, thinking)
  return thinking
}

async function cardOf(served: ServedModel) {
  const { id, since, outline, state, hasFailed, experts } = served
  const { name, config, info, chatTemplate } = outline
  const { mask, atlas } = experts
  const { family, parameters, activeParameters, quant, bytes } = info
  const { mixtures } = config
  const taught = mixtures.filter(({ newExperts }) => newExperts)
  const withAlways = mixtures.filter(({ routing }) => routing?.always)
  const withFactor = mixtures.filter(({ routing }) => (routing?.factor ?? 1) !== 1)
  const thinking = await thinkingOf(chatTemplate)
  return {
    id,
    object: 'model',
    created: since,
    owned_by: 'molm',
    // In the form of llama-server.
    status: { value: state, ...(hasFailed && { failed: true }) },
    max_model_len: served.contextTokens,
    meta: {
      ...{ name, family, quant, parameters, active_parameters: activeParameters, bytes },
      // Tokens of the texts that it was trained on, as llama-server names them.
      ...(config.trainedContext > 0 && { n_ctx_train: config.trainedContext }),
      chat_template: chatTemplate !== undefined,
      // Whether it can call tools.
      ...(chatTemplate?.response?.fields.tool_calls && { tools: true }),
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
      ...(thinking.length > 0 && { thinking }),
    },
  }
}
