import { becomeThread } from '../ground/platform/threads.browser.js'

becomeThread()
