import { testRecords } from './records.js'

testRecords('chats', ['commands', 'kept', 'experts', 'tools', 'screens'])
