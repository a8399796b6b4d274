"""Conversations as nano reads them: the frame of its chat template, with a weight for every part of the text.

A conversation is a list of turns:
  ('user', text)            ('assistant', text or [(weight, text), ...])
  ('calls', [(name, arguments), ...])         ('tool', result)
  ('think', thoughts, answer)                 an answer behind thoughts
  ('cut', thoughts, answer)                   the same, for thoughts that a budget cut short
`document` writes it as parts (weight, text). In files a part begins with a control character that stands for its weight.
"""
import json

NONE, GIVEN, ASKED, FULL = range(4)  # weights of parts by number: not learned; schemas and results; questions; answers
VALUES = (0., 0.05, 0.2, 1.)
MARKS = '\x01\x02\x03\x04'
THINK, END_THINK, CALL, END_CALL = '<think>', '</think>', '<tool_call>', '</tool_call>'
MARKERS = [CALL, END_CALL, THINK, END_THINK]


def first_sentence(text):
    """What the template shows of a description: up to the first full stop, at most 100 characters."""
    return (text + ' ').split('. ')[0].split('\n')[0][:100].strip()


def signature(tool):
    """description: name(argument, other?). An argument with a question mark may be left out; values of an enum follow it. Where the name begins, attention has read what it is for."""
    schema = tool.get('parameters', {})
    required = schema.get('required', [])
    args = []
    for key, value in schema.get('properties', {}).items():
        values = '=' + '|'.join(str(v) for v in value['enum']) if 'enum' in value else ''
        args.append(key + ('' if key in required else '?') + values)
    return f'{first_sentence(tool.get("description", ""))}: {tool["name"]}({", ".join(args)})'


def dumps(value):
    """JSON as molm's templates and forms have it."""
    return json.dumps(value, ensure_ascii=False)


def call_text(calls):
    return '\n'.join(f'{CALL}\n{{"name": {dumps(name)}, "arguments": {dumps(args)}}}\n{END_CALL}' for name, args in calls)


def document(turns, system=None, tools=None):
    parts = []
    put = lambda weight, text: parts.append((weight, text))
    mark = lambda role: put(FULL if parts else ASKED, role)  # so that an answer ends where it should
    if system:
        put(ASKED, f'System: {system}\n')
    if tools:
        put(GIVEN, 'Tools:\n' + ''.join(f'- {signature(t)}\n' for t in tools))
    for kind, *rest in turns:
        if kind == 'user':
            mark('User:')
            put(ASKED, f' {rest[0].strip()}\n')
        elif kind == 'tool':
            mark('Tool:')
            put(GIVEN, f' {rest[0].strip()}\n')
        elif kind == 'calls':
            put(NONE, 'Assistant:')
            put(FULL, call_text(rest[0]) + '\n')
        elif kind == 'cut':  # thoughts that a budget ended: only the answer is learned
            put(NONE, f'Assistant:{THINK}\n{rest[0]}\n{END_THINK}\n\n')
            put(FULL, rest[1] + '\n')
        elif kind == 'think':
            thoughts, answer = rest
            put(NONE, f'Assistant:{THINK}\n')
            put(FULL, f'{thoughts}\n{END_THINK}\n\n')
            put(FULL, (call_text(answer) if isinstance(answer, list) else answer) + '\n')
        else:
            put(ASKED, 'Assistant:')
            said = rest[0] if isinstance(rest[0], list) else [(FULL, rest[0])]
            put(said[0][0], ' ')  # it is one token with a bracket that a form forces, which must not be learned
            for weight, text in said:
                put(weight, text)
            put(FULL, '\n')
    return parts


def marked(parts):
    """The parts as one text with control characters for the weights."""
    return ''.join(MARKS[weight] + text for weight, text in parts)
