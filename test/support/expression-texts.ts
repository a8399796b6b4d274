import type { Expression, Ranges, Rule } from '#molm/text/grammar/forms/expression.js'
import { rulesOf } from '#molm/text/grammar/forms/matching-rules.js'

/** Random texts of an expression. */
export class ExpressionTexts {
  /** Fewest rules within rules that a text of each rule needs. */
  private readonly depths = new Map<Rule, number>()

  constructor(
    private readonly root: Expression,
    private readonly random: () => number,
  ) {
    this.measure()
  }

  /** A text; undefined if there is none. After `most` choices it takes the shortest way to an end. */
  next(most = 60): string | undefined {
    if (this.depthOf(this.root) === Infinity) return undefined
    this.left = most
    return this.textOf(this.root)
  }

  private left = 0

  private textOf(expression: Expression): string {
    switch (expression.kind) {
      case 'class':
        return String.fromCodePoint(this.codeOf(expression.ranges))
      case 'text':
        return expression.text
      case 'special':
        throw new Error('a special token has no text')
      case 'sequence':
        return expression.parts.map((part) => this.textOf(part)).join('')
      case 'choice': {
        const depths = expression.options.map((option) => this.depthOf(option))
        const isLate = this.left-- < 0
        const limit = isLate ? Math.min(...depths) : Infinity
        const options = expression.options.filter((_, i) => depths[i] < Infinity && depths[i] <= limit)
        return this.textOf(options[Math.floor(this.random() * options.length)])
      }
      case 'repeat': {
        const { part, atLeast, atMost = atLeast + 4 } = expression
        if (this.depthOf(part) === Infinity) return ''
        const isLate = this.left-- < 0
        const more = Math.min(atMost, atLeast + (this.random() < 0.1 ? 40 : 4)) - atLeast
        const times = isLate ? atLeast : atLeast + Math.floor(this.random() * (more + 1))
        return Array.from({ length: times }, () => this.textOf(part)).join('')
      }
      case 'rule':
        return this.textOf(expression.rule.body)
    }
  }

  private codeOf(ranges: Ranges): number {
    const [from, to] = ranges[Math.floor(this.random() * ranges.length)]
    return from + Math.floor(this.random() * (to - from + 1))
  }

  private depthOf(expression: Expression): number {
    switch (expression.kind) {
      case 'class':
        return expression.ranges.length > 0 ? 0 : Infinity
      case 'text':
      case 'special':
        return 0
      case 'sequence':
        return Math.max(0, ...expression.parts.map((part) => this.depthOf(part)))
      case 'choice':
        return Math.min(...expression.options.map((option) => this.depthOf(option)))
      case 'repeat':
        return expression.atLeast === 0 ? 0 : this.depthOf(expression.part)
      case 'rule':
        return (this.depths.get(expression.rule) ?? Infinity) + 1
    }
  }

  private measure(): void {
    const rules = rulesOf(this.root)
    for (let isChanged = true; isChanged; ) {
      isChanged = false
      for (const rule of [...rules].reverse()) {
        const depth = this.depthOf(rule.body)
        if (depth < (this.depths.get(rule) ?? Infinity)) {
          this.depths.set(rule, depth)
          isChanged = true
        }
      }
    }
  }
}
