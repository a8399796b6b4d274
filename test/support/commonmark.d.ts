/** The parts of the reference parser that the tests use. */
declare module 'commonmark' {
  export interface Node {
    type: string
    firstChild: Node | null
    next: Node | null
    literal: string | null
    info: string | null
    level: number
    listType: 'bullet' | 'ordered'
    listStart: number
  }

  export class Parser {
    parse(text: string): Node
  }
}
