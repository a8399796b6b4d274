"""Conversations with tools: the right call, its arguments, the answer from the result; and no call where none fits."""
import json
import words as w
from conversation import document
from fillers import KINDS, drawn, filled, things
from tool_files import FILE_ASKS, file_asked, file_tools
from tool_math import dictionary_asked, math_asked
from tool_specs import SPECS
from words import cap, chance, noisy, pick, rng
import plain

NO_TOOL = ['I have no tool for that.'] * 3 + ['I have no tool for that, and I cannot do it myself.', 'None of my tools can do that.', 'I cannot do that: no tool that I have fits.']
TYPES = dict(number='integer', small='integer')
ENUMS = dict(onoff=['on', 'off'], openclose=['open', 'close'])


def obscure():
    return pick([lambda: w.made_up(), lambda: w.made_up() + '_' + pick(things), lambda: 'tool_' + str(rng.randrange(1, 40)), lambda: pick(things) + '_' + w.made_up()])()


def restyled(name):
    r = rng.random()
    if r < 0.1 and '_' in name:
        a, *b = name.split('_')
        return a + ''.join(cap(x) for x in b)
    if r < 0.16:
        return name.replace('_', '-')
    if r < 0.22:
        return pick(['my_', 'home_', 'do_', 'api_', 'mcp_', 'user_', 'simple_']) + name
    return name


def made(spec, is_plain=False):
    """A tool by a spec, with the names of its arguments."""
    names, abouts, args, *_ = spec
    name = pick(names) if is_plain or chance(0.9) else obscure()
    keys, properties, required = [], {}, []
    for options, kind, optional in args:
        key = next(k for k in (pick(options) if chance(0.93) else pick(things) for _ in range(99)) if k not in keys)
        value = {'type': TYPES.get(kind, 'string')}
        if kind in ENUMS and chance(0.7):
            value['enum'] = ENUMS[kind]
        keys.append(key)
        properties[key] = value
        if not optional:
            required.append(key)
    about = pick(abouts) + pick(['', '', '', '.', '. ' + pick(['Use it when the user asks for this.', 'Returns JSON.', 'All arguments are texts.', 'Works for all cities.'])])
    return dict(name=restyled(name), description=about, parameters=dict(type='object', properties=properties, required=required)), keys


def invention():
    """A spec with a random verb and thing, whose arguments are named in the question."""
    verb, noun = pick(w.verbs1), pick(things)
    count = rng.choices([0, 1, 2, 3], [1, 5, 4, 2])[0]
    kinds = [pick(['number', 'person', 'thing', 'color', 'city', 'word', 'weekday', 'file', 'task']) for _ in range(count)]
    plain_keys = dict(number='count size amount level number limit width'.split(), person='name person user owner player'.split(), thing='item object part target'.split(), color='color tone shade'.split(), city='city place town'.split(), word='word label tag code'.split(), weekday='day date'.split(), file='file path source'.split(), task='task job step'.split())
    keys = []
    for kind in kinds:
        keys.append(next(k for k in (pick(plain_keys[kind]) if chance(0.7) else pick(things) for _ in range(99)) if k not in keys))
    args = [([k], kind, 0) for k, kind in zip(keys, kinds)]
    gaps = [f'{k} {{{i}}}' for i, k in enumerate(keys)]
    said = '' if not gaps else ' ' + pick(['with ', 'for ', 'using ', 'with the ', 'at ']) + (' and '.join(gaps) if len(gaps) < 3 else ', '.join(gaps[:-1]) + ' and ' + gaps[-1])
    phrase = f'{verb} {pick(["the ", "a ", "my ", "this ", "every "])}{noun}{said}'
    if count == 1 and chance(0.5):
        phrase = pick([f'{verb} {{0}}', f'{verb} the {noun} {{0}}', f'{verb} the {noun} of {{0}}'])
    asks = [p.replace('~', phrase) for p in ('~', '~.', 'Please ~.', 'Can you ~?', 'I want you to ~.', 'Could you ~, please?', 'Now ~.')]
    names = [f'{verb}_{noun}', f'{verb}', f'{noun}_{verb}', f'{verb}_the_{noun}']
    abouts = [f'{cap(verb)} a {noun}', f'Lets you {verb} the {noun}', f'{cap(verb)}s {noun}s']
    return (names, abouts, args, asks, ['ok', 'done', '{"result": {n}}', '{n}'], ['I did it.', 'It is done.', 'The result is {n}.', 'The result is {n}.'])


