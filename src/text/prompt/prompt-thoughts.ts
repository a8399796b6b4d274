import type { ThinkingForm } from '../answers/thinking-form.js'

/** Thoughts at the end of a prompt that begins an answer. */
export interface PromptThoughts {
  /** `open`: the answer continues thoughts. `closed`: it begins behind them. `ahead`: it may begin with thoughts. */
  place: 'open' | 'closed' | 'ahead'
  /** Text behind the prompt that closes the thoughts. */
  added: string
  /** Whether that text opens the content, too. */
  opensContent: boolean
}

export function promptThoughts(prompt: string, { open, close }: ThinkingForm): PromptThoughts {
  const end = prompt.trimEnd()
  const place = end.endsWith(close.trim()) ? 'closed' : end.endsWith(open.trim()) ? 'open' : 'ahead'
  return { place, added: '', opensContent: false }
}

/** Closes thoughts that the prompt leaves open or ahead. `mayCall`: a call may follow in place of content. */
export function closedThoughts({ place }: PromptThoughts, form: ThinkingForm, mayCall: boolean): PromptThoughts {
  if (place === 'closed') return { place, added: '', opensContent: false }
  if (place === 'open') return { place: 'closed', added: `\n${form.close}${form.next}`, opensContent: false }
  if (!isMessage(form)) return { place: 'closed', added: form.none, opensContent: false }
  // The model could begin another message of thoughts.
  const content = mayCall ? '' : form.content
  return { place: 'closed', added: `${form.open}${form.close}${form.next}${content}`, opensContent: content !== '' }
}

/** Whether thoughts are a message of their own, so that the rest of the answer begins with a header again. */
export function isMessage({ next }: ThinkingForm): boolean {
  return next.trim() !== ''
}
