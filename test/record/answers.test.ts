import { testRecords } from './records.js'

testRecords('commands', ['run', 'forms', 'thoughts', 'batch'])
