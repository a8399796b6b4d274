import type { TokenEffect } from '../../../api/read-out.js'
import { UsageError } from '../../../ground/errors.js'
import { lensOf, type SpokenExpert } from '../../../insight/lens.js'
import { signed } from '../../../insight/matters/matters-forms.js'
import { visibleToken } from '../../../insight/pictures/blocks/labels.js'
import { expertInTable } from '../../../insight/pictures/kinds/caption.js'
import { EARLY_LAYERS, strongestFirst } from '../../../insight/pictures/kinds/lens-figure.js'
import type { Chat } from '../chat-state.js'

/** Experts in each list, in a low window and in others. */
const LISTED = { low: 2, high: 5 }
const LOW = 30

/** Says what chose the token of the walk, and what its experts say after it. */
export async function showLens(chat: Chat): Promise<void> {
  const { ids, at } = idsOfToken(chat)
  const looked = chat.map.shown
  await chat.work(async () => {
    const lens = await lensOf(chat.model, ids.slice(0, at + 1), { mask: chat.conversation.mask })
    if (looked) looked.lens = lens
    const word = (token: number) => JSON.stringify(visibleToken(chat.model.tokenizer.decode([token])))
    const most = (chat.terminal?.size.rows ?? LOW) < LOW ? LISTED.low : LISTED.high
    const words = (effects: readonly TokenEffect[]) =>
      effects
        .slice(0, most)
        .map(({ token }) => word(token))
        .join(' ')
    const list = (head: string, experts: readonly SpokenExpert[], said: (one: SpokenExpert) => string) => {
      const { strong, weak } = strongestFirst(experts)
      const shown = strong.slice(0, most)
      const others = strong.length - shown.length + weak
      const more = others > 0 ? `, and ${others} with less` : ''
      return [`${head}${more}:`, ...shown.map((one) => `  ${expertInTable(one)} ${said(one)}`)]
    }
    const lines = [
      ...(at === 0
        ? []
        : list(`what chose ${word(ids[at])}, by the experts of ${word(ids[at - 1])}`, lens.chose, ({ effect = 0 }) => {
            return `makes it ${effect < 0 ? 'unlikelier' : 'likelier'}: logit ${signed(effect)}`
          })),
      ...list(`what the experts of ${word(ids[at])} say after it`, lens.experts, ({ up, down }) => {
        return `makes likelier ${words(up)}, unlikelier ${words(down)}`
      }),
    ]
    chat.say('note', [EARLY_LAYERS, ...lines].join('\n'))
  })
}

/** Ids of the conversation, and the place of a token of the map among them. */
export function idsOfToken({ map, conversation }: Chat, index = map.selected): { ids: readonly number[]; at: number } {
  const { tokens } = map
  if (index === undefined) throw new UsageError('walk to a token first: ←')
  const ids = conversation.read.idsTo(conversation.messages.at(-1))
  const at = ids.length - (tokens.length - index)
  // Older tokens of the map may belong to a text that has been cut.
  if (at >= 0 && ids[at] === tokens[index]?.id) return { ids, at }
  throw new UsageError('this token is no longer in the model’s memory: /retry reads it again')
}
