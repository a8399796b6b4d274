import { testRecords } from './records.js'

testRecords('commands', ['run', 'forms', 'thoughts', 'tools', 'conversations', 'batch'])
