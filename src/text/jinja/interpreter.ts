import { Environment, Interpreter } from '@huggingface/jinja'
import { FILTERS, LIST_FILTERS } from './filters.js'
import { pythonCapitalize, pythonOperate, pythonString, pythonStrip, pythonTitle } from './python.js'
import { isTrue, isUndefined, itemsOf, toList, toValue, type Value } from './values.js'

/** A part of a template, as the library's parser gives it. */
interface Node {
  type: string
  [key: string]: unknown
}

/** Private parts of the library's interpreter, which is pinned for them (test/package/jinja.test.ts). */
interface OpenInterpreter {
  evaluate(node: Node | undefined, environment: Environment): Value
  evaluateArguments(args: unknown, environment: Environment): [Value[], Map<string, Value>]
  evaluateBinaryExpression(node: Node, environment: Environment): Value
  evaluateMemberExpression(node: Node, environment: Environment): Value
  evaluateFor(node: Node, environment: Environment): Value
  evaluateMacro(node: Node, environment: Environment): Value
  evaluateBlock(nodes: Node[], environment: Environment): Value
  applyFilter(operand: Value, filter: Node, environment: Environment): Value
}

const Library = Interpreter as unknown as new (environment: Environment) => OpenInterpreter

/** Parts that write their own output; all others write their value. */
const STATEMENTS = new Set(['Set', 'If', 'For', 'Macro', 'CallStatement', 'FilterStatement', 'Comment', 'Program'])

/**
 * The library's interpreter with the differences from jinja2 removed: prints and compares as Python does, fails on
 * undefined values, and treats strings as lists of characters.
 */
export class JinjaInterpreter extends Library {
  override evaluate(node: Node | undefined, environment: Environment): Value {
    switch (node?.type) {
      case 'Evaluated':
        return node.value as Value
      case 'CallExpression':
        return super.evaluate({ ...node, callee: { ...(node.callee as Node), isCalled: true } }, environment)
      case 'Break':
      case 'Continue':
        throw new LoopControl(node.type === 'Break')
    }
    return super.evaluate(node, environment)
  }

  override evaluateMemberExpression(node: Node, environment: Environment): Value {
    const object = this.evaluate(node.object as Node, environment)
    if (isUndefined(object)) throw new Error(`${describe(node.object as Node)} is undefined`)
    if (typeof object.value === 'string') {
      const member = this.memberOfString(object.value, node, environment)
      if (member) return member
    }
    // A dictionary's method comes before its entry of the same name, such as a parameter `items`.
    const methods = node.isCalled && !node.computed && object.value instanceof Map ? object.builtins : undefined
    const method = methods?.get(String((node.property as Node).value))
    return method ?? super.evaluateMemberExpression({ ...node, object: evaluated(object) }, environment)
  }

  private memberOfString(text: string, node: Node, environment: Environment): Value | undefined {
    const property = node.property as Node
    if (!node.computed) {
      const name = String(property.value)
      return Object.hasOwn(METHODS, name) ? toValue(METHODS[name](text)) : undefined
    }
    if (property.type === 'SliceExpression') return undefined
    const { value: index } = this.evaluate(property, environment)
    return typeof index === 'number' ? toValue([...text].at(index)) : undefined
  }

  override evaluateBinaryExpression(node: Node, environment: Environment): Value {
    const operator = (node.operator as { value: string }).value
    if (operator === 'and' || operator === 'or') return super.evaluateBinaryExpression(node, environment)
    const left = this.evaluate(node.left as Node, environment)
    const right = this.evaluate(node.right as Node, environment)
    const result = pythonOperate(operator, left, right)
    if (result !== undefined) return toValue(result)
    return super.evaluateBinaryExpression({ ...node, left: evaluated(left), right: evaluated(right) }, environment)
  }

  override evaluateBlock(nodes: Node[], environment: Environment): Value {
    let text = ''
    for (const node of nodes) {
      try {
        const value = this.evaluate(node, environment)
        if (!STATEMENTS.has(node.type) || value.type === 'StringValue') text += pythonString(value)
      } catch (error) {
        if (error instanceof LoopControl) error.text = text + error.text
        throw error
      }
    }
    return toValue(text)
  }

