import { testRecords } from './records.js'

testRecords('commands', ['models', 'hub', 'convert'])
