"""Conversations with tools: the right call, its arguments, the answer from the result; and no call where none fits."""
import re
import words as w
from conversation import document
from fillers import KINDS, drawn, filled, things
from tool_files import FILE_ASKS, file_asked, file_tools, written
from tool_made import made_up, record
from tool_math import dictionary_asked, math_asked
from tool_specs import SPECS
from words import cap, chance, pick, rng
import plain

NO_TOOL = ['I have no tool for that.'] * 3 + ['I have no tool for that, and I cannot do it myself.', 'None of my tools can do that.', 'I cannot do that: no tool that I have fits.']
TYPES = dict(number='integer', small='integer', small2='integer')
ENUMS = dict(onoff=['on', 'off'], openclose=['open', 'close'])


# Kinds of tools that may answer the same question. A kind is the first name of a spec, math, words, files or invention.
RIVALS = [set(x.split()) for x in ('add_task save_note shopping add_event', 'add_event make_appointment', 'set_timer set_alarm', 'get_time get_current_time', 'search_web get_news fetch_page', 'measure set_temperature', 'find_contact phone_call who_is', 'order_food find_recipe book_table', 'paint make_picture', 'send_message save_note', 'translate words')]
kind_of = lambda tool: tool.get('kind', 'files')


def fits(kind, tools):
    """Whether one of the tools may be right for a question of this kind."""
    kin = {kind}.union(*(r for r in RIVALS if kind in r))
    return any(kind_of(t) in kin for t in tools)


def is_taken(tool, tools):
    return tool['name'] in [t['name'] for t in tools] or kind_of(tool) not in ('invention', 'files') and fits(kind_of(tool), tools)


def obscure():
    return pick([lambda: w.made_up(), lambda: w.made_up() + '_' + pick(things), lambda: 'tool_' + str(rng.randrange(1, 40)), lambda: pick(things) + '_' + w.made_up()])()


VERBS = 'get tell show find check read look give see ask report fetch know make do run use start say work handle'.split()
ENDS = 'report info entry tool now service state data value result action request job helper api call'.split()


def restyled(name):
    """Another name with a part of this one: names of tools are not to be learned by heart."""
    if chance(0.25):
        part = max(name.split('_'), key=len)
        name = pick([lambda: f'{pick(VERBS)}_{part}', lambda: f'{part}_{pick(ENDS)}', lambda: f'{pick(VERBS)}_{part}_{pick(ENDS)}', lambda: f'{pick(VERBS)}_the_{part}', lambda: f'{pick(things)}_{part}'])()
    r = rng.random()
    if r < 0.1 and '_' in name:
        a, *b = name.split('_')
        return a + ''.join(cap(x) for x in b)
    if r < 0.16:
        return name.replace('_', '-')
    if r < 0.22:
        return pick(['my_', 'home_', 'do_', 'api_', 'mcp_', 'user_', 'simple_']) + name
    return name


def base(verb):
    """Of "watches" the form without its ending."""
    return verb[:-3] + 'y' if verb.endswith('ies') else verb[:-2] if verb.endswith(('ches', 'shes', 'sses', 'xes', 'zzes', 'does', 'goes')) else verb[:-1]


def worded(about):
    """A description in one of the ways in which people begin one."""
    if chance(0.55):
        return about
    first, _, rest = about.partition(' ')
    low = about[0].lower() + about[1:]
    if first in ('The', 'A', 'How', 'When', 'Whether', 'What', 'Which', 'All') and chance(0.7):
        return pick(['Gives', 'Returns', 'Shows', 'Finds out', 'Says', 'Tells', 'Reports', 'Knows', 'Get', 'Find out', 'Lets you see', 'To know']) + ' ' + low
    if first.endswith('s') and not first.endswith('ss') and rest and first not in ('News', 'Times', 'Facts', 'Jams', 'Trains', 'Hours', 'Details', 'Files', 'Inhabitants', 'Goods') and chance(0.7):
        return pick(['Lets you ~', 'To ~', 'Can ~', 'Is able to ~', 'A tool to ~', 'Allows the user to ~', 'Use it to ~', 'Helps to ~', 'Made to ~', 'Call it to ~']).replace('~', f'{base(first.lower())} {rest}')
    return pick(['Tool: ~', 'This tool: ~', 'For the user: ~', 'Use this if needed: ~', '~ for the user', '~ and returns a text', '~, as the user wants', 'With this you can do the following: ~', '~', '~, by name']).replace('~', low if chance(0.8) else about)


