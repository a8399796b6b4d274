import type { Model } from '../generation/types.js'

/** A prompt as the model gets it. */
export interface Frame {
  text: string
  /** Texts that end the generation. */
  stop: string[]
  /** Whether what follows is an answer, and not the text's own continuation. */
  isAnswer: boolean
}

/**
 * Frames a prompt as one user message when the model has a chat template, unless `raw`. The model's own stop strings
 * belong to the frame; those of the user come on top.
 */
export function framePrompt(model: Model, prompt: string, options: { raw?: boolean; stop?: string[] }): Frame {
  const { raw, stop = [] } = options
  if (raw) return { text: prompt, stop, isAnswer: false }
  const stops = [...(model.generationDefaults.stop ?? []), ...stop]
  if (!model.chatTemplate) return { text: prompt, stop: stops, isAnswer: false }
  const text = model.chatTemplate.render([{ role: 'user', content: prompt }], { addGenerationPrompt: true })
  return { text, stop: stops, isAnswer: true }
}
