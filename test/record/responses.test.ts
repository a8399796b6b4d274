import { testRecords } from './records.js'

testRecords('responses', ['texts', 'forms', 'kept', 'counts', 'gap', 'plain', 'several', 'guarded', 'masked'])
