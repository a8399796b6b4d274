import '../insight/pictures/interactive/colour-text.js'
import '../insight/pictures/interactive/explore.js'
import '../insight/pictures/interactive/focus.js'
import '../insight/pictures/interactive/voices.js'
import { Api } from './requests/api.js'
import { showPage } from './show-page.js'
import { askKey } from './views/key-dialog.js'

void showPage(async () => ({ api: new Api(askKey) }))
