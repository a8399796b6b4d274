import '../insight/pictures/interactive/colour-text.js'
import '../insight/pictures/interactive/explore.js'
import '../insight/pictures/interactive/focus.js'
import '../insight/pictures/interactive/voices.js'
import { keptFiles, loadAtlas, loadModel, removeKept } from '../browser/index.js'
import { formatBytes } from '../ground/numbers.js'
import { linkedQuestion, withoutQuestion } from '../page/conversations/page-link.js'
import { Api } from '../page/requests/api.js'
import { showPage } from '../page/show-page.js'
import { tabServer } from './tab-server.js'

/** The page of a site: the server's page, whose engine is in the tab. */

/** A model of the site, as models.json lists it. */
interface SiteModel {
  name: string
  /** Address of its packed file. */
  file: string
  bytes: number
}

const note = document.getElementById('engine')

const page = await showPage(async () => {
  const { name, file, bytes } = await chosenModel()
  const weights = new URLSearchParams(location.search).get('weights') === 'needed' ? 'needed' : 'all'
  const model = await loadModel(file, {
    weights,
    onProgress: (done) => say(`Fetching ${name}: ${formatBytes(done.bytes)} of ${formatBytes(done.total ?? bytes)}`),
  })
  const atlas = await loadAtlas(model, undefined, () => undefined)
  const about = `${name} runs in this tab, on ${threadsOf(model.threads)}. What you write does not leave it.`
  const inTab = { about, weights: model.info, file: new URL(file, location.href).href, kept: keptFiles, removeKept }
  return { api: new Api(async () => undefined, tabServer(model, atlas)), inTab }
})

const linked = linkedQuestion(location.href)
if (page && linked) {
  // A reload continues the conversation.
  history.replaceState(null, '', withoutQuestion(location.href))
  await page.openLink(linked)
}

/** The model that the address names by `?model=`, else the first. */
async function chosenModel(): Promise<SiteModel> {
  const models: SiteModel[] = await (await fetch('models.json')).json()
  const wanted = new URLSearchParams(location.search).get('model')
  const found = wanted === null ? models[0] : models.find(({ name }) => name === wanted)
  if (!found) throw new Error(`this site has no model ${wanted}, but ${models.map(({ name }) => name).join(', ')}`)
  return found
}

function threadsOf(threads: number): string {
  if (threads > 1) return `${threads} threads`
  return crossOriginIsolated ? 'one thread' : 'one thread, since this host does not let threads share memory'
}

function say(text: string): void {
  if (note) note.textContent = text
}
