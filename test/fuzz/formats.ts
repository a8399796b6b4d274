import type { Format } from './format.js'

/** Every format that molm reads, the slowest first. To add one, write a file for it and add a line here. */
export const FORMATS: Record<string, () => Promise<Format>> = {
  packed: async () => (await import('./formats/packed.js')).packed,
  hub: async () => (await import('./formats/hub.js')).hub,
  'kept-conversation': async () => (await import('./formats/kept-conversation.js')).keptConversation,
  journal: async () => (await import('./formats/journal.js')).journal,
  convert: async () => (await import('./formats/convert.js')).convert,
  'mcp-server': async () => (await import('./formats/mcp-server.js')).mcpServer,
  'odd-files': async () => (await import('./formats/odd-files.js')).oddFiles,
  template: async () => (await import('./formats/template.js')).template,
  tokenizer: async () => (await import('./formats/tokenizer.js')).tokenizer,
  'compiled-tokenizer': async () => (await import('./formats/compiled-tokenizer.js')).compiledTokenizer,
  'vocab-and-merges': async () => (await import('./formats/vocab-and-merges.js')).vocabAndMerges,
  'generation-config': async () => (await import('./formats/generation-config.js')).generationConfig,
  config: async () => (await import('./formats/config.js')).config,
  family: async () => (await import('./formats/family.js')).family,
  index: async () => (await import('./formats/index-json.js')).indexJson,
  gguf: async () => (await import('./formats/gguf.js')).gguf,
  safetensors: async () => (await import('./formats/safetensors.js')).safetensorsFormat,
  torch: async () => (await import('./formats/torch.js')).torch,
  pickle: async () => (await import('./formats/pickle.js')).pickle,
  trace: async () => (await import('./formats/trace.js')).trace,
  'mcp-config': async () => (await import('./formats/mcp-config.js')).mcpConfig,
  task: async () => (await import('./formats/task.js')).task,
  history: async () => (await import('./formats/history.js')).history,
}
