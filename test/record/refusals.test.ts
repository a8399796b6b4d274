import { testRecords } from './records.js'

testRecords('commands', ['help', 'other-tools', 'refused', 'serve', 'config'])
