import { testRecords } from './records.js'

testRecords('commands', ['tools', 'conversations'])
