"""Own text: tools made up from a verb and a thing, with others that differ in one of the two; and tools that know facts of a kind of things.

Each is a spec as in tool_specs.py with a seventh part: a function that makes a spec for a tool like it, which is of no use for its questions.
"""
import json
import words as w
from fillers import COLORS, clock, city, invented, number, person, things
from words import cap, chance, joined, pick, rng

KEYS = dict(number='count size amount level number limit width quantity'.split(), person='name person user owner player who'.split(), thing='item object part target thing what'.split(), color='color tone shade colour'.split(), city='city place town where'.split(), word='word label tag code'.split(),
            weekday='day date when'.split(), file='file path source document'.split(), task='task job step'.split(), text='text message words note'.split(), time='time at hour when'.split(), room='room where place'.split(), code='code id number key'.split(), company='company firm name shop'.split(), machine='machine device which name'.split())
DONE = (['ok', 'done', '{"result": {n}}', '{n}'], ['I did it.', 'It is done.', 'The result is {n}.', 'The result is {n}.'])


def keys_of(kinds, named=0.7):
    keys = []
    for kind in kinds:
        keys.append(next(k for k in (pick(KEYS[kind]) if chance(named) else pick(things) for _ in range(99)) if k not in keys))
    return keys


def asks_of(phrase):
    return [p.replace('~', phrase) for p in ('~', '~.', 'Please ~.', 'Can you ~?', 'I want you to ~.', 'Could you ~, please?', 'Now ~.', 'Would you ~?', '~, please.')]


def names_of(verb, noun):
    return [name.replace(' ', '_') for name in (f'{verb}_{noun}', f'{verb}', f'{noun}_{verb}', f'{verb}_the_{noun}', f'{verb}_{noun}')]


def other(verb, noun):
    """The verb or the thing of a tool that is of no use for this one's questions."""
    return (None, noun) if chance(0.5) else (verb, None)


def invention(verb=None, noun=None):
    """A random verb and thing, and arguments that the question names."""
    verb, noun = verb or pick(w.verbs1), noun or pick(things)
    like = lambda: invention(*other(verb, noun))
    kinds = [pick(['number', 'person', 'thing', 'color', 'city', 'word', 'weekday', 'file', 'task']) for _ in range(rng.choices([0, 1, 2, 3], [1, 5, 4, 2])[0])]
    keys = keys_of(kinds)
    args = [([k], kind, 0) for k, kind in zip(keys, kinds)]
    gaps = [f'{k} {{{i}}}' for i, k in enumerate(keys)]
    said = '' if not gaps else ' ' + pick(['with ', 'for ', 'using ', 'with the ', 'at ']) + joined(gaps)
    phrase = f'{verb} {pick(["the ", "a ", "my ", "this ", "every "])}{noun}{said}'
    if len(gaps) == 1 and chance(0.5):
        phrase = pick([f'{verb} {{0}}', f'{verb} the {noun} {{0}}', f'{verb} the {noun} of {{0}}'])
    # The tool may say it in other words than the question.
    v, n = (w.synonyms.get(x, x) if chance(0.5) else x for x in (verb, noun))
    abouts = [f'{cap(v)} a {n}', f'Lets you {v} the {n}', f'{cap(v)}s {n}s', f'To {v} {w.art(n)} {n}', f'{cap(n)}: {v}']
    return names_of(v, n), abouts, args, asks_of(phrase), *DONE, like


# a sentence with ~ for the verb, what its gaps are, and what a tool that does it is called and says about itself
ACTIONS = [
    ('~ the {0} {1}', ['thing', 'color'], 'object', 'in a color'), ('~ my {0} {1}', ['thing', 'color'], 'thing', 'with a color'), ('~ the {0} with the {1}', ['thing', 'thing'], 'thing', 'with another thing'), ('~ the {1} onto the {0}', ['thing', 'thing'], 'object', 'onto another object'),
    ('~ {1} {0}s for {2}', ['thing', 'number', 'person'], 'thing', 'for a person'), ('~ {0} {1} kilograms of {2}', ['person', 'number', 'thing'], 'goods', 'for somebody, by weight'), ('~ the {0} {1} liters', ['thing', 'number'], 'thing', 'by liters'), ('~ {1} pieces of {0}', ['thing', 'number'], 'thing', 'by pieces'),
    ('~ the {0} from {1} to {2}', ['thing', 'city', 'city'], 'thing', 'from one place to another'), ('~ {0}: {1}', ['person', 'text'], 'person', 'with a text'), ('~ {0} that {1}', ['person', 'text'], 'person', 'by words'), ('~ "{1}" for {0}', ['person', 'text'], 'text', 'for a person'),
    ('~ the {0} for {1} minutes', ['machine', 'number'], 'machine', 'for some minutes'), ('~ the {0} at {1}', ['machine', 'time'], 'machine', 'at a time'), ('~ the {0} on {1}', ['thing', 'weekday'], 'thing', 'on a day'), ('~ the {0} in the {1}', ['thing', 'room'], 'thing', 'in a room'), ('~ {0} to {1}', ['file', 'file'], 'file', 'to another file'),
    ('~ the file {0}', ['file'], 'file', ''), ('~ {0} by {1} percent', ['thing', 'number'], 'value', 'by a percentage'), ('~ {0} and {1}', ['person', 'person'], 'two people', ''), ('~ number {0} for {1}', ['code', 'person'], 'number', 'for a person'), ('~ {0} at {1} on {2}', ['person', 'company', 'weekday'], 'person', 'at a firm on a day'),
    ('~ {1} as {0}', ['thing', 'word'], 'name', 'as something'), ('~ table {1} {2} {0}s', ['thing', 'number', 'number'], 'thing', 'for a table'), ('~ the {0} of the {1}', ['thing', 'room'], 'thing', 'of a room'),
]


