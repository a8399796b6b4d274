import type { Command } from 'commander'

export interface CommandFile {
  /** Declares the arguments, options, help and action of `command`. */
  define(command: Command): void
}

/** A command, as known before its file is read. */
export interface KnownCommand<Name extends string = string> {
  name: Name
  /** Another name for it. */
  alias?: string
  /** Description in `molm --help`. */
  summary: string
  runsModel?: true
}

const commands = [
  { name: 'run', summary: 'answer or complete one prompt (the default)', runsModel: true },
  { name: 'chat', summary: 'hold a conversation, with a live map of the experts', runsModel: true },
  { name: 'serve', summary: 'serve a page to chat, and an HTTP API like OpenAI’s', runsModel: true },
  { name: 'experts', summary: 'show how a text uses the experts', runsModel: true },
  { name: 'trace', summary: 'tell the speed of a recorded run with less memory' },
  { name: 'show', summary: 'describe a model: shape, parameters, bytes, source' },
  { name: 'pull', summary: 'fetch a model from the Hugging Face hub' },
  { name: 'update', summary: 'fetch what has changed of pulled models' },
  { name: 'list', alias: 'ls', summary: 'list the models on this computer' },
  { name: 'rm', summary: 'remove a pulled model' },
  { name: 'convert', summary: 'pack a Hugging Face checkpoint or a GGUF file' },
  { name: 'eval', summary: 'measure perplexity of texts, accuracy on tasks', runsModel: true },
  { name: 'bench', summary: 'measure how fast a model reads and writes', runsModel: true },
  { name: 'classify', summary: 'label texts with a classifier', runsModel: true },
  { name: 'prune', summary: 'write a smaller model, without the experts that matter least' },
  { name: 'graft', summary: 'write a larger model, with experts of another one' },
  { name: 'teach', summary: 'teach texts to a model, in new experts' },
  { name: 'config', summary: 'show and change settings that stay, and presets' },
  { name: 'site', summary: 'write a page for any web host, with the engine in the reader’s tab' },
  { name: 'completion', summary: 'print a script that completes commands in a shell' },
] as const satisfies readonly KnownCommand[]

export type CommandName = (typeof commands)[number]['name']

/** Every command, in the order of the help page. */
export const COMMANDS: readonly KnownCommand<CommandName>[] = commands

export type LoadCommand = (name: CommandName) => Promise<CommandFile>
