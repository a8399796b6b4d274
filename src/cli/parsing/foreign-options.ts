/** Options of ollama, llm, aichat and llama.cpp that molm does not have, and what to do instead. */
const FOREIGN: readonly (readonly [flags: readonly string[], hint: string])[] = [
  [
    ['-c', '--continue', '--cid', '--conversation', '--session'],
    '--messages FILE continues an earlier conversation; --context N sets the size of the context',
  ],
  [['-i', '--interactive', '-cnv', '--repl'], "'molm run' asks once, 'molm chat' holds a conversation"],
  [
    ['--schema', '--json-schema', '-j', '--grammar', '--grammar-file', '--regex', '--format'],
    'molm does not constrain the format of answers; ask for a format in the prompt',
  ],
  [
    ['--think', '--think-budget', '--reasoning', '--reasoning-budget', '--hidethinking'],
    'some chat templates have such a switch: --template-arg enable_thinking=false',
  ],
  [['-x', '--extract'], 'molm prints the whole answer'],
  [['--role', '--system-prompt', '--sys'], '-s TEXT or -s @FILE sets a system text'],
  [['--no-stream'], "'molm run --json' prints an answer when it is complete"],
  [['-ngl', '--n-gpu-layers', '--gpu-layers', '--gpu'], 'molm runs on the CPU only'],
  [['--hf-repo'], "'molm pull OWNER/NAME' fetches a model, and -m OWNER/NAME runs it"],
  [['--keepalive', '--keep-alive'], 'a model stays in memory as long as its command runs'],
]

/** The equivalent of an option of another tool, in words; undefined for an unknown option. */
export function foreignOption(flag: string): string | undefined {
  return FOREIGN.find(([flags]) => flags.includes(flag))?.[1]
}
