import { filledSettings, type Settings } from '../requests/settings.js'

/** A question in the address of a page: the same model gives the same answer to it, bit for bit. */
export interface LinkedQuestion {
  question: string
  settings: Settings
  /** Experts that are switched off or steered, such as `3:mlp:5`. */
  mask: readonly string[]
}

/** The address of a page that asks a question. Settings that are empty are left out. */
export function linkTo({ question, settings, mask }: LinkedQuestion, page: string): string {
  const address = new URL(withoutQuestion(page))
  address.hash = ''
  address.searchParams.set('ask', question)
  for (const [name, value] of Object.entries(settings)) if (value !== '') address.searchParams.set(name, value)
  for (const spec of mask) address.searchParams.append('mask', spec)
  return address.href
}

/** The address of the same page and model without a question. */
export function withoutQuestion(page: string): string {
  const address = new URL(page)
  const model = address.searchParams.get('model')
  address.search = model === null ? '' : new URLSearchParams({ model }).toString()
  return address.href
}

/** The question in an address; undefined if there is none. */
export function linkedQuestion(page: string): LinkedQuestion | undefined {
  const { searchParams } = new URL(page)
  const question = searchParams.get('ask')
  if (question === null) return undefined
  return { question, settings: filledSettings(Object.fromEntries(searchParams)), mask: searchParams.getAll('mask') }
}
