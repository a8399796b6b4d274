import '../pictures/interactive/explore.js'
import { alwaysLine, expertsPerToken, modelTitle, newExpertsLine } from '../pictures/caption.js'
import { Api, type Sampling } from './api.js'
import { Comparison } from './comparison.js'
import { Conversation } from './conversation.js'
import { byId } from './elements.js'
import { ExpertsPanel } from './experts-panel.js'
import { askKey } from './key-dialog.js'
import type { PageModel } from './routes.js'

const form = byId('composer', HTMLFormElement)
const message = byId('message', HTMLTextAreaElement)
const alert = byId('alert', HTMLParagraphElement)
const fresh = byId('fresh', HTMLButtonElement)
const views = { chat: byId('talk', HTMLElement), compare: byId('compare', HTMLElement) }

/** Shows the view named in the address. */
function showView(): void {
  const name = location.hash === '#compare' ? 'compare' : 'chat'
  for (const [view, element] of Object.entries(views)) {
    element.hidden = view !== name
    const link = byId(`to-${view}`, HTMLAnchorElement)
    if (view === name) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
}

/** Reads the settings; an empty field means the model's default. */
function sampling(): Sampling {
  const number = (id: string) => {
    const { valueAsNumber } = byId(id, HTMLInputElement)
    return Number.isNaN(valueAsNumber) ? undefined : valueAsNumber
  }
  return { temperature: number('temperature'), max_tokens: number('max-tokens'), seed: number('seed') }
}

function showModel(model: PageModel): void {
  const about = [
    modelTitle(model),
    ...(model.config.mixtures.length > 0 ? [expertsPerToken(model)] : ['without experts']),
    ...alwaysLine(model),
    ...newExpertsLine(model),
  ]
  byId('about', HTMLParagraphElement).textContent = about.join('; ')
  document.title = `${model.name} · molm`
  byId('system', HTMLTextAreaElement).disabled = !model.isChat
  if (!model.isChat) message.placeholder = 'A text to be continued'
}

async function start(): Promise<void> {
  showView()
  addEventListener('hashchange', showView)
  const api = new Api(askKey)
  const model = await api.model()
  showModel(model)
  const conversation = new Conversation(api, model, new ExpertsPanel(model), byId('turns', HTMLDivElement))
  new Comparison(api, model)
  const showState = () => form.classList.toggle('running', conversation.isRunning)

  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const text = message.value
    if (text.trim() === '' || conversation.isRunning) return
    message.value = ''
    alert.textContent = ''
    const answered = conversation.ask(text, byId('system', HTMLTextAreaElement).value.trim(), sampling())
    showState()
    const { isKept, error } = await answered
    showState()
    if (error) alert.textContent = error
    if (!isKept && message.value === '') message.value = text
  })
  message.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') conversation.stop()
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
    event.preventDefault()
    form.requestSubmit()
  })
  byId('stop', HTMLButtonElement).addEventListener('click', () => conversation.stop())
  fresh.addEventListener('click', () => {
    conversation.clear()
    alert.textContent = ''
    message.focus()
  })
  for (const button of [byId('send', HTMLButtonElement), fresh]) button.disabled = false
  if (views.chat.hidden === false) message.focus()
}

start().catch((error: Error) => {
  alert.textContent = error.message
})
