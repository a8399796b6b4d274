import type { PromptRead } from '../run/choice.js'

/** Progress of reading a prompt, in the form of llama.cpp's server. Without the cache it is (processed - cache) / (total - cache). */
export function promptProgress({ timeMs, ...tokens }: PromptRead) {
  return { prompt_progress: { ...tokens, time_ms: Math.round(timeMs) } }
}
