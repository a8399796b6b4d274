/** Reasons why molm does not run a general.architecture, in words that follow "molm does not run". */
const DENSE = 'models without experts'
const LATENT = 'attention of latent keys'
const LINEAR = 'linear attention'
const STATES = 'layers of state spaces (Mamba)'
const ENCODER = 'encoders'

const REASONS: Readonly<Record<string, string>> = {
  llama: DENSE,
  granite: DENSE,
  qwen2: DENSE,
  qwen3: DENSE,
  gemma: DENSE,
  gemma2: DENSE,
  gemma3: DENSE,
  phi2: DENSE,
  phi3: DENSE,
  mistral3: DENSE,
  olmo: DENSE,
  olmo2: DENSE,
  lfm2: DENSE,
  smollm3: DENSE,
  exaone4: DENSE,
  ernie4_5: DENSE,
  glm4: DENSE,
  deepseek2: LATENT,
  'kimi-linear': LINEAR,
  qwen3next: LINEAR,
  qwen35: LINEAR,
  qwen35moe: LINEAR,
  granitehybrid: STATES,
  jamba: STATES,
  mamba: STATES,
  mamba2: STATES,
  nemotron_h: STATES,
  nemotron_h_moe: STATES,
  'falcon-h1': STATES,
  bert: ENCODER,
  'nomic-bert': ENCODER,
  'nomic-bert-moe': ENCODER,
  t5: ENCODER,
  gptoss: "gpt-oss in the layout of Ollama's own converter",
  clip: 'the part of a model that reads images or sound',
}

/** The reason for a known architecture. */
export function reasonAgainst(architecture: string): string | undefined {
  return Object.hasOwn(REASONS, architecture) ? REASONS[architecture] : undefined
}
