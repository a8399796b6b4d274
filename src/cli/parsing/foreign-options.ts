/** Options of ollama, llm, aichat and llama.cpp that molm has under no name, and how to get what they give. */
const FOREIGN: readonly (readonly [flags: readonly string[], hint: string])[] = [
  [
    ['-c', '--continue', '--cid', '--conversation', '--session'],
    '--messages FILE gives it an earlier conversation; the size of the context is --context N',
  ],
  [['-i', '--interactive', '-cnv', '--repl'], "'molm run' asks once, 'molm chat' always is a conversation"],
  [
    ['--schema', '--json-schema', '-j', '--grammar', '--grammar-file', '--regex', '--format'],
    'it does not hold answers to a form; ask for the form in the prompt',
  ],
  [
    ['--think', '--think-budget', '--reasoning', '--reasoning-budget', '--hidethinking'],
    'some chat templates take such a switch: --template-arg enable_thinking=false',
  ],
  [['-x', '--extract'], 'it prints the whole answer'],
  [['--role', '--system-prompt', '--sys'], 'a system text is -s TEXT or -s @FILE'],
  [['--no-stream'], "'molm run --json' prints an answer when it is whole"],
  [['-ngl', '--n-gpu-layers', '--gpu-layers', '--gpu'], 'it computes on the CPU alone'],
  [['--hf-repo'], "'molm pull OWNER/NAME' fetches a model, and -m OWNER/NAME runs it"],
  [['--keepalive', '--keep-alive'], 'a model stays in memory as long as its command runs'],
]

/** How to get with molm what an option of another tool gives; undefined for an option that none is known to have. */
export function foreignOption(flag: string): string | undefined {
  return FOREIGN.find(([flags]) => flags.includes(flag))?.[1]
}
