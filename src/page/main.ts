import '../lab/pictures/interactive/colour-text.js'
import '../lab/pictures/interactive/explore.js'
import '../lab/pictures/interactive/focus.js'
import { formatCount } from '../ground/numbers.js'
import type { ExpertPlace } from '../lab/experts/usage/awake.js'
import { alwaysLine, expertsPerToken, modelTitle, newExpertsLine } from '../lab/pictures/kinds/caption.js'
import { type AskOptions, Conversation, type Outcome } from './conversations/conversation.js'
import { ConversationList } from './conversations/conversation-list.js'
import { Keeping } from './conversations/keeping.js'
import { KeptConversations } from './conversations/kept-conversations.js'
import { byId, create } from './elements/elements.js'
import { askKey } from './elements/key-dialog.js'
import { CellActions } from './experts/cell-actions.js'
import { Comparison } from './experts/comparison.js'
import { ExpertsPanel } from './experts/experts-panel.js'
import { placesOf, SwitchedOff, specOf } from './experts/switched-off.js'
import { TextColouring } from './experts/text-colouring.js'
import { WorkView } from './experts/work-view.js'
import { Api } from './requests/api.js'
import { Models } from './requests/models.js'
import { Settings } from './requests/settings.js'

const form = byId('composer', HTMLFormElement)
const message = byId('message', HTMLTextAreaElement)
const alert = byId('alert', HTMLParagraphElement)
const fresh = byId('fresh', HTMLButtonElement)
const views = {
  chat: byId('talk', HTMLElement),
  compare: byId('compare', HTMLElement),
  work: byId('work', HTMLElement),
}
type View = keyof typeof views
/** On narrower screens the map is folded, so that the text has room. */
const NARROW = matchMedia('(max-width: 37.5rem)')

function viewInAddress(): View {
  const name = location.hash.slice(1)
  return name in views ? (name as View) : 'chat'
}

/** Shows the view named in the address. */
function showView(): void {
  for (const [view, element] of Object.entries(views)) {
    element.hidden = view !== viewInAddress()
    const link = byId(`to-${view}`, HTMLAnchorElement)
    if (element.hidden) link.removeAttribute('aria-current')
    else link.setAttribute('aria-current', 'page')
  }
}

/** Folds the map on a narrow screen, and opens it on a wide one. */
function foldMap(): void {
  byId('experts', HTMLDetailsElement).open = !NARROW.matches
}

/** Folds the map on a narrow screen, so that a comparison below the conversation is seen. */
function foldMapIfNarrow(): void {
  if (NARROW.matches) foldMap()
}

function showModel({ model, areSeveral }: Models): void {
  const about = [
    // The choice above it names the model already.
    areSeveral ? model.quant : modelTitle(model),
    ...(model.config.mixtures.length > 0 ? [expertsPerToken(model)] : ['without experts']),
    ...alwaysLine(model),
    ...newExpertsLine(model),
  ]
  byId('about', HTMLParagraphElement).textContent = about.join('; ')
  document.title = `${model.name} · molm`
  message.placeholder = model.isChat ? 'Message' : 'A text to be continued'
}

/** Shows how to choose among models, with the names of models that the server does not serve. */
function showOthers(served: string, others: readonly string[]): void {
  const [first = 'NAME'] = others
  const also = others.length > 0 ? `Also on this computer: ${others.join(', ')}. ` : ''
  const line = byId('other-models', HTMLParagraphElement)
  line.replaceChildren(
    `${also}To choose among several models here, start`,
    ' ',
    create('code', '', `molm serve -m ${served} -m ${first}`),
  )
}

/** Shows questions to begin with, which a click asks. */
function showQuestions({ model }: Models, ask: (question: string) => void): void {
  const list = byId('questions', HTMLUListElement)
  list.hidden = model.firstQuestions.length === 0
  list.replaceChildren(
    ...model.firstQuestions.map((question) => {
      const button = create('button', 'quiet', question)
      button.type = 'button'
      button.addEventListener('click', () => {
        ask(question)
        // The button vanishes.
        message.focus()
      })
      const item = create('li')
      item.append(button)
      return item
    }),
  )
}

