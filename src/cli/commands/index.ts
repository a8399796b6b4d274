import type { Command } from 'commander'

/** A command's file: declares arguments and options on `command`, and what it does. */
export interface CommandFile {
  define(command: Command): void
}

/** A command before its file is read. */
export interface KnownCommand {
  name: string
  /** Another name for it. */
  alias?: string
  summary: string
  /** Whether it always runs a model. */
  runsModel?: true
  load(): Promise<CommandFile>
}

/** Every command, in the order of the help page. */
export const COMMANDS: KnownCommand[] = [
  {
    name: 'run',
    summary: 'answer or complete one prompt (the default)',
    runsModel: true,
    load: () => import('./run/run.js'),
  },
  {
    name: 'chat',
    summary: 'a conversation, with a live map of the experts',
    runsModel: true,
    load: () => import('./chat.js'),
  },
  {
    name: 'serve',
    summary: 'the model behind an OpenAI-style HTTP API',
    runsModel: true,
    load: () => import('./serve.js'),
  },
  { name: 'experts', summary: 'how a text uses the experts', runsModel: true, load: () => import('./experts.js') },
  { name: 'show', summary: 'what a model is: shape, parameters, bytes, source', load: () => import('./show.js') },
  { name: 'pull', summary: 'fetch a model from the Hugging Face hub', load: () => import('./pull.js') },
  { name: 'list', alias: 'ls', summary: 'the models on this computer', load: () => import('./list.js') },
  { name: 'rm', summary: 'remove a pulled model', load: () => import('./rm.js') },
  { name: 'convert', summary: 'pack a Hugging Face checkpoint folder', load: () => import('./convert.js') },
  { name: 'eval', summary: 'perplexity of texts, accuracy on tasks', runsModel: true, load: () => import('./eval.js') },
  { name: 'bench', summary: 'prefill and decode speed', runsModel: true, load: () => import('./bench.js') },
  { name: 'classify', summary: 'label texts with a classifier', runsModel: true, load: () => import('./classify.js') },
  { name: 'prune', summary: 'a smaller model, without hardly used experts', load: () => import('./prune.js') },
  { name: 'graft', summary: 'a larger model, with experts of another one', load: () => import('./graft.js') },
  { name: 'teach', summary: 'a model that learns texts, in new experts', load: () => import('./teach.js') },
  { name: 'completion', summary: 'a script for bash, zsh or fish', load: () => import('./completion.js') },
]