def made(spec, is_plain=False):
    """A tool by a spec, with the names of its arguments."""
    names, abouts, args = spec[:3]
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
    about = worded(pick(abouts)) + pick(['', '', '', '.', '. ' + pick(['Use it when the user asks for this.', 'Returns JSON.', 'All arguments are texts.', 'Works for all cities.'])])
    return dict(name=restyled(name), description=about, kind=spec[0][0] if len(spec) < 7 else 'invention', parameters=dict(type='object', properties=properties, required=required)), keys


def asked(spec, given=None):
    """A tool (the one given, or a new one) with the names of its arguments, a question for it, its call, result and answer."""
    tool, keys = given or made(spec)
    args, asks, results, answers = spec[2:6]
    q = pick(asks)
    values = [KINDS[kind]() for _, kind, _ in args]
    named = {k: v for i, (k, v) in enumerate(zip(keys, values)) if '{%d}' % i in q}
    question = cap(filled(q, values, {})) if chance(0.93) else filled(q, values, {})
    i, gaps = rng.randrange(len(results)), drawn()
    return (tool, keys), [question, [(tool['name'], named)], filled(results[i], values, gaps), filled(answers[i], values, gaps)]


def two():
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


CAUSES = ['the service does not answer', 'not allowed', 'timeout', 'no such entry', 'too many requests', 'wrong argument', 'the server has ended', 'connection refused', 'nothing found', 'internal error', 'permission denied', 'unknown name', 'not found', 'bad request', 'the key is missing', 'out of memory', 'no network', 'the disk is full', 'access is denied', 'no free place', 'wrong password', 'the file is locked', 'the host is unknown', 'cannot be reached', 'too large', 'the device is off', 'not a number', 'already there', 'the account is closed', 'unexpected end of input']
ERRORS = ['Error: ~'] * 5 + ['error: ~', 'failed: ~', '{"error": "~"}', 'Error ~', '{"ok": false, "message": "~"}', '{"error": {"code": 404, "message": "~"}}', 'HTTP 500: ~', 'Exception: ~', 'fatal: ~', 'ERROR ~', 'Error (code 7): ~', 'MCP error -32000: ~', 'Failure. ~', '{"status": "error", "reason": "~"}']


def cause():
    r = rng.random()
    return pick(CAUSES) if r < 0.7 else pick([f'no such {pick(things)}', f'the {pick(things)} is not there', f'unknown {pick(things)}', f'the {pick(things)} is broken', f'there is no {pick(things)}']) if r < 0.85 else ' '.join(w.made_up() if chance(0.2) else pick(things) for _ in range(rng.randrange(1, 4)))


def failure(calls):
    if chance(0.2):
        return pick(['The user declined this call.', 'declined', 'The call was declined by the user.', 'Error: the user declined this call', 'Error: the user declined this call']), pick(['You declined the call, so I did not do it.', 'The call was declined, so I cannot say.'])
    e = cause()
    return pick(ERRORS).replace('~', e), pick([f'That failed: {e}.', f'I could not do that: {e}.', f'The tool failed: {e}.'])


def calculators():
    """Tools that calculate, and a question for one of them."""
    tools, *scene = math_asked()
    tools = tools if isinstance(tools, list) else [tools]
    if len(tools) == 1:
        return renamed(tools[0], scene, 'math')
    return [dict(t, kind='math') for t in tools], scene


def renamed(tool, scene, kind):
    q, calls, *rest = scene
    name = restyled(tool['name']) if chance(0.95) else obscure()
    about = tool['description'] if chance(0.5) else worded(tool['description'])
    return [dict(tool, name=name, description=about, kind=kind)], [q, [(name, args) for _, args in calls], *rest]


def dictionary():
    tool, *scene = dictionary_asked()
    return renamed(tool, scene, 'words')


def others(n, tools):
    """Tools that are of no use for what these are for."""
    out = []
    while len(out) < n:
        r = rng.random()
        t = made(pick(SPECS))[0] if r < 0.65 else made(made_up())[0] if r < 0.88 else calculators()[0][0] if r < 0.94 else dictionary()[0][0]
        if not is_taken(t, tools + out):
            out.append(t)
    return out


