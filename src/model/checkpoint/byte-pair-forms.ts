/* Forms that published byte-pair tokenizers share, whether tokenizer.json or a GGUF file has them. */

/**
 * GPT-2's byte alphabet: each of the 256 bytes as one printable character, so that JSON can hold a vocabulary of byte
 * strings. Bytes that are printable in Latin-1 are written as that character. The others take the characters from
 * U+0100 on, in order (a space, the 33rd of them, is "Ġ").
 */
export const BYTE_ALPHABET: readonly string[] = (() => {
  let next = 0x100
  const isPrintable = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
})()

/** The token of a byte, as SentencePiece writes it. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
}

/* Patterns that divide a text into words: of cl100k (Llama 3, Qwen 2 and 3), o200k (gpt-oss, Tekken), and others. */
export const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const BLANKS_AND_SIGNS = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
export const cl100k = (digits: string): string =>
  `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}|${BLANKS_AND_SIGNS}`
const [CAPITALS, SMALL] = ['[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]']
const cased = (capitals: string, small: string, contractions: string): string =>
  `[^\\r\\n\\p{L}\\p{N}]?${capitals}*${small}+${contractions}|[^\\r\\n\\p{L}\\p{N}]?${capitals}+${small}*${contractions}`
export const o200k = (contractions: string, digits: string): string =>
  `${cased(CAPITALS, SMALL, contractions)}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
/** Chinese characters are words of their own. The published pattern intersects classes, which means the same. */
const unlessHan = (letters: string): string => `(?:(?!\\p{Han})${letters})`
export const KIMI = `\\p{Han}+|${cased(unlessHan(CAPITALS), unlessHan(SMALL), `${CONTRACTIONS}?`)}|\\p{N}{1,3}|${BLANKS_AND_SIGNS}`
/** Marks belong to words. */
export const QWEN_35 =
  `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|` +
  '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
/** The published pattern forbids to give characters back, which makes no difference here. */
export const LING =
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"
/** Line breaks, which begin a piece with the text behind them. */
export const LAGUNA = '(?:\\r?\\n)+(?!\\r?\\n)'
/** One pattern after the other. */
export const DEEPSEEK_3 = [
  '\\p{N}{1,3}',
  '[一-龥\u3040-ゟ゠-ヿ]+',
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|' +
    ' ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+',
]
/** Scripts whose words have no blanks between them: Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese. */
const UNSPACED =
  '[\\u4e00-\\u9fff\\u3400-\\u4dbf\\uf900-\\ufaff\\u3040-\\u30ff\\uff65-\\uff9f\\u2f00-\\u2fdf\\u0e40-\\u0eff' +
  '\\u1780-\\u17ff\\u1000-\\u109f\\uaa60-\\uaa7f\\ua9e0-\\ua9ff\\uac00-\\ud7af\\u1100-\\u11ff]+'
/** Numbers in groups of three digits from the right. The bound keeps the time proportional to the text. */
export const TRINITY = ['\\p{Nd}{1,510}', '\\p{Nd}{1,3}(?=(?:\\p{Nd}{3})*$)', UNSPACED, DEEPSEEK_3[2]]
