import { useMemo } from 'preact/hooks'
import { type ComparedPart, changesSentence, wordChanges } from '../../insight/word-changes.js'
import { pushText } from '../../model/config/mask-spec.js'
import type { Compared } from '../answers/kept-form.js'
import { changeInWords, placesOf } from '../experts/places.js'

/** The same question answered before and after a change of an expert, with marks at the words that differ. */
export function ComparedTurn({ compared, isRunning }: { compared: Compared; isRunning: boolean }) {
  const { expert, before, after, hasOthers } = compared
  const [place] = placesOf([expert])
  const change = changeInWords(place)
  const titles = place.push === undefined ? ['with it', 'without it'] : ['before', `at ${pushText(place.push)}`]
  const changes = useMemo(() => wordChanges(before.trim(), after.trim()), [before, after, isRunning])
  return (
    <article class="turn without">
      <h2 class="soft tiny">The same question {change}</h2>
      <div class="two">
        <Column title={titles[0]} text={before} parts={isRunning ? undefined : changes.before} />
        <Column title={titles[1]} text={after} parts={isRunning ? undefined : changes.after} />
      </div>
      <p class="sentence">{isRunning ? 'answering again …' : `${change}: ${changesSentence(changes)}`}</p>
      {!isRunning && (
        <p class="note tiny">
          Both answers are greedy, so only this expert makes the difference.
          {hasOthers && ' The others that are switched off or steered are so in both.'}
        </p>
      )}
    </article>
  )
}

interface ColumnProps {
  title: string
  text: string
  /** The text in parts that differ or not, once it is complete. */
  parts?: readonly ComparedPart[]
}

function Column({ title, text, parts }: ColumnProps) {
  return (
    <div>
      <h3 class="soft tiny">{title}</h3>
      <div class="answer">
        {parts ? parts.map(({ text, differs }) => (differs ? <mark>{text}</mark> : text)) : text || '…'}
      </div>
    </div>
  )
}
