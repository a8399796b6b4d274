/** A body that tries to keep the server busy, and the expected answer. */
export interface HostileBody {
  name: string
  path: string
  text: string
  status: number
}

type Ask = [name: string, path: string, text: string]

const COMPLETIONS = '/v1/completions'
const CHAT = '/v1/chat/completions'
const OLLAMA = '/api/chat'
const RESPONSES = '/v1/responses'
/** Up to this size nothing is refused only for its size; from about 100 KB on everything that can be is. */
const FEW_BYTES = 4_096

/**
 * Bodies of about `bytes` bytes that are expensive to parse, check, report or answer: long names, deep nesting, very many
 * values of every kind, lists that are wrong only at their end. Valid requests ask for one token.
 */
export function hostileBodies(bytes: number): HostileBody[] {
  const list = (element: string, last = element) => {
    const count = Math.max(1, Math.floor((bytes - 200) / (element.length + 1)))
    return `[${`${element},`.repeat(count - 1)}${last}]`
  }
  const deep = (open: string, close: string, inside = '') => {
    const depth = Math.floor((bytes - 200) / (open.length + close.length))
    return open.repeat(depth) + inside + close.repeat(depth)
  }
  const long = (letter: string) => letter.repeat(Math.floor((bytes - 300) / Buffer.byteLength(letter)))
  const keys = (of: (i: number) => string) => {
    const all: string[] = []
    for (let length = 0, i = 0; length < bytes - 300; i++) {
      all.push(of(i))
      length += all[i].length + 1
    }
    return all.join(',')
  }
  const prompt = (value: string) => `{"max_tokens":1,"prompt":${value}}`
  const withField = (field: string) => `{"max_tokens":1,"prompt":"a",${field}}`
  const chat = (messages: string) => `{"max_tokens":1,"messages":${messages}}`
  const chatWith = (field: string) => `{"max_tokens":1,"messages":[{"role":"user","content":"a"}],${field}}`
  const content = (value: string) => chat(`[{"role":"user","content":${value}}]`)
  const good = '{"role":"user","content":"a"}'
  const tool = '{"type":"function","function":{"name":"f"}}'
  const schema = (value: string) =>
    `"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":${value}}}`
  const call = (args: string) => `{"id":"1","type":"function","function":{"name":"f","arguments":${args}}}`
  const called = (calls: string) => chat(`[{"role":"assistant","content":"a","tool_calls":${calls}},${good}]`)
  const part = '{"type":"text","text":"a"}'
  const refused: Ask[] = [
    ['a long name', COMPLETIONS, withField(`"${long('k')}":1`)],
    ['a long name in a chat', CHAT, chatWith(`"${long('k')}":1`)],
    ['a long name in /tokenize', '/tokenize', withField(`"${long('k')}":1`)],
    ['a long name like a field', COMPLETIONS, withField(`"${long('max_tokens')}":1`)],
    ['a long name of escapes', COMPLETIONS, withField(`"${long('\\u0001')}":1`)],
    ['a long name in a message', CHAT, chat(`[{"role":"user","content":"a","${long('k')}":1}]`)],
    ['a long role', CHAT, chat(`[{"role":"${long('user')}","content":"a"}]`)],
    ['a long tool_choice', CHAT, chatWith(`"tool_choice":"${long('auto')}"`)],
    ['names without number', COMPLETIONS, withField(keys((i) => `"k${i.toString(36)}":1`))],
    ['numbers as names', COMPLETIONS, withField(keys((i) => `"${i * 7919}":1`))],
    ['names in a message', CHAT, chat(`[{"role":"user","content":"a",${keys((i) => `"k${i}":1`)}}]`)],
    ['prototypes', COMPLETIONS, withField(keys(() => '"__proto__":{"n":1}'))],
    ['a deep list', COMPLETIONS, prompt(deep('[', ']'))],
    ['a deep object', COMPLETIONS, prompt(deep('{"a":', '}', '1'))],
    ['a deep logit_bias', COMPLETIONS, withField(`"logit_bias":${deep('[', ']')}`)],
    ['a deep response_format', CHAT, chatWith(`"response_format":${deep('{"type":', '}', '"text"')}`)],
    ['deep metadata', CHAT, chatWith(`"metadata":{"a":${deep('[', ']')}}`)],
    ['a list that never closes', COMPLETIONS, prompt(long('['))],
    ['a deep schema', CHAT, chatWith(schema(deep('{"items":', '}', 'true')))],
    ['a schema that is a text', CHAT, chatWith(`"guided_json":"${long('[')}"`)],
    ['tools without number', CHAT, chatWith(`"tools":${list(tool)}`)],
    ['bad tools', CHAT, chatWith(`"tools":${list('{}')}`)],
    ['a tool with a long name', CHAT, chatWith(`"tools":[{"type":"function","function":{"name":"${long('f')}"}}]`)],
    [
      'a long choice of a tool',
      CHAT,
      chatWith(`"tools":[${tool}],"tool_choice":${tool.replace('f"}', `${long('f')}"}`)}`),
    ],
    [
      'good allowed tools and a bad one',
      CHAT,
      chatWith(
        `"tools":[${tool}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":${list(tool, '{}')}}}`,
      ),
    ],
    ['deep arguments of a call', CHAT, called(`[${call(`"${deep('[', ']')}"`)}]`)],
    ['values in the arguments of a call', CHAT, called(`[${call(`"${list('[]')}"`)}]`)],
    ['calls without number', CHAT, called(list(call('"[]"')))],
    ['variables of the template', CHAT, chatWith(`"chat_template_kwargs":{${keys((i) => `"k${i}":1`)},"tools":1}`)],
    ['empty messages', CHAT, chat(list('{}'))],
    ['good messages and a bad one', CHAT, chat(list(good, '{}'))],
    ['bad parts', CHAT, content(list('{}'))],
    ['good parts and a bad one', CHAT, content(list(part, '7'))],
    ['objects as prompts', COMPLETIONS, prompt(list('{}'))],
    ['nulls as prompts', COMPLETIONS, prompt(list('null'))],
    ['negative ids', COMPLETIONS, prompt(list('-1'))],
    ['ids and a bad one', COMPLETIONS, prompt(list('300', '-1'))],
    ['empty lists as prompts', COMPLETIONS, prompt(list('[]'))],
    ['lists of a bad id', COMPLETIONS, prompt(list('[-1]'))],
    ['lists of an id', COMPLETIONS, prompt(list('[300]'))],
    ['a text and numbers', COMPLETIONS, prompt(`["a",${list('1').slice(1)}`)],
    ['texts as prompts', COMPLETIONS, prompt(list('"a"'))],
    ['numbers to stop at', COMPLETIONS, withField(`"stop":${list('1')}`)],
    ['an empty text to stop at', COMPLETIONS, withField(`"stop":${list('"a"', '""')}`)],
    ['a number of a million digits', COMPLETIONS, withField(`"seed":${long('1')}`)],
    ['fractions', COMPLETIONS, prompt(list('1.23456789012345678e-300'))],
    ['messages without number for ollama', OLLAMA, `{"messages":${list('{}')}}`],
    ['calls without number for ollama', OLLAMA, `{"messages":[{"role":"assistant","tool_calls":${list('{}')}}]}`],
    [
      'results without calls for ollama',
      OLLAMA,
      `{"messages":${list('{"role":"tool","content":"a","tool_name":"f"}', '{"role":"tool","content":7}')}}`,
    ],
    ['a deep format for ollama', OLLAMA, `{"messages":[${good}],"format":${deep('{"items":', '}', 'true')}}`],
    ['names of options for ollama', OLLAMA, `{"messages":[${good}],"options":{${keys((i) => `"k${i}":1`)}}}`],
    ['items without number', RESPONSES, `{"input":${list('{}')}}`],
    ['good items and a bad one', RESPONSES, `{"input":${list('{"role":"user","content":"a"}', '{}')}}`],
    [
      'good parts and a bad one in an item',
      RESPONSES,
      `{"input":[{"role":"user","content":${list('{"type":"text","text":"a"}', '{}')}}]}`,
    ],
    [
      'deep arguments in an item',
      RESPONSES,
      `{"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"${deep('[', ']')}"}]}`,
    ],
    ['bad ids to decode', '/detokenize', `{"tokens":${list('1', '"a"')}}`],
    ['a wrong list of metadata', COMPLETIONS, withField(`"metadata":${list('1')}`)],
    ['a list alone', COMPLETIONS, list('{"a":1}')],
    ['a text alone', COMPLETIONS, `"${long('я')}"`],
    ['a comma too many', COMPLETIONS, prompt(`${list('1').slice(0, -1)},]`)],
    ['blanks', COMPLETIONS, `${long(' ')}{"prompt":"a",}`],
  ]
  const unknown: Ask[] = [['a long model', COMPLETIONS, withField(`"model":"${long('nano')}"`)]]
  // Only their size is wrong with these.
  const tooLarge: Ask[] = [
    ['long texts as prompts', COMPLETIONS, prompt(list(`"${'a b '.repeat(100)}"`))],
    ['many ids', COMPLETIONS, prompt(list('300'))],
    ['texts to stop at', COMPLETIONS, withField(`"stop":${list('"a"')}`)],
    ['many ids to decode', '/detokenize', `{"tokens":${list('1')}}`],
    ['a long grammar', COMPLETIONS, withField(`"grammar":"root ::= \\"${long('a')}\\""`)],
    ['a long regular expression', COMPLETIONS, withField(`"regex":"${long('a')}"`)],
    ['choices without number', CHAT, chatWith(`"guided_choice":${list('"a"')}`)],
    ['a schema with many values', CHAT, chatWith(schema(`{"enum":${list('1')}}`))],
    ['a long text', COMPLETIONS, prompt(`"${long('x y')}"`)],
    ['a long text of one letter', COMPLETIONS, prompt(`"${long('a')}"`)],
    ['a long text in a chat', CHAT, content(`"${long('x y')}"`)],
  ]
  const answered: Ask[] = [
    ['a long text to stop at', COMPLETIONS, withField(`"stop":["${long('a')}"]`)],
    ['long labels', CHAT, chatWith(`"user":"${long('u')}"`)],
    [
      'a thousand long texts to stop at',
      COMPLETIONS,
      withField(`"stop":${stops(Math.min(1000, Math.floor(bytes / 20)), bytes - 300)}`),
    ],
  ]
  const withStatus = (status: number) => {
    return ([name, path, text]: Ask) => ({ name, path, text, status })
  }
  return [
    ...refused.map(withStatus(400)),
    ...unknown.map(withStatus(404)),
    ...tooLarge.map(withStatus(bytes <= FEW_BYTES ? 200 : 400)),
    ...answered.map(withStatus(200)),
  ]
}

/** Texts with about `letters` letters together, each with a different end. */
function stops(count: number, letters: number): string {
  const each = 'a'.repeat(Math.max(1, Math.floor(letters / count) - 8))
  return JSON.stringify(Array.from({ length: count }, (_, i) => `${each}${String(i).padStart(4, '0')}`))
}
