import { useMemo } from 'preact/hooks'
import { type ComparedPart, changesSentence, wordChanges } from '../../lab/experts/word-changes.js'
import type { Compared } from '../answers/kept-form.js'
import { placeInWords, placesOf } from '../experts/places.js'

/** The same question answered with and without an expert: both answers, with marks at the words that differ. */
export function ComparedTurn({ compared, isRunning }: { compared: Compared; isRunning: boolean }) {
  const { expert, before, after, hasOthers } = compared
  const [place] = placesOf([expert])
  const changes = useMemo(() => wordChanges(before.trim(), after.trim()), [before, after, isRunning])
  return (
    <article class="turn without">
      <h2 class="soft tiny">The same question without {placeInWords(place)}</h2>
      <div class="two">
        <Column title="with it" text={before} parts={isRunning ? undefined : changes.before} />
        <Column title="without it" text={after} parts={isRunning ? undefined : changes.after} />
      </div>
      <p class="sentence">
        {isRunning ? 'answering again …' : `without ${placeInWords(place)}: ${changesSentence(changes)}`}
      </p>
      {!isRunning && (
        <p class="note tiny">
          Both answers are greedy, so only this expert makes the difference.
          {hasOthers && ' The others that are switched off are off in both.'}
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
