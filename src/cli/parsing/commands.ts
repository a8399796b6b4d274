import type { Command } from 'commander'

/** A command's file: declares arguments and options on `command`, and what it does. */
export interface CommandFile {
  define(command: Command): void
}

/** A command, known before its file is read. */
export interface KnownCommand<Name extends string = string> {
  name: Name
  /** Another name for it. */
  alias?: string
  /** Its line in the help of all commands. */
  summary: string
  /** Whether it always runs a model. */
  runsModel?: true
  /** Whether it reads the options of all commands. */
  readsAllOptions?: true
}

const commands = [
  { name: 'run', summary: 'answer or complete one prompt (the default)', runsModel: true },
  { name: 'chat', summary: 'a conversation, with a live map of the experts', runsModel: true },
  { name: 'serve', summary: 'the model behind an OpenAI-style HTTP API', runsModel: true },
  { name: 'experts', summary: 'how a text uses the experts', runsModel: true },
  { name: 'show', summary: 'what a model is: shape, parameters, bytes, source' },
  { name: 'pull', summary: 'fetch a model from the Hugging Face hub' },
  { name: 'list', alias: 'ls', summary: 'the models on this computer' },
  { name: 'rm', summary: 'remove a pulled model' },
  { name: 'convert', summary: 'pack a Hugging Face checkpoint folder' },
  { name: 'eval', summary: 'perplexity of texts, accuracy on tasks', runsModel: true },
  { name: 'bench', summary: 'prefill and decode speed', runsModel: true },
  { name: 'classify', summary: 'label texts with a classifier', runsModel: true },
  { name: 'prune', summary: 'a smaller model, without hardly used experts' },
  { name: 'graft', summary: 'a larger model, with experts of another one' },
  { name: 'teach', summary: 'a model that learns texts, in new experts' },
  { name: 'completion', summary: 'a script for bash, zsh or fish', readsAllOptions: true },
] as const satisfies readonly KnownCommand[]

export type CommandName = (typeof commands)[number]['name']

/** Every command, in the order of the help page. */
export const COMMANDS: readonly KnownCommand<CommandName>[] = commands

/** Reads the file of a command. */
export type LoadCommand = (name: CommandName) => Promise<CommandFile>
