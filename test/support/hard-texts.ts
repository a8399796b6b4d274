import { seededRandom } from '#molm/engine/sampling/random.js'

const WORDS = [
  ..."hello don't I'LL we've it'ſ 'Sup THE camelCaseWord HTTPServer a aa S 's 'D snake_case World e".split(' '),
  ...'Straße ẞ naïve é e\u0301 n\u0303o \u0323\u0307a ﬁ ſ K İ ΔΙΌΝΥΣΟΣ Σ ς Привет שלום مرحبا हिन्दी क\u094d\u0937 ภาษาไทย'.split(
    ' ',
  ),
  ...'日本語 テキスト アﾞ 々 〱 ー 中文字 한국어 각 ᄒ\u1161\u11ab ǅ ʰ ʼn ª º'.split(' '),
  ...'0 007 12345 3.14 1e-10 ½ ² Ⅷ ٣٤ १२ 四 １２ 𝟙𝟚 😀 👨‍👩‍👧 🇨🇭 👍🏽 ❤️ 𝔘𝔫'.split(' '),
  ...'. ... !? -- —— " “q” (x) [y] {z} <tag> @#$ %^&* += / \\ /a/b http://a.b/c?d=e | ~ ` ``` · ¿ € £5 °C _'.split(' '),
  ...'</s> <s> <unk> <0x41> ▁ ▁▁x Ġ Ċ <|endoftext|> <|im_start|> <think> </think>'.split(' '),
  ...['\u200b', '\u200d', '\u200e', '\u202e', '\ufeff', '\u00a0', '\u3000', '\u2009', '\u0085', '\u2028', '\u180e'],
  ...['\0', '\x07', '\x1b[2J', '\x7f', '\ufffd', '\ufffe', '\u{10ffff}', '\ue000'],
  ...[' ', '  ', '   ', '        ', '\t', '\t\t', '\n', '\n\n', '\r\n', '\r', '\r\n\r\n', '\v', '\f'],
]

const WHOLE = [
  '',
  '\ufeffbegins with a byte-order mark',
  'a \ufeffb',
  'x \ufeffHello',
  ' '.repeat(100),
  '\n'.repeat(77),
  'ab'.repeat(300),
  '\t \t \n \n\n  x',
  '  leading, trailing  ',
  '<s>Hello</s> world<s> x',
  '<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n',
  'function f() {\n    return `a\\n`\n}\n',
  '\ud800',
  'half \udc00 a character',
]

/** Texts that tokenizers often misread, the same in every run. */
export function hardTexts(count: number): string[] {
  const random = seededRandom(7)
  const below = (end: number) => Math.floor(random.nextFloat() * end)
  const texts = [...WHOLE, ...WORDS]
  while (texts.length < count) {
    const parts = Array.from({ length: 1 + below(9) }, () => {
      const isWord = texts.length % 4 > 0
      return (isWord ? WORDS[below(WORDS.length)] : anyCharacter(below)) + (below(3) === 0 ? ' ' : '')
    })
    texts.push(parts.join(''))
  }
  return texts.slice(0, count)
}

/** Blocks without unassigned characters, so that every version of Unicode agrees on them. */
const BLOCKS = [
  [0, 0x250],
  [0x400, 0x460],
  [0x905, 0x93a],
  [0x1100, 0x1200],
  [0x2000, 0x2060],
  [0x3041, 0x3097],
  [0x4e00, 0x5e00],
  [0xac00, 0xd7a4],
]

function anyCharacter(below: (end: number) => number): string {
  const [from, to] = BLOCKS[below(BLOCKS.length)]
  return String.fromCodePoint(from + below(to - from))
}
