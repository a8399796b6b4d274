import { testRecords } from './records.js'

testRecords('commands', ['experts', 'lab'])