def shuffled(xs):
    xs = list(xs)
    rng.shuffle(xs)
    return xs


def thought(tool):
    return pick([f'The tool {tool["name"]} can do this.', f'1. The question needs a tool.\n2. The tool is {tool["name"]}.', f'I need {tool["name"]} for this.'])


def scenes(count):
    """Tools, and questions with calls, results and answers for them."""
    if chance(0.34):
        tools, *first = file_asked()
        found = [first] + [list(file_asked(tools)[1:]) for _ in range(count - 1)]
        if len(tools) < 8:
            tools = shuffled(tools + others(rng.choices([0, 1, 3, 6], [4, 3, 2, 1])[0], tools))
        return tools, found
    tools, found = [], []
    while len(found) < count:
        k, more = rng.random(), []
        if k < 0.16:
            new, scene = calculators()
            if len(new[0]['parameters']['properties']) == 1 and chance(0.4):
                again = calculators()
                while len(again[0][0]['parameters']['properties']) != 1:
                    again = calculators()
                tool, (q, calls, *rest) = new[0], again[1]
                more = [[q, [(tool['name'], dict(zip(tool['parameters']['properties'], calls[0][1].values())))], *rest]]
        elif k < 0.3:
            new, scene = dictionary()
        elif k < 0.48:
            new, *scene = two()
        else:
            spec = made_up() if chance(0.42) else pick(SPECS)
            made_, scene = asked(spec)
            new, more = [made_[0]], []
            if chance(0.25):
                more = [asked(record(*spec[7]) if len(spec) > 7 else spec, made_)[1]]
            if len(spec) > 6 and chance(0.6):  # others that are like it
                new += [made(spec[6]())[0] for _ in range(rng.choices([1, 2, 3], [3, 2, 1])[0])]
                new = [t for i, t in enumerate(new) if t['name'] not in [x['name'] for x in new[:i]]]
        if any(is_taken(t, tools) for t in new):
            continue
        tools += new
        found += [scene, *more]
    tools += others(rng.choices([0, 1, 2, 3, 5, 6, 8], [3, 3, 3, 3, 4, 4, 3])[0], tools)
    return shuffled(tools), found


def merged(found):
    """The same, some of them asked for at once."""
    out = []
    for scene in found:
        if out and chance(0.2) and not any(isinstance(x[2], list) for x in (scene, out[-1])):
            (q, calls, result, answer), (q2, calls2, result2, answer2) = out.pop(), scene
            if not any(str(v) and q2.startswith(str(v)) for _, args in calls2 for v in args.values()) and not re.match(r"I\b", q2):
                q2 = q2[0].lower() + q2[1:]
            out.append([q.rstrip('.?!') + pick([', and ', ', and ', ' and ', '. Also: ', ', then ', '; ']) + q2, calls + calls2, [result, result2], f'{answer} {answer2}'])
        else:
            out.append(scene)
    return out


def turns_of(q, calls, result, answer, tools):
    if chance(0.11) and not isinstance(result, list):
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


def none(tools):
    """A question that none of the tools fits, and the answer."""
    while True:
        r = rng.random()
        if r < 0.25 and not fits('files', tools):
            return noisy_arguments(pick(FILE_ASKS)()), pick(NO_TOOL)
        if r < 0.4 and not fits('math', tools):
            return noisy_arguments(calculators()[1][0]), pick(NO_TOOL[:3] + ['That sum is too large for me, and I have no tool for it.'])
        if r > 0.8:
            spec = made_up()
            said = ' '.join(x for t in tools for x in (t['name'], t['description'])).lower()
            q = asked(spec)[1][0]
            if not any(x in said for x in re.findall(r'[a-z]{4,}', q)):
                return noisy_arguments(q), pick(NO_TOOL)
            continue
        spec = pick(SPECS)
        if r >= 0.4 and not fits(spec[0][0], tools):
            return noisy_arguments(asked(spec)[1][0]), pick(NO_TOOL)


def about_tools(tools):
    return pick(['Which tools do you have?', 'What tools can you use?', 'Can you use a tool?', 'What can you do with tools?', 'Do you have tools?', 'List your tools.']), 'I have ' + ('the tool ' if len(tools) == 1 else 'these tools: ') + ', '.join(t['name'] for t in tools[:8]) + (' and others.' if len(tools) > 8 else '.')


