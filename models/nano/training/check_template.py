#!/usr/bin/env python3
"""usage: check_template.py > conversations.json   conversations as messages, and as conversation.py writes them, for check_template.mjs"""
import json, os
from conversation import document

TOOLSETS = json.load(open(f'{os.path.dirname(os.path.abspath(__file__))}/heldout/toolsets.json'))
out = []


def add(turns, system=None, tools=None):
    messages = [dict(role='system', content=system)] if system else []
    for kind, said in turns:
        if kind == 'calls':
            calls = [dict(id='x', type='function', function=dict(name=n, arguments=a)) for n, a in said]
            messages.append(dict(role='assistant', content='', tool_calls=calls))
        else:
            messages.append(dict(role=kind, content=said))
    given = tools and [dict(type='function', function=t) for t in tools]
    out.append(dict(messages=messages, tools=given, text=''.join(text for _, text in document(turns, system, tools))))


for tools in TOOLSETS.values():
    odd = {'x': 'y "z" \u00e9', 'n': 3, 'l': ['a', 'b'], 'd': 1.5, 't': True}
    add([('user', 'What is 3?'), ('calls', [('a', odd)]), ('tool', 'ok\nno'), ('assistant', 'fine')], None, tools)
    two = [('a', {'x': 'y'}), ('b', {})]
    add([('user', 'Both'), ('calls', two), ('tool', 'ok'), ('tool', '{"a": 2}'), ('assistant', 'fine'), ('user', 'more')], 'Be nice.', tools)
add([('user', 'hi'), ('assistant', 'Hello!'), ('user', 'x')], 'You are x')
print(json.dumps(out))
