// An answer through the AI SDK, and the experts that most of its tokens woke, with the npm packages ai and
// @ai-sdk/openai-compatible:
//   molm serve -m nano &
//   node examples/ai-sdk.mjs http://127.0.0.1:8080/v1 'What is a lantern?'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { streamText } from 'ai'

const [baseURL = 'http://127.0.0.1:8080/v1', prompt = 'What is a lantern?'] = process.argv.slice(2)
const headers = { Authorization: `Bearer ${process.env.MOLM_API_KEY ?? 'none'}` }
const [{ id }] = (await (await fetch(`${baseURL}/models`, { headers })).json()).data

const routedIn = (body) => body?.choices?.[0]?.routed_experts ?? []
const molm = createOpenAICompatible({
  name: 'molm',
  baseURL,
  headers,
  // Fields that are not OpenAI's, which the AI SDK calls metadata of the provider.
  metadataExtractor: {
    extractMetadata: async ({ parsedBody }) => ({ molm: { tokens: routedIn(parsedBody) } }),
    createStreamExtractor: () => {
      const tokens = []
      return {
        processChunk: (chunk) => tokens.push(...routedIn(chunk)),
        buildMetadata: () => ({ molm: { tokens } }),
      }
    },
  },
})

const { textStream, providerMetadata } = streamText({
  model: molm(id),
  prompt,
  temperature: 0,
  providerOptions: { molm: { routed_experts: 'answer' } },
})
for await (const text of textStream) process.stdout.write(text)
console.log()

const counts = new Map()
const { tokens } = (await providerMetadata).molm
for (const { experts } of tokens) {
  for (const { layer, mlp } of experts) {
    for (const expert of mlp?.ids ?? []) {
      const name = `layer ${layer} mlp expert ${expert}`
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
}
const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, 3)
for (const [name, count] of most) console.error(`${name}: ${count} of ${tokens.length} tokens`)
