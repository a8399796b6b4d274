import type { Model } from '../generation/types.js'

/** A prompt as the model gets it. */
export interface Frame {
  text: string
  /** Whether the frame is a template's, which writes special tokens itself. */
  hasSpecialTokens: boolean
  /** Texts that end the generation. */
  stop: string[]
  /** Whether what follows is an answer, and not the text's own continuation. */
  isAnswer: boolean
}

/**
 * Frames a prompt as one user message when the model has a chat template, unless `raw`. The model's own stop strings
 * belong to the frame; those of the user come on top.
 */
export async function framePrompt(
  model: Model,
  prompt: string,
  options: { raw?: boolean; stop?: string[]; signal?: AbortSignal },
): Promise<Frame> {
  const { raw, stop = [], signal } = options
  const asItIs = { text: prompt, hasSpecialTokens: false, isAnswer: false }
  if (raw) return { ...asItIs, stop }
  const stops = [...(model.generationDefaults.stop ?? []), ...stop]
  if (!model.chatTemplate) return { ...asItIs, stop: stops }
  const messages = [{ role: 'user', content: prompt }]
  const text = await model.chatTemplate.render(messages, { addGenerationPrompt: true, signal })
  return { text, hasSpecialTokens: true, stop: stops, isAnswer: true }
}
