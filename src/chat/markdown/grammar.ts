import {
  Autolink,
  parser as commonMark,
  type DelimiterType,
  InlineContext,
  type MarkdownConfig,
  type MarkdownParser,
  Table,
  TaskList,
} from '@lezer/markdown'
import { Emphasis } from './emphasis.js'
import { Mathematics } from './mathematics.js'

/** Most characters of a line or a paragraph that is parsed. A longer one is plain text: its parsing may take quadratic time. */
export const MOST_IN_PARAGRAPH = 8_000

/** Leaves long paragraphs without emphasis, links and the like. */
const LongParagraph: MarkdownConfig = {
  parseBlock: [
    {
      name: 'LongParagraph',
      leaf: () => ({
        nextLine: () => false,
        finish(cx, leaf) {
          const { start, content } = leaf
          if (content.length <= MOST_IN_PARAGRAPH) return false
          cx.addLeafElement(leaf, cx.elt('Paragraph', start, start + content.length))
          return true
        },
      }),
      // The rows of a long table are parsed one by one.
      after: 'Table',
    },
  ],
}

/** Brackets without an address behind them are text: the parser's own links by name would prevent `[[1]](address)`. */
const Brackets: MarkdownConfig = {
  parseInline: [
    {
      name: 'Brackets',
      parse(cx, next, at) {
        if (next !== CLOSING || cx.char(at + 1) === ADDRESS) return -1
        const { linkStart, imageStart } = InlineContext
        const [link, image] = [linkStart, imageStart].map((type) => cx.findOpeningDelimiter(type) ?? -1)
        const opening = cx.getDelimiterAt(Math.max(link, image))
        if (opening) opening.type = TEXT
        return opening ? at + 1 : -1
      },
      before: 'LinkEnd',
    },
  ],
}
const TEXT: DelimiterType = {}
const CLOSING = ']'.charCodeAt(0)
const ADDRESS = '('.charCodeAt(0)

/** A numbered item ends the paragraph of a list above it, whatever its number is. The parser takes it for text. */
const NumberedItem: MarkdownConfig = {
  parseBlock: [
    {
      name: 'NumberedItem',
      endLeaf: (cx, { text, pos, baseIndent }) =>
        baseIndent === 0 &&
        cx.parentType().name === 'ListItem' &&
        /^\d{1,9}[.)](?: |$)/.test(text.slice(pos, pos + 11)),
    },
  ],
}

/**
 * CommonMark with tables, strikethrough, tasks, bare links and mathematics. Links have no definitions apart, and a line of
 * dashes is a rule and no underline: models write it as one.
 */
export const grammar: MarkdownParser = commonMark.configure([
  Table,
  TaskList,
  Autolink,
  Emphasis,
  Mathematics,
  Brackets,
  LongParagraph,
  NumberedItem,
  { remove: ['LinkReference', 'SetextHeading'] },
])
