import { mixture, reader, routedText } from './routed-text.js'

const MODEL = reader([mixture('attention', [2], 1), mixture('mlp', [3], 1)], ['<b>', ' "x', '\n'])

interface Token {
  token: number
  attention: number
  mlp: number
  gate: number
}

function textOfChoices(name: string, choices: Token[], times = 1) {
  const all = Array.from({ length: times }, () => choices).flat()
  const chosen = (id: number, gate: number) => ({ ids: [id], gates: [gate] })
  return routedText(
    name,
    MODEL,
    all.map(({ token }) => token),
    (i) => ({ attention: chosen(all[i].attention, all[i].gate), mlp: chosen(all[i].mlp, all[i].gate) }),
  )
}

/** Two texts of one layer with easily counted experts, repeated `times` times. */
export const proseOf = (times = 1) =>
  textOfChoices(
    'prose',
    [
      { token: 0, attention: 0, mlp: 0, gate: 0.25 },
      { token: 1, attention: 0, mlp: 0, gate: 0.5 },
      { token: 0, attention: 1, mlp: 1, gate: 0.75 },
      { token: 2, attention: 0, mlp: 0, gate: 0.125 },
    ],
    times,
  )
export const codeOf = (times = 1) =>
  textOfChoices(
    'code',
    [
      { token: 2, attention: 0, mlp: 2, gate: 0.5 },
      { token: 2, attention: 1, mlp: 2, gate: 0.5 },
    ],
    times,
  )
