import type { Atlas, Model } from '#molm/index.js'
import { mixture } from './routed-text.js'

/** A model in a folder or file, as far as `loadAtlas` needs it: no experts in its first layer, two in its second. */
export function tinyModel(path: string): Pick<Model, 'name' | 'config' | 'info'> {
  const info = { kind: path.endsWith('.safetensors') ? 'packed' : 'checkpoint', path } as Model['info']
  return { name: 'tiny', config: { mixtures: [mixture('mlp', [0, 2], 1)] } as Model['config'], info }
}

/** An atlas of that model. */
export function tinyAtlas(): Atlas {
  return {
    format: 'molm-atlas',
    version: 1,
    model: { name: 'tiny', experts: { mlp: [0, 2] } },
    texts: [{ name: 'prose', tokens: 100 }],
    named: 2,
    confirmed: 1,
    entries: {
      mlp: [
        [],
        [
          { name: 'the, of', share: 0.75, tokens: [{ text: ' the', lift: 2 }], texts: [] },
          { share: 0.25, tokens: [], texts: [{ text: 'prose', lift: 1.5 }] },
        ],
      ],
    },
    committees: { mlp: [null, { experts: [0], share: 0.75, gini: 0.25, fairness: 0.8 }] },
  }
}