def asked(spec=None):
    """A tool, a question for it, its call, result and answer; or None for a second call."""
    spec = spec or (invention() if chance(0.22) else pick(SPECS))
    tool, keys = made(spec)
    _, _, args, asks, results, answers = spec
    q = pick(asks)
    values = [KINDS[kind]() for _, kind, _ in args]
    given = {k: v for i, (k, v) in enumerate(zip(keys, values)) if '{%d}' % i in q}
    question = cap(filled(q, values, {})) if chance(0.93) else filled(q, values, {})
    i, gaps = rng.randrange(len(results)), drawn()
    return tool, question, [(tool['name'], given)], filled(results[i], values, gaps), filled(answers[i], values, gaps)


def two(spec=None):
    """One question that needs the same tool twice."""
    while True:
        spec = pick(SPECS)
        forms = [q for q in spec[3] if '{0}' in q and not any('{%d}' % i in q for i in (1, 2))]
        if len(spec[2]) and spec[2][0][1] in ('city', 'person', 'company', 'dish', 'room', 'word', 'url') and forms and all(o for _, _, o in spec[2][1:]):
            break
    tool, keys = made(spec)
    q = pick(forms)
    a, b = KINDS[spec[2][0][1]](), KINDS[spec[2][0][1]]()
    both = f'{a} and {b}'
    for prep in ('in', 'of', 'for', 'about', 'from'):
        if f'{prep} {{0}}' in q and chance(0.6):
            both = f'{a} and {prep} {b}'
            break
    gaps, more = drawn(), drawn()
    i, k = rng.randrange(len(spec[4])), keys[0]
    results = [filled(spec[4][i], [x], g) for x, g in ((a, gaps), (b, more))]
    said = ' '.join(filled(spec[5][i], [x], g) for x, g in ((a, gaps), (b, more)))
    if '{0}' not in spec[5][i]:
        said = f'{cap(str(a))}: {filled(spec[5][i], [a], gaps)} {cap(str(b))}: {filled(spec[5][i], [b], more)}'
    return [tool], cap(q.replace('{0}', both)), [(tool['name'], {k: a}), (tool['name'], {k: b})], results, said


ERRORS = ['the service does not answer', 'not allowed', 'timeout', 'no such entry', 'too many requests', 'wrong argument', 'the server has ended', 'connection refused', 'nothing found', 'internal error', 'permission denied', 'unknown name']


def failure(calls):
    r = rng.random()
    if r < 0.2:
        return pick(['The user declined this call.', 'declined', 'The call was declined by the user.', 'Error: the user declined this call', 'Error: the user declined this call']), pick(['You declined the call, so I did not do it.', 'The call was declined, so I cannot say.'])
    e = pick(ERRORS)
    return pick(['Error: ~', 'Error: ~', 'error: ~', 'failed: ~', '{"error": "~"}', 'Error ~']).replace('~', e), pick([f'That failed: {e}.', f'I could not do that: {e}.', f'The tool failed: {e}.'])


def others(n, taken):
    """Tools that do not fit."""
    out = []
    while len(out) < n:
        t = made(pick(SPECS))[0] if chance(0.75) else made(invention())[0] if chance(0.6) else math_asked()[0] if chance(0.5) else dictionary_asked()[0]
        if isinstance(t, list):
            t = t[0]
        if t['name'] not in taken and t['name'] not in [x['name'] for x in out]:
            out.append(t)
    return out


def shuffled(xs):
    xs = list(xs)
    rng.shuffle(xs)
    return xs


def thought(tool):
    return pick([f'The tool {tool["name"]} can do this.', f'1. The question needs a tool.\n2. The tool is {tool["name"]}.', f'I need {tool["name"]} for this.'])


def is_taken(tool, tools, about=()):
    return tool['name'] in [t['name'] for t in tools] or tool['description'].split('.')[0] in about


def scenes(count):
    """Tools, and questions with calls, results and answers for them."""
    r = rng.random()
    if r < 0.34:
        tools, *first = file_asked()
        found = [first] + [file_asked(tools)[1:] for _ in range(count - 1)]
        if len(tools) < 8:
            tools = shuffled(tools + [t for t in others(rng.choices([0, 1, 3, 6], [4, 3, 2, 1])[0], {t['name'] for t in tools}) if 'ile' not in t['description']])
        return tools, found
    tools, found, about = [], [], set()
    for spec in rng.sample(SPECS, count):
        k = rng.random()
        if k < 0.16:
            new, *scene = math_asked()
            if 'math' in about:
                continue
            about.add('math')
        elif k < 0.3:
            if 'words' in about:
                continue
            new, *scene = dictionary_asked()
            about.add('words')
        elif k < 0.48:
            new, *scene = two()
        else:
            new, *scene = asked(invention() if chance(0.25) else spec)
        new = [new] if isinstance(new, dict) else new
        if any(is_taken(t, tools, about) for t in new):
            continue
        about |= {x for t in new for s in SPECS if t['description'].split('.')[0] in s[1] for x in s[1]}
        tools += new
        found.append(scene)
    more = [t for t in others(rng.choices([0, 1, 2, 3, 5, 6, 8], [3, 3, 3, 3, 4, 4, 3])[0], {t['name'] for t in tools}) if not is_taken(t, tools, about)]
    if 'math' in about or 'words' in about:
        more = [t for t in more if not any(x in json.dumps(t).lower() for x in ('sum', 'numbers', 'arith', 'calcul', 'express', 'word', 'diction', 'divides', 'subtract'))]
    return shuffled(tools + more), found


