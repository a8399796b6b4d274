import { suite } from 'uvu'
import { areSurvived, SLOW } from './hostile-grammars.js'

const test = suite('slow hostile guides')

test('a hostile grammar gives a text or an error in words, soon, and other guides continue', () => areSurvived(SLOW))

test.run()
