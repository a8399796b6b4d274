import { Readable } from 'node:stream'
import { readChunks } from '#molm/lab/traces/read-trace.js'
import { textsOfTraces } from '#molm/lab/traces/trace-texts.js'
import { bytesOf, type Files, replaced } from '../files.js'
import { expect, type Format } from '../format.js'
import { harmBytes } from '../harm-bytes.js'

const FILE = 'trace'
const ROUTED = [3, 5].map((token) => ({
  token,
  text: 'a',
  experts: [{ layer: 1, mlp: { ids: [4, 0], gates: [0.5, 0.25] } }],
}))
const ROW = { index: -1, token: 5, text: 'a "b"', layer: 0, kind: 'mlp', rank: 0, expert: 3, gate: 0.5 }

/** Traces of routing in each of their formats. */
const SOUND = [
  `index,token,text,layer,kind,rank,expert,gate\n-1,5,"a ""b""\n",0,attention,0,3,0.5\n0,6,c,0,attention,0,1,1e-3\n`,
  `${JSON.stringify(ROW)}\n${JSON.stringify({ ...ROW, index: 0 })}\n`,
  JSON.stringify({ choices: [{ prompt_routed_experts: ROUTED, routed_experts: ROUTED }] }, null, 1),
  JSON.stringify({ choices: [{ routed_experts: { data: 'AwQBAgUG', shape: [1, 3, 2], dtype: 'uint8', start: 1 } }] }),
  JSON.stringify({ tokens: [3, 5], experts: ROUTED.map(({ experts }) => experts) }),
].map((content) => Buffer.from(content))

export const trace: Format = {
  name: 'trace',
  inputs: 3000,
  prepare: () => ({
    sound: (chance): Files => new Map([[FILE, Uint8Array.from(chance.pick(SOUND))]]),
    harm: (files, chance) => replaced(files, FILE, harmBytes(bytesOf(files, FILE), chance)),
    async read({ files }) {
      const bytes = bytesOf(files, FILE)
      const found = await readChunks(FILE, Readable.from([Buffer.from(bytes)]))
      for (const { usage, tokens } of textsOfTraces([{ name: FILE, trace: found }], {}).texts) {
        expect(usage.tokens === tokens.length, 'as many tokens as their usage has')
        for (const { layers } of usage.mixtures) {
          const most = Math.max(0, ...layers.flatMap(({ counts }) => [...counts]))
          expect(most <= tokens.length * 256, 'counts of tokens')
        }
      }
    },
  }),
}