def turns_of(q, calls, result, answer, tools):
    if chance(0.08) and not isinstance(result, list):
        result, answer = failure(calls)
    results = result if isinstance(result, list) else [result]
    asked_ = noisy_arguments(q)
    tool = next(t for t in tools if t['name'] == calls[0][0])
    first = ('think', thought(tool), calls) if chance(0.05) else ('calls', calls)
    return [('user', asked_), first] + [('tool', x) for x in results] + [('assistant', answer)]


def noisy_arguments(q):
    """Small slips that leave the arguments as they are."""
    if chance(0.12):
        q = q.rstrip('?.!')
    if chance(0.1):
        q = pick(['Please: ', 'Hello, ', 'Ok, ', 'Now ', 'Hi! ', 'Next: ']) + q
    elif chance(0.06) and q[-1:] in '.?':
        q = q[:-1] + pick([', please.', ' now.', ' for me.', '?']) if q[-1] == '.' else q
    return q


def conversation():
    """One whole conversation with tools."""
    r = rng.random()
    if r < 0.22:  # questions that need no tool
        tools = file_tools() if chance(0.35) else shuffled(others(rng.choices([1, 2, 3, 4, 6, 9], [4, 4, 3, 3, 2, 1])[0], ()))
        turns = []
        for _ in range(rng.choices([1, 2, 3], [6, 3, 1])[0]):
            q, a = plain.safe()
            turns += [('user', q), ('assistant', a)]
        if chance(0.12):
            turns[:0] = [('user', pick(['Which tools do you have?', 'What tools can you use?', 'Can you use a tool?', 'What can you do with tools?', 'Do you have tools?', 'List your tools.'])), ('assistant', 'I have ' + ('the tool ' if len(tools) == 1 else 'these tools: ') + ', '.join(t['name'] for t in tools[:8]) + (' and others.' if len(tools) > 8 else '.'))]
        return document(turns, tools=tools)
    if r < 0.35:  # orders that no tool fits
        kind = rng.random()
        if kind < 0.25:
            q, tools = pick(FILE_ASKS)(), shuffled(others(rng.randrange(1, 5), ()))
        elif kind < 0.33:
            _, q, *_ = math_asked()
            tools = [t for t in others(rng.randrange(1, 6), ()) if not any(x in json.dumps(t).lower() for x in ('calc', 'math', 'sum', 'arith', 'number', 'add', 'multipl', 'compute', 'expression'))] or [made(SPECS[0])[0]]
            return document([('user', noisy_arguments(q)), ('assistant', pick(NO_TOOL[:3] + ['That sum is too large for me, and I have no tool for it.']))], tools=tools)
        else:
            spec = pick(SPECS)
            q = asked(spec)[1]
            tools = file_tools() if chance(0.35) else [t for t in shuffled(others(rng.randrange(1, 7), spec[0])) if t['description'].split('.')[0] not in spec[1]]
            tools = tools or file_tools()
        return document([('user', noisy_arguments(q)), ('assistant', pick(NO_TOOL))], tools=tools)
    tools, found = scenes(rng.choices([1, 2, 3, 4], [4, 4, 3, 2])[0])
    if not found:
        return conversation()
    turns = []
    for q, calls, result, answer in found:
        if chance(0.12):
            a, b = plain.safe()
            turns += [('user', a), ('assistant', b)]
        elif chance(0.1):
            spec = pick(SPECS)
            if not any(t['description'].split('.')[0] in spec[1] for t in tools):
                turns += [('user', noisy_arguments(asked(spec)[1])), ('assistant', pick(NO_TOOL))]
        turns += turns_of(q, calls, result, answer, tools)
    if chance(0.12):
        a, b = plain.safe()
        turns += [('user', a), ('assistant', b)]
    elif chance(0.1):
        turns += [('user', pick(['Thanks', 'Thank you!', 'thanks a lot', 'Great, thank you.'])), ('assistant', "You're welcome!")]
    system = pick(['You are a helpful assistant.', 'Use the tools when you need them.', 'You can call tools.', 'Help the user.', 'You are nano.', 'Answer with the help of the tools.']) if chance(0.12) else None
    return document(turns, system, tools)