def drill():
    """One question and few tools, of which one fits or none: what decides between the two is what a tool says about itself."""
    count = rng.choices([1, 2, 3], [5, 3, 2])[0]
    if chance(0.48):
        tools = others(count, []) if chance(0.8) else file_tools()[:count]
        q, a = none(tools) if tools else plain.safe()
        return document([('user', q), ('assistant', a)], None, tools or None)
    r = rng.random()
    if r < 0.25:
        tools, *scene = file_asked()
    elif r < 0.4:
        tools, scene = calculators()
    elif r < 0.5:
        tools, scene = dictionary()
    else:
        spec = made_up() if chance(0.3) else pick(SPECS)
        (tool, _), scene = asked(spec)
        tools = [tool]
        if len(spec) > 6 and chance(0.6):
            tools += [t for t in (made(spec[6]())[0],) if t['name'] != tool['name']]
    q, calls = scene[:2]
    needed = [t for t in tools if t['name'] in [name for name, _ in calls]]
    rest = [t for t in tools if t not in needed][:max(0, count - len(needed))]
    tools = needed + rest
    tools += others(max(0, count - len(tools)), tools)
    return document([('user', noisy_arguments(q)), ('calls', calls)], None, shuffled(tools))


USUAL = [s for s in SPECS if s[0][0] in ('get_weather', 'get_time', 'get_current_time', 'get_date', 'set_timer', 'translate', 'send_message', 'send_email', 'lights')]


def usual():
    """Tools that most programs have, under their usual names, and a question for one of them: it is called, whatever the place or person."""
    spec = USUAL[0] if chance(0.5) else pick(USUAL) if chance(0.6) else pick(SPECS)
    given = made(spec, True)
    tool = given[0]
    tool['name'] = tool['name'] if chance(0.3) else pick(spec[0])
    if chance(0.5):
        tool['description'] = pick(spec[1])
    (tool, _), (q, calls, result, answer) = asked(spec, given)
    tools = shuffled([tool] + others(rng.choices([0, 1, 2], [7, 2, 1])[0], [tool]))
    turns = [('user', noisy_arguments(q)), ('calls', calls)]
    if chance(0.35):
        turns = turns_of(q, calls, result, answer, tools)
    return document(turns, None, tools)


def unusual():
    """The same tools, and a question for another kind of tool: its words are no argument of these."""
    spec = USUAL[0] if chance(0.35) else pick(USUAL)
    tool = made(spec, True)[0]
    tool['name'] = pick(spec[0])
    tools = shuffled([tool] + others(rng.choices([0, 1, 2], [7, 2, 1])[0], [tool]))
    q, a = none(tools) if chance(0.75) else plain.safe()
    return document([('user', q), ('assistant', a)], None, tools)


def conversation():
    """One whole conversation with tools: questions for them, questions that none fits, and questions that need none, in any order."""
    r = rng.random()
    if r < 0.2:
        return usual()
    if r < 0.36:
        return unusual()
    if r < 0.48:
        tools, q, calls = written()
        return document([('user', noisy_arguments(q)), ('calls', calls)], None, tools)
    if r < 0.76:
        return drill()
    count = rng.choices([0, 1, 2, 3, 4], [5, 4, 4, 3, 2])[0]
    if count:
        tools, found = scenes(count)
    else:
        tools, found = file_tools() if chance(0.35) else others(rng.choices([1, 2, 3, 4, 6, 9], [4, 4, 3, 3, 2, 1])[0], []), []
    said = [none(tools) for _ in range(rng.choices([0, 1, 2], [5, 5, 3])[0])] + [plain.safe() for _ in range(rng.choices([0, 1, 2], [5, 4, 1])[0])]
    if chance(0.03):
        said.append(about_tools(tools))
    if not found and not said:
        said = [plain.safe()]
    parts = [turns_of(*scene, tools) for scene in merged(found)] + [[('user', q), ('assistant', a)] for q, a in said]
    turns = [turn for part in shuffled(parts) for turn in part]
    if chance(0.05):
        turns += [('user', pick(['Thanks', 'Thank you!', 'thanks a lot', 'Great, thank you.'])), ('assistant', "You're welcome!")]
    system = pick(['You are a helpful assistant.', 'Use the tools when you need them.', 'You can call tools.', 'Help the user.', 'You are nano.', 'Answer with the help of the tools.']) if chance(0.12) else None
    return document(turns, system, tools)
