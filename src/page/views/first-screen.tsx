import type { PageModel } from '../requests/routes.js'
import { focusMessage } from './parts.js'

/** The place of a conversation that has not begun: questions to click, and how the map is read. */
export function FirstScreen({ model, ask }: { model: PageModel; ask: (question: string) => void }) {
  const click = (question: string) => {
    ask(question)
    // The button vanishes.
    focusMessage()
  }
  return (
    <div id="hint" class="stack soft">
      {model.firstQuestions.length > 0 && (
        <ul id="questions" class="chips" aria-label="questions to begin with">
          {model.firstQuestions.map((question) => (
            <li key={question}>
              <button class="quiet low" type="button" onClick={() => click(question)}>
                {question}
              </button>
            </li>
          ))}
        </ul>
      )}
      <p>
        Write a message. The map shows which experts each token of the answer wakes, as it comes: a row is a layer, a
        cell an expert.
      </p>
      <p>
        Point at a token to see its experts, or at an expert or a layer’s number to see its tokens. A click or{' '}
        <kbd>Enter</kbd> pins the selection, <kbd>Esc</kbd> unpins it. <kbd>Tab</kbd> goes to tokens and cells, the
        arrow keys move between them.
      </p>
      <p>
        Click an expert and switch it off, or press <kbd>x</kbd> on it: the last question is answered again without it,
        and the words that differ are marked.
      </p>
    </div>
  )
}