def action(verb=None, form=None):
    """A verb in a sentence whose order says which argument is which."""
    verb, form = verb or pick(w.verbs1), form or pick(ACTIONS)
    sentence, kinds, noun, how = form
    like = lambda: action(None, form) if chance(0.6) else invention(verb)
    v = w.synonyms.get(verb, verb) if chance(0.3) else verb
    noun = pick([noun, noun, pick(things)])
    args = [([k], kind, 0) for k, kind in zip(keys_of(kinds, 0.9), kinds)]
    one = noun if ' ' in noun else f'{w.art(noun)} {noun}'
    abouts = [x.strip() for x in (f'{cap(v)}s {one} {how}', f'{cap(v)} {one} {how}', f'Lets the user {v} {one} {how}', f'To {v} {one} {how}', f'{cap(v)}s {one}')]
    return names_of(v, noun), abouts, args, asks_of(sentence.replace('~', verb)), *DONE, like


HOLDERS = dict(customer='person', pupil='person', patient='person', worker='person', member='person', guest='person', player='person', neighbor='person', order='code', ticket='code', project='code', ship='code', car='code', product='thing', plant='thing', tool='thing', animal='thing', shop='company', hotel='company', team='company', school='company', machine='machine', village='city', harbor='city', station='city', museum='company')
PROPERTIES = dict(weight=number, height=number, speed=number, depth=number, width=number, rent=number, score=number, rank=number, age=number, length=number, value=number, output=number, harvest=number, debt=number, fee=number, bonus=number, level=number, capacity=number, points=number, visitors=number, profit=number, seats=number, floors=number,
                  owner=person, maker=person, teacher=person, boss=person, driver=person, winner=person, founder=person, doctor=person, partner=person, color=lambda: pick(COLORS), origin=city, home=city, hobby=lambda: pick(things), material=lambda: pick(things), smell=lambda: pick(things), diet=lambda: pick(things), nickname=invented, model=invented, label=w.made_up,
                  start=clock, closing=clock, arrival=clock, departure=clock, birthday=lambda: f'{pick(w.MONTHS)} {rng.randrange(1, 29)}', delivery=lambda: pick(w.DAYS), holiday=lambda: pick(w.DAYS))


def record(holder=None, properties=None):
    """A tool that knows one property of a kind of things, or several, and questions for one of them."""
    holder = holder or pick(list(HOLDERS))
    properties = properties or rng.sample(list(PROPERTIES), rng.choices([1, 2, 3, 4, 5], [6, 2, 3, 2, 1])[0])
    p = pick(properties)
    rest = [x for x in PROPERTIES if x not in properties]
    like = lambda: record(holder, rng.sample(rest, min(len(rest), len(properties)))) if chance(0.7) else record(None, properties[:1]) if len(properties) > 1 else action()
    a = w.art(holder)
    names, abouts = names_of('get', p) + [f'{holder}_{p}', f'{holder}_{p}', f'{p}_of_{holder}', f'{p}_report', f'{p}s'], [f'The {p} of {a} {holder}', f'Says what {p} {a} {holder} has', f'Looks up the {p} of {a} {holder}', f'{cap(p)} of {holder}s', f'Finds out the {p} of {a} {holder}', f'{cap(holder)}: {p}', f'Reports the {p}']
    if len(properties) > 1:
        names, abouts = [f'{holder}_{x}' for x in ('info', 'card', 'record', 'data', 'facts', 'file')] + [f'find_{holder}', f'show_{holder}', holder], [f'Facts about {a} {holder}: {joined(properties)}', f'The record of {a} {holder}, with {joined(properties)}', f'{cap(joined(properties))} of {a} {holder}', f'Shows {joined(properties)} of {a} {holder}', f'What is known about {a} {holder}: {joined(properties)}']
    asks = [f'What is the {p} of {{0}}?', f'what is the {p} of {{0}}', f'What {p} has {{0}}?', f'Tell me the {p} of {{0}}.', f'I need the {p} of {{0}}.', f'{cap(p)} of {{0}}?', f'Which {p} does {{0}} have?', f'Look up the {p} of {{0}}.', f"What is {{0}}'s {p}?", f'Find the {p} of the {holder} {{0}}.', f'Do you know the {p} of {{0}}?', f'What {p} does the {holder} {{0}} have?', f'Give me the {p} of the {holder} {{0}}.', f'The {p} of {{0}}, please.', f'How is the {p} of the {holder} {{0}}?']
    if PROPERTIES[p] is number:
        asks += [f'How large is the {p} of {{0}}?', f'How much {p} has the {holder} {{0}}?']
    values = {x: PROPERTIES[x]() for x in properties}
    v = values[p]
    all_ = dict({pick(['name', holder, 'id']): '{0}'} if chance(0.4) else {}, **values)
    lines = [f'{k}: {x}' for k, x in all_.items()]
    results = [str(v), f'{p}: {v}', f'The {p} is {v}.', json.dumps({p: v})] if len(properties) == 1 else [json.dumps(all_), json.dumps(all_), '\n'.join(lines), ', '.join(lines)]
    return names, abouts, [([holder, 'name', 'id', 'which', 'key', f'{holder}_name', 'of'], HOLDERS[holder], 0)], asks, results, [f'The {p} of {{0}} is {v}.'] * len(results), like, (holder, properties)


def made_up():
    return pick([invention, action, record])()