  /** Each turn has its own variables. */
  override evaluateFor(node: Node, environment: Environment): Value {
    const iterable = node.iterable as Node
    const test = iterable.type === 'SelectExpression' ? (iterable.test as Node) : undefined
    const turn = (item: Value): Environment => this.bind(node.loopvar as Node, item, new Environment(environment))
    const all = itemsOf(this.evaluate((test ? iterable.lhs : iterable) as Node, environment))
    const items = test ? all.filter((item) => isTrue(this.evaluate(test, turn(item)))) : all
    let text = ''
    let hasEndedTurn = false
    for (const [index, item] of items.entries()) {
      const scope = turn(item)
      scope.setVariable('loop', loopOf(items, index))
      try {
        text += this.evaluateBlock(node.body as Node[], scope).value
        hasEndedTurn = true
      } catch (error) {
        if (!(error instanceof LoopControl)) throw error
        text += error.text
        if (error.isBreak) break
      }
    }
    // The `else` part is also written if no turn came to its end.
    return hasEndedTurn
      ? toValue(text)
      : toValue(text + this.evaluateBlock(node.defaultBlock as Node[], environment).value)
  }

  /** Resolves a macro's names in the scope of its definition, not of its call. */
  override evaluateMacro(node: Node, environment: Environment): Value {
    const result = super.evaluateMacro(node, environment)
    const macro = environment.lookupVariable((node.name as { value: string }).value) as Value
    const inner = macro.value as (args: Value[], scope: Environment) => Value
    macro.value = (args: Value[], scope: Environment) => {
      const own = new Environment(environment)
      const caller = scope.variables.get('caller')
      if (caller) own.setVariable('caller', caller)
      return inner(args, own)
    }
    return result
  }

  /** Binds an item to its name, or its parts to theirs. */
  private bind(target: Node, item: Value, scope: Environment): Environment {
    if (target.type === 'Identifier') scope.setVariable(String(target.value), item as never)
    else {
      const [names, parts] = [target.value as Node[], itemsOf(item)]
      if (names.length !== parts.length) throw new Error(`${names.length} names for ${parts.length} values`)
      for (const [i, name] of names.entries()) this.bind(name, parts[i], scope)
    }
    return scope
  }

  override applyFilter(operand: Value, filter: Node, environment: Environment): Value {
    const isCall = filter.type === 'CallExpression'
    const name = String((isCall ? (filter.callee as Node) : filter).value)
    if (Object.hasOwn(FILTERS, name)) {
      const [args, named] = this.evaluateArguments(isCall ? filter.args : [], environment)
      return FILTERS[name](operand, { args, named, tests: environment.tests })
    }
    const isText = typeof operand.value === 'string' || isUndefined(operand)
    return super.applyFilter(isText && LIST_FILTERS.has(name) ? toList(itemsOf(operand)) : operand, filter, environment)
  }
}

/** Thrown to end a turn of a loop, or the loop; its output so far stays. */
class LoopControl extends Error {
  text = ''

  constructor(readonly isBreak: boolean) {
    super('a loop was expected around this')
  }
}

function loopOf(items: readonly Value[], index: number): never {
  const loop = toValue({
    index: index + 1,
    index0: index,
    revindex: items.length - index,
    revindex0: items.length - index - 1,
    first: index === 0,
    last: index === items.length - 1,
    length: items.length,
  })
  const members = loop.value as Map<string, Value>
  members.set('previtem', items[index - 1] ?? toValue(undefined))
  members.set('nextitem', items[index + 1] ?? toValue(undefined))
  return loop as never
}

function evaluated(value: Value): Node {
  return { type: 'Evaluated', value }
}

/** The text of a simple expression, for an error message. */
function describe(node: Node): string {
  if (node.type === 'Identifier') return String(node.value)
  if (node.type !== 'MemberExpression') return 'something'
  const { type, value } = node.property as Node
  const name =
    type === 'StringLiteral' || (type === 'Identifier' && !node.computed) ? `.${value}` : `[${value ?? '...'}]`
  return describe(node.object as Node) + name
}

const LEFT = { left: true, right: false }
const RIGHT = { left: false, right: true }

/** Python's methods of strings that the library lacks, or has without their arguments. */
const METHODS: Readonly<Record<string, (text: string) => (...args: never[]) => unknown>> = {
  strip: (text) => (chars?: string) => pythonStrip(text, chars),
  lstrip: (text) => (chars?: string) => pythonStrip(text, chars, LEFT),
  rstrip: (text) => (chars?: string) => pythonStrip(text, chars, RIGHT),
  capitalize: (text) => () => pythonCapitalize(text),
  title: (text) => () => pythonTitle(text),
  count: (text) => (part: string) => text.split(part).length - 1,
  find: (text) => (part: string) => {
    const at = text.indexOf(part)
    return at < 0 ? at : [...text.slice(0, at)].length
  },
}
