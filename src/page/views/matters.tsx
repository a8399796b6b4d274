import { useEffect, useMemo, useState } from 'preact/hooks'
import { expertInTable } from '../../insight/pictures/kinds/caption.js'
import type { ExpertPlace } from '../../insight/usage/awake.js'
import { type ComparedPart, changeInWords, wordChanges } from '../../insight/word-changes.js'
import type { Page } from '../conversations/page.js'
import { foundIn } from '../experts/places.js'
import type { MatteringExperts } from '../requests/api.js'

interface MattersProps {
  page: Page
  matters: MatteringExperts
  changed: readonly ExpertPlace[]
}

/** The answer without the expert that matters most, and a list of such experts. A click shows another one. */
export function Matters({ page, matters, changed }: MattersProps) {
  const { answer, experts, group, tried, of } = matters
  const changing = experts.filter(({ changes }) => changes)
  const rows = changing.length > 0 ? changing : group ? [{ ...group, experts: group.experts }] : []
  const [chosen, choose] = useState(0)
  const row = rows[Math.min(chosen, rows.length - 1)]
  const places = row ? placesIn(row) : []
  useEffect(() => {
    page.panel.look(places.length === 1 ? places[0] : undefined)
    return () => page.panel.look()
  }, [matters, chosen])
  const changes = useMemo(() => wordChanges(answer, row?.answer ?? answer), [matters, chosen])
  const isOut = places.every((place) => foundIn(changed, place))
  const leaveOut = () => page.change([...changed.filter((one) => !foundIn(places, one)), ...places])
  return (
    <article class="turn matters">
      <h2 class="headline">
        {row
          ? `Without ${inWords(places)}: ${changeInWords(answer, row.answer)}`
          : 'No expert changes this answer alone'}
      </h2>
      {row && (
        <div class="two">
          <Column title="with all experts" parts={changes.before} />
          <Column title={`without ${inWords(places)}`} parts={changes.after} />
        </div>
      )}
      {rows.length > 1 && (
        <ol aria-label="experts that change the answer">
          {rows.map((one, i) => (
            <li key={i}>
              <button class="quiet" type="button" aria-pressed={i === chosen} onClick={() => choose(i)}>
                <b>{inWords(placesIn(one))}</b> {changeInWords(answer, one.answer)}
              </button>
            </li>
          ))}
        </ol>
      )}
      <p class="note tiny">
        {`${tried === of ? `All ${of}` : `${tried} of the ${of}`} woken experts were left out, one at a time.`}{' '}
        {group && changing.length === 0 && 'None changes the answer alone, but these do together. '}
        {row && !isOut && (
          <button class="act" type="button" onClick={leaveOut}>
            Leave it out from now on
          </button>
        )}
      </p>
    </article>
  )
}

type Row = MatteringExperts['experts'][number] | (NonNullable<MatteringExperts['group']> & { experts: ExpertPlace[] })

function placesIn(row: Row): ExpertPlace[] {
  return 'experts' in row ? row.experts : [{ layer: row.layer, kind: row.kind, expert: row.expert }]
}

function inWords(places: readonly ExpertPlace[]): string {
  return places.map((place) => expertInTable(place)).join(' and ')
}

function Column({ title, parts }: { title: string; parts: readonly ComparedPart[] }) {
  return (
    <div class="version">
      <h3 class="soft tiny">{title}</h3>
      <div class="answer">{parts.map(({ text, differs }) => (differs ? <mark>{text}</mark> : text))}</div>
    </div>
  )
}
