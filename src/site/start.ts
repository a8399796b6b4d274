import { isolatePage } from './isolate.js'

// The page's code is read only in the page that stays.
void isolatePage().then(() => import('./main.js'))