async function start(): Promise<void> {
  showView()
  foldMap()
  NARROW.addEventListener('change', foldMap)
  addEventListener('hashchange', showView)
  const api = new Api(askKey)
  const { cards, others } = await api.models()
  showOthers(cards[0].id, others)
  const models: Models = new Models(api, cards, {
    changed: () => {
      showModel(models)
      showQuestions(models, send)
      settings.show(models.model)
      panel.begin()
      colouring.begin()
      off.clear()
      strikeOut()
      comparison.clear()
      work.begin()
    },
    chosen: () => {
      conversation.forgetExperts()
      keeping.changed()
    },
    named: () => {
      panel.drawSoon()
      colouring.paint(true)
      off.show()
    },
  })
  showModel(models)
  const turns = byId('turns', HTMLDivElement)
  const settings = new Settings(models.model)
  const asWritten = byId('as-written', HTMLInputElement)
  asWritten.addEventListener('change', () => turns.classList.toggle('written', asWritten.checked))
  const panel = new ExpertsPanel(models)
  const colouring = new TextColouring(models, turns)
  const conversation = new Conversation(
    { api, models, panel, colouring, place: turns, id: () => keeping.id, showContext },
    {
      edit: (exchange, text) => {
        ask((options) => conversation.askInstead(exchange, [{ role: 'user', content: text }], options))
      },
      regenerate: (exchange) => {
        ask((options) => conversation.askInstead(exchange, exchange.said, options))
      },
      resume: (exchange) => {
        ask((options) => conversation.resume(exchange, options))
      },
      give: (results) => {
        ask((options) => conversation.ask(results, options))
      },
      changed: () => keeping.changed(),
    },
  )
  const comparison = new Comparison(api, models)
  const work = new WorkView(api, models)
  const showWork = () => work.show(viewInAddress() === 'work')
  addEventListener('hashchange', showWork)
  showWork()

  function showContext(tokens?: number): void {
    const { contextTokens: limit } = models.model
    const isKnown = tokens !== undefined && limit !== undefined
    byId('context', HTMLParagraphElement).textContent = isKnown
      ? `context ${formatCount(tokens)} of ${formatCount(limit)}`
      : ''
  }
  const showState = () => {
    form.classList.toggle('running', conversation.isRunning)
    models.isBusy = conversation.isRunning
  }
  const showError = (error: Error) => {
    if (!settings.blame(error)) alert.textContent = error.message
  }
  /** Shows that a request runs, until it has ended, and then its error. */
  const during = async <T extends { error?: Error }>(request: Promise<T>): Promise<T> => {
    alert.textContent = ''
    showState()
    const outcome = await request
    showState()
    if (outcome.error) showError(outcome.error)
    return outcome
  }
  /** Asks with the settings. Returns whether question and answer stay in the conversation. */
  const ask = async (request: (options: AskOptions) => Promise<Outcome>): Promise<boolean> => {
    if (conversation.isRunning) return false
    try {
      return (await during(request({ ...settings.read(), mask: off.specs }))).isKept
    } catch (error) {
      showError(error as Error)
      return false
    }
  }

  /** Experts that the server never uses. */
  const offForAll = () => placesOf(models.model.mask)
  const isOffForAll = (place: ExpertPlace) => offForAll().some((one) => specOf(one) === specOf(place))
  const strikeOut = () => panel.strikeOut([...offForAll(), ...off.all])
  const off = new SwitchedOff(models, {
    changed: () => {
      strikeOut()
      actions.show()
    },
    switched: () => keeping.changed(),
  })
  strikeOut()
  /** Switches an expert off and answers the last question without it, or switches it on again. */
  const toggle = (place: ExpertPlace) => {
    if (conversation.isRunning) return
    const isAskedAgain = !off.has(place) && conversation.hasQuestion
    const mask = off.specs
    off.toggle(place)
    if (!isAskedAgain) return
    foldMapIfNarrow()
    ask((options) => conversation.askWithout(place, { ...options, mask })).then((isAnswered) => {
      // The server may not do without the expert.
      if (!isAnswered && off.has(place)) off.toggle(place)
    })
  }
  const actions = new CellActions({ models, text: () => panel.answers, off, isOffForAll, toggle })

  /** A question without an answer, which is in the field again. */
  let returned: string | undefined
  const send = async (text: string) => {
    if (text.trim() === '' || conversation.isRunning) return
    if (message.value === text) message.value = ''
    const isKept = await ask((options) => conversation.ask([{ role: 'user', content: text }], options))
    if (isKept || message.value !== '') return
    message.value = text
    returned = text
  }
  showQuestions(models, send)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    send(message.value)
  })
  message.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') conversation.stop()
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
  byId('stop', HTMLButtonElement).addEventListener('click', () => {
    conversation.stop()
    // The button vanishes, and the keyboard would begin at the top of the page.
    message.focus()
  })
  byId('read-again', HTMLButtonElement).addEventListener('click', () => {
    ask((options) => conversation.readAgain(options))
  })
  const store = new KeptConversations()
  const keeping: Keeping = new Keeping({
    store,
    conversation,
    settings,
    models,
    off,
    note: (text) => {
      byId('kept-note', HTMLParagraphElement).textContent = text
    },
    changed: () => list.refresh(),
  })
  const list = new ConversationList(store, keeping, () => {
    showState()
    alert.textContent = ''
    if (!views.chat.hidden) message.focus()
  })
  await models.loadAtlas()
  await keeping.restore()
  fresh.addEventListener('click', () => {
    keeping.fresh()
    if (message.value === returned) message.value = ''
    showState()
    alert.textContent = ''
    message.focus()
  })
  for (const button of [byId('send', HTMLButtonElement), fresh]) button.disabled = false
  if (views.chat.hidden === false) message.focus()
}

start().catch((error: Error) => {
  alert.textContent = error.message
})
