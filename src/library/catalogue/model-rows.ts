import type { PublishedShape } from '../../model/families/published-shapes.js'

/** A published model that has a name of one word. */
export interface ModelRow {
  /** Word and tag: `granite:1b`. The word alone means its first row. */
  name: string
  /** Repository of its makers, with the checkpoint. */
  checkpoint: string
  /** A file of the same model in 4 bits, which is fetched in place of the checkpoint. Absent if none is published. */
  gguf?: { source: string; bytes: number; sha256?: string }
  shape: PublishedShape
  /** As the hub calls it. */
  licence: string
  /** Month of its publication. */
  published: string
  /** Whether its answers have thoughts, and whether it calls tools: as its chat template shows. */
  does: readonly ('thinks' | 'calls tools')[]
}

/**
 * When the rows were compared with stored copies of the hub's pages and of lists of its files. The hub itself has not
 * been asked: `node scripts/check-models.mjs` does that.
 */
export const CHECKED = '2026-12-01'

/** All models with a short name. Rows of one word begin with the model that needs least memory. */
export const MODEL_ROWS: readonly ModelRow[] = [
  {
    name: 'granite:1b',
    checkpoint: 'ibm-granite/granite-3.1-1b-a400m-instruct',
    gguf: {
      source: 'bartowski/granite-3.1-1b-a400m-instruct-GGUF:Q4_K_M',
      bytes: 821_847_360,
      sha256: '3a2ec1c2a78cb29d901e29bbf5162dcd03381e13803d2cbdcff838d4d08142eb',
    },
    shape: 'granite-1b-a400m',
    licence: 'apache-2.0',
    published: '2024-12',
    does: ['calls tools'],
  },
  {
    name: 'granite:3b',
    checkpoint: 'ibm-granite/granite-3.1-3b-a800m-instruct',
    gguf: {
      source: 'bartowski/granite-3.1-3b-a800m-instruct-GGUF:Q4_K_M',
      bytes: 2_016_888_384,
      sha256: '48e0edcd578fd4462f26127f04c651d0e650741110185297741089aea01a82b3',
    },
    shape: 'granite-3b-a800m',
    licence: 'apache-2.0',
    published: '2024-12',
    does: ['calls tools'],
  },
  {
    name: 'smallthinker:4b',
    checkpoint: 'PowerInfer/SmallThinker-4BA0.6B-Instruct',
    gguf: { source: 'Tiiny/SmallThinker-4BA0.6B-Instruct-GGUF:Q4_K_S', bytes: 2_491_948_128 },
    shape: 'smallthinker-4b',
    licence: 'apache-2.0',
    published: '2025-07',
    does: [],
  },
  {
    name: 'molm:350m',
    checkpoint: 'ibm-research/MoLM-350M-4B',
    shape: '350m-4b',
    licence: 'apache-2.0',
    published: '2023-09',
    does: [],
  },
  {
    name: 'molm:700m',
    checkpoint: 'ibm-research/MoLM-700M-4B',
    shape: '700m-4b',
    licence: 'apache-2.0',
    published: '2023-09',
    does: [],
  },
  {
    name: 'trinity:6b',
    checkpoint: 'arcee-ai/Trinity-Nano-Preview',
    gguf: {
      source: 'arcee-ai/Trinity-Nano-Preview-GGUF:Q4_K_M',
      bytes: 3_786_957_088,
      sha256: '287562a3824ce2277e2c71cfcc70248b2d90f7fa342a4779979e0bf3e37ad546',
    },
    shape: 'trinity-nano',
    licence: 'openmdw-1.1',
    published: '2025-12',
    does: [],
  },
  {
    name: 'olmoe:7b',
    checkpoint: 'allenai/OLMoE-1B-7B-0125-Instruct',
    gguf: {
      source: 'allenai/OLMoE-1B-7B-0125-Instruct-GGUF:Q4_K_M',
      bytes: 4_213_512_192,
      sha256: '4ddc0e53159ed512b8dd67914a66e27bc618f694672ba43a9a0454eabd9c684f',
    },
    shape: 'olmoe-1b-7b',
    licence: 'apache-2.0',
    published: '2025-01',
    does: [],
  },
  {
    name: 'granite4:7b',
    checkpoint: 'ibm-granite/granite-4.0-h-tiny',
    gguf: {
      source: 'ibm-granite/granite-4.0-h-tiny-GGUF:Q4_K_M',
      bytes: 4_230_976_352,
      sha256: '5a38b08c441ae1adbafb1d2b8a7167e0d48734d83af68b268cefea1eec553dcd',
    },
    shape: 'granite-4.0-h-tiny',
    licence: 'apache-2.0',
    published: '2025-10',
    does: ['calls tools'],
  },
  {
    name: 'lfm2:8b',
    checkpoint: 'LiquidAI/LFM2-8B-A1B',
    gguf: { source: 'LiquidAI/LFM2-8B-A1B-GGUF:Q4_K_M', bytes: 5_044_779_712 },
    shape: 'lfm2-8b-a1b',
    licence: 'lfm1.0',
    published: '2025-10',
    does: ['calls tools'],
  },
  {
    name: 'lfm2.5:8b',
    checkpoint: 'LiquidAI/LFM2.5-8B-A1B',
    gguf: {
      source: 'LiquidAI/LFM2.5-8B-A1B-GGUF:Q4_K_M',
      bytes: 5_155_564_768,
      sha256: '4923ec14f06b968b74d663e5949867d2d9c3bf13a20b8be1a9f9af39989b2bb0',
    },
    shape: 'lfm2.5-8b-a1b',
    licence: 'lfm1.0',
    published: '2026-05',
    does: ['thinks', 'calls tools'],
  },
  {
    name: 'ling:8b',
    checkpoint: 'inclusionAI/Ling-3.0-tiny',
    gguf: {
      source: 'inclusionAI/Ling-3.0-tiny-GGUF:Q4_K_M',
      bytes: 4_823_894_944,
      sha256: '246d67d45f5b0c7447ca0ce0bdb8b46b8a47b593c5068635dc16422c051d7be9',
    },
    shape: 'ling-3.0-tiny',
    licence: 'mit',
    published: '2026-08',
    does: ['thinks', 'calls tools'],
  },
  {
    name: 'zaya:8b',
    checkpoint: 'Zyphra/ZAYA1-8B',
    shape: 'zaya1-8b',
    licence: 'apache-2.0',
    published: '2026-05',
    does: ['thinks', 'calls tools'],
  },
  {
    name: 'mellum:12b',
    checkpoint: 'JetBrains/Mellum2-12B-A2.5B-Instruct',
    gguf: {
      source: 'JetBrains/Mellum2-12B-A2.5B-Instruct-GGUF-Q4_K_M:Q4_K_M',
      bytes: 8_071_293_600,
      sha256: 'b04281c27de5d968d577f310d982273b1b13bdbd8117b3ecffffeebfe222f0a7',
    },
    shape: 'mellum2-12b',
    licence: 'apache-2.0',
    published: '2026-06',
    does: ['calls tools'],
  },
  {
    name: 'gpt-oss:20b',
    checkpoint: 'openai/gpt-oss-20b',
    gguf: {
      source: 'ggml-org/gpt-oss-20b-GGUF:MXFP4',
      bytes: 12_109_566_560,
      sha256: 'be37a636aca0fc1aae0d32325f82f6b4d21495f06823b5fbc1898ae0303e9935',
    },
    shape: 'gpt-oss-20b',
    licence: 'apache-2.0',
    published: '2025-08',
    does: ['thinks', 'calls tools'],
  },
  {
    name: 'ernie:21b',
    checkpoint: 'baidu/ERNIE-4.5-21B-A3B-PT',
    gguf: { source: 'unsloth/ERNIE-4.5-21B-A3B-PT-GGUF:Q4_K_M', bytes: 13_331_015_456 },
    shape: 'ernie-21b-a3b',
    licence: 'apache-2.0',
    published: '2025-06',
    does: [],
  },
  {
    name: 'lfm2:24b',
    checkpoint: 'LiquidAI/LFM2-24B-A2B',
    gguf: {
      source: 'LiquidAI/LFM2-24B-A2B-GGUF:Q4_K_M',
      bytes: 14_415_473_952,
      sha256: 'eb4d2d4d4e61b795726c2f526c4434ca6bc725ad7a783691b58681f025cf58f2',
    },
    shape: 'lfm2-24b-a2b',
    licence: 'lfm1.0',
    published: '2026-02',
    does: ['calls tools'],
  },
  {
    name: 'ling:16b',
    checkpoint: 'inclusionAI/Ling-mini-2.0',
    gguf: { source: 'inclusionAI/Ling-mini-2.0-GGUF:Q4_K_M', bytes: 9_911_575_072 },
    shape: 'ling-mini-2.0',
    licence: 'mit',
    published: '2025-09',
    does: ['calls tools'],
  },
  {
    name: 'gemma4:26b',
    checkpoint: 'google/gemma-4-26B-A4B-it',
    gguf: {
      source: 'ggml-org/gemma-4-26B-A4B-it-GGUF:Q4_K_M',
      bytes: 16_796_015_136,
      sha256: '88f4a13b0bb95f031a7fad973e10854122fb67ebc34d214d39a2f65053046abc',
    },
    shape: 'gemma4-26b-a4b',
    licence: 'apache-2.0',
    published: '2026-04',
    does: ['thinks', 'calls tools'],
  },
  {
    name: 'glm:30b',
    checkpoint: 'zai-org/GLM-4.7-Flash',
    gguf: {
      source: 'unsloth/GLM-4.7-Flash-GGUF:Q4_K_M',
      bytes: 18_312_339_776,
      sha256: '73ba18480e06ccda453a26263c0e2be2bd86294e827b1812ddea2f88bba2d924',
    },
    shape: 'glm-4.7-flash',
    licence: 'mit',
    published: '2026-01',
    does: ['thinks', 'calls tools'],
  },
  {
    name: 'qwen3:30b',
    checkpoint: 'Qwen/Qwen3-30B-A3B-Instruct-2507',
    gguf: {
      source: 'unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF:Q4_K_M',
      bytes: 18_556_686_752,
      sha256: '6c997b8af17debdfb01d890214400ccbab00db6acc0ba8da5de1cc906c4774d0',
    },
    shape: 'qwen3-30b-a3b',
    licence: 'apache-2.0',
    published: '2025-07',
    does: ['calls tools'],
  },
  {
    name: 'qwen3-coder:30b',
    checkpoint: 'Qwen/Qwen3-Coder-30B-A3B-Instruct',
    gguf: {
      source: 'unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF:Q4_K_M',
      bytes: 18_556_689_568,
      sha256: 'fadc3e5f8d42bf7e894a785b05082e47daee4df26680389817e2093056f088ad',
    },
    shape: 'qwen3-30b-a3b',
    licence: 'apache-2.0',
    published: '2025-07',
    does: ['calls tools'],
  },
  {
    name: 'qwen3.6:35b',
    checkpoint: 'Qwen/Qwen3.6-35B-A3B',
    gguf: {
      source: 'ggml-org/Qwen3.6-35B-A3B-GGUF:Q4_K_M',
      bytes: 20_419_565_568,
      sha256: '671e47e0ec53c665d048b98c3ecbfd5236b5ca9c3e02ed19fc8f81f7b85140c7',
    },
    shape: 'qwen3.6-35b-a3b',
    licence: 'apache-2.0',
    published: '2026-04',
    does: ['thinks', 'calls tools'],
  },
]
