/** Options of ollama, llm, aichat and llama.cpp that molm does not have, and what to do instead. */
const FOREIGN: readonly (readonly [flags: readonly string[], hint: string])[] = [
  [
    ['--resume', '--cid', '--conversation', '--session'],
    "-c continues the latest conversation, 'molm chat --resume NAME' another; 'molm chat --list' shows them",
  ],
  [['-i', '--interactive', '-cnv', '--repl'], "'molm run' asks once, 'molm chat' holds a conversation"],
  [
    ['--json-schema', '-j', '--json-schema-file', '-jf', '--format'],
    '--schema JSON or --schema FILE limits answers to JSON',
  ],
  [['--grammar-file'], '--grammar FILE limits answers to a grammar'],
  [
    [
      '--reasoning',
      '--reasoning-budget',
      '--reasoning-format',
      '--hidethinking',
      '--hide-reasoning',
      '-R',
      '--nothink',
    ],
    "--think LEVEL and --think-budget N set the thinking; 'molm run' prints thoughts only with --show-thinking",
  ],
  [['--jinja', '--chat-template-kwargs'], 'chat templates are always used, and --template-arg NAME=JSON passes values'],
  [['--tool', '--tools', '-T', '--functions'], '--mcp COMMAND gives the model the tools of an MCP server'],
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
