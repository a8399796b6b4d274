import { isObject } from '../../../ground/json/json.js'

/* Of models that also take images or sound, molm runs the text part, whose config is `text_config` of config.json. */

/** Keys of the whole model that count for its text part, too. */
const SHARED_KEYS = ['tie_word_embeddings', 'quantization_config', 'molm_experts']
/** Keys of the whole model that count if the text part lacks them. */
const FALLBACK_KEYS = ['bos_token_id', 'eos_token_id', 'pad_token_id']

/** Tensors of the other parts, and of heads that predict several tokens at once. */
export const OTHER_PARTS =
  /^(model\.)?(visual|vision_tower|vision_model|embed_vision|audio_tower|embed_audio|multi_modal_projector)\.|^mtp\./

/** The config of a model's text part, and the model's type if it has other parts. */
export function textPart(json: Record<string, unknown>): { json: Record<string, unknown>; textPartOf?: string } {
  const { text_config: inner, model_type: type } = json
  if (!isObject(inner)) return { json }
  const pick = (keys: string[]) => Object.fromEntries(keys.filter((key) => key in json).map((key) => [key, json[key]]))
  return { json: { ...pick(FALLBACK_KEYS), ...inner, ...pick(SHARED_KEYS) }, textPartOf: String(type) }
}
