import { testRecords } from './records.js'

testRecords('responses', [
  'refusals',
  'ollama',
  'tools-qwen3',
  'tools-coder',
  'tools-granite',
  'tools-lfm',
  'tools-glm',
  'tools-harmony',
])
