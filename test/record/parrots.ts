import { callOf, type ParrotAnswer, type ParrotFormatName, writeParrot } from '../support/parrot-model.js'

const THOUGHT = 'The user wants a sum. I do not add; the tool adds for me.'

/** Thinks, calls the tools of test/support/mcp-server.ts, and reads their results. */
const TALKS: ParrotAnswer[] = [
  { says: 'Hello! I repeat what is written.' },
  { to: 'How many days?', says: '<think>\nA week has them all. Count again.\n</think>\n\nThere are seven.' },
  { to: 'Add them.', says: `<think>\n${THOUGHT}\n</think>\n\n${callOf('add', { a: 2, b: 3 })}` },
  { to: 'Both at once.', says: `${callOf('add', { a: 4, b: 4 })}\n${callOf('weather', { city: 'Ulm' })}` },
  { to: 'Fail now.', says: callOf('fail', {}) },
  { to: 'Look out.', says: callOf('mixed', {}) },
  { to: 'Wait for it.', says: callOf('slow', {}) },
  { to: 'Never stop.', says: callOf('echo', { text: 'first' }) },
  { to: 'Say it badly.', says: '<tool_call>\n{"name": "add", "arguments": {"a": "x\n</tool_call>' },
  { toTool: 'first', says: callOf('echo', { text: 'more' }) },
  { toTool: 'more', says: callOf('echo', { text: 'more' }) },
  { toTool: 'declined this call', says: 'Then I do not know.' },
  { toTool: true, says: '<think>\nThere it is.\n</think>\n\nThe tool knows the answer.' },
]

const MARKDOWN = [
  '# Boats',
  'Three kinds, **all** of *wood*, see `hull.c`:',
  '| Boat | Masts | Use |\n|:-----|------:|-----|\n| sloop | 1 | fishing near the coast |\n| brig | 2 | war |',
  '- first item\n  - nested one\n- [x] done task\n\n1. numbered\n2. counted',
  '```c\nint main(void) { return 42; }\n```',
  '> A quoted line.',
  'A [link](https://example.org/boats) ends this.',
]

const PARROTS: Record<string, { format: ParrotFormatName; answers: ParrotAnswer[] }> = {
  parrot: { format: 'qwen3', answers: TALKS },
  plain: {
    format: 'chatml',
    answers: [{ says: 'A plain answer.' }, { to: 'Draw boats.', says: MARKDOWN.join('\n\n') }],
  },
  harmony: {
    format: 'harmony',
    answers: [
      {
        says: '<|channel|>analysis<|message|>Short thoughts.<|end|><|start|>assistant<|channel|>final<|message|>Done.',
      },
    ],
  },
}

export const isParrot = (name: string): boolean => Object.hasOwn(PARROTS, name)

/** Writes the checkpoint of a parrot. */
export async function writeParrotNamed(name: string, path: string): Promise<void> {
  await writeParrot(path, PARROTS[name])
}
