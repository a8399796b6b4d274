"""Own text: answers in JSON. The model never sees the schema, only the keys that the form makes it write: keys are not learned, values are."""
import json
import own_things as t
import skill_orders as orders
import words as w
from conversation import FULL, NONE, document
from fillers import CITIES, COLORS, CURRENCY, DISHES, FIRST, JOBS, city, invented, number, person, things
from words import cap, chance, noisy, pick, rng

ANIMALS = [line.split('|') for line in t.ANIMALS.strip().split('\n')]
COLOUR = [x.rsplit(' ', 1) for x in t.COLOURS.split(', ')]
MADE = [x.split(' ', 1) for x in t.MADE_OF.split(', ')]
NAME = ['name', 'word', 'subject', 'thing', 'item', 'title', 'what', 'term', 'object', 'id', 'label', 'key', 'topic']


def of_animal():
    n, legs, colour, sound, food, home, cover, young, flies = pick(ANIMALS)
    small = orders.SIZES.index(n) if n in orders.SIZES else 20
    fields = {
        ('animal', 'name', 'word', 'creature', 'species', 'kind_of_animal', 'subject', 'what'): n, ('legs', 'number_of_legs', 'leg_count', 'feet', 'count_of_legs', 'legs_count'): int(legs),
        ('color', 'colour', 'colors', 'fur_color'): colour, ('sound', 'noise', 'says', 'call', 'voice', 'cry'): sound, ('food', 'eats', 'diet', 'feeds_on'): food, ('home', 'lives', 'habitat', 'where', 'place'): home,
        ('covering', 'skin', 'cover', 'body_cover'): cover, ('young', 'baby', 'baby_name', 'child'): young, ('can_fly', 'flies', 'flying', 'has_wings'): flies == 'yes',
        ('is_animal', 'animal', 'alive', 'living', 'is_alive', 'lives'): True, ('is_plant', 'plant', 'tool', 'is_tool', 'machine'): False, ('size', 'how_big'): 'small' if small < 17 else 'large' if small > 33 else 'medium', ('kind', 'type', 'category', 'class', 'group'): 'animal',
        ('has_legs',): int(legs) > 0}
    asks = [f'What is {w.art(n)} {n}?'] * 5 + [f'Tell me about the {n}.', f'Describe {w.art(n)} {n}.', f'Describe a {n} in JSON.', f'Give me the facts about the {n}.', f'{n}', f'What do you know about {w.plural(n)}?', f'JSON for {n}', f'Fill in the form for a {n}.', f'Facts on the {n} as JSON, please.', f'The animal is a {n}.', f'How many legs does {w.art(n)} {n} have?', f'What color is a {n}?', f'What sound does {w.art(n)} {n} make?', f'What does {w.art(n)} {n} eat?', f'Where does {w.art(n)} {n} live?', f'Can {w.art(n)} {n} fly?', f'What is a young {n} called?']
    return pick(asks), fields


def of_country():
    c = pick(w.big) if chance(0.85) else pick(w.countries)
    if not c['capital']:
        return of_country()
    n = c['name'].removeprefix('the ')
    fields = {('country', 'name', 'state', 'nation', 'land', 'subject'): n, ('capital', 'capital_city', 'city', 'main_city'): c['capital'], ('continent', 'region', 'where', 'part_of_the_world', 'location', 'in'): c['continent'], ('language', 'languages', 'spoken', 'tongue'): (c['languages'] or ['English'])[0], ('kind', 'type', 'category'): 'country', ('is_country',): True}
    return pick([f'What is the capital of {c["name"]}?'] * 3 + [f'Where is {c["name"]}?', f'Tell me about {c["name"]}.', f'What is {c["name"]}?', f'Describe {c["name"]}.', f'JSON for {n}', n, f'Facts about {c["name"]}', f'Which language do they speak in {c["name"]}?', f'Give me the data of {c["name"]}.']), fields


def of_word():
    r = rng.random()
    if r < 0.3:
        x = pick(w.own_opposites)
        return w.opposite(x)[0], {('word', 'term', 'of', 'input', 'first', 'from'): x, ('opposite', 'antonym', 'contrary', 'answer', 'result', 'second'): w.opposites[x], ('letters', 'length', 'number_of_letters'): len(x)}
    if r < 0.42:
        x = pick(list(w.PL)) if chance(0.5) else pick(w.count_nouns)
        return pick([f'What is the plural of {x}?', f'plural of {x}', f'Give me the plural of {x}.']), {('singular', 'word', 'one', 'input', 'noun'): x, ('plural', 'many', 'result', 'answer', 'plural_form'): w.plural(x)}
    if r < 0.5:
        x = pick(list(w.PT))
        return pick([f'What is the past tense of {x}?', f'past tense of {x}']), {('verb', 'word', 'present', 'infinitive'): x, ('past', 'past_tense', 'answer', 'result'): w.past(x)}
    if r < 0.64:
        x = pick(w.easy_known)
        return pick(orders.LETTERS + orders.SPELL).format(x=x), {('word', 'name', 'term', 'input'): x, ('letters', 'length', 'count', 'number_of_letters', 'letter_count'): len(x), ('first_letter', 'first', 'initial'): x[0], ('last_letter', 'last'): x[-1]}
    if r < 0.74:
        x = pick(w.own_synonyms)
        return w.synonym(x)[0], {('word', 'term', 'input'): x, ('synonym', 'other_word', 'same', 'answer'): w.synonyms[x]}
    f = w.a_fact()
    while f[1] != 'n' or w.main[f[0]] is not f:
        f = w.a_fact()
    k = next((k for k in w.kinds if k[3] == f[0]), None)
    fields = {tuple(NAME): f[0], ('definition', 'meaning', 'description', 'means', 'explanation', 'text', 'answer'): f[3], ('letters', 'length'): len(f[0])}
    if k:
        fields[('kind', 'type', 'category', 'class', 'is_a')] = k[1][0]
        fields[('animal', 'is_animal')] = 'animal' in k[1]
        fields[('alive', 'living', 'is_alive')] = bool(w.LIVING & set(k[1]))
        fields[('tool', 'is_tool')] = 'tool' in k[1]
    return w.ask(f), fields


def of_thing():
    if chance(0.5):
        n, c = pick(COLOUR)
        fields = {tuple(NAME) + ('fruit', 'food', 'plant', 'thing'): n, ('color', 'colour', 'shade'): c, ('letters',): len(n)}
        return pick([f'What color is {w.art(n)} {n}?', f'What color is the {n}?', f'Which color does {w.art(n)} {n} have?', f'Color of a {n}', f'What colour is {w.art(n)} {n}?', f'Say the color of the {n}.', f'Describe {w.art(n)} {n}.', f'{n}: which color?']), fields
    n, m = pick(MADE)
    return pick([f'What is {w.art(n)} {n} made of?', f'Of what is {w.art(n)} {n} made?', f'Describe {w.art(n)} {n}.', f'Material of a {n}']), {tuple(NAME): n, ('material', 'made_of', 'stuff', 'consists_of'): m, ('animal', 'alive', 'living', 'is_animal'): False}


def of_sum():
    a, op, b, c = w.a_sum()
    word = {'+': 'plus', '-': 'minus', '*': 'times', '/': 'divided by'}[op]
    return w.a_question(a, op, b, c), {('a', 'first', 'left', 'x', 'first_number', 'number1'): a, ('b', 'second', 'right', 'y', 'second_number', 'number2'): b, ('result', 'sum', 'answer', 'value', 'c', 'total', 'equals'): c, ('operator', 'op', 'sign', 'operation'): op, ('operation_name',): word, ('even', 'is_even'): c % 2 == 0}


def of_list():
    while True:
        q, a, (_, kind, xs) = orders.list_of()
        if all(' ' not in x or chance(0.4) for x in xs):
            break
    return q, {(kind.replace(' ', '_'), 'items', 'list', 'names', 'answer', 'words', 'things', 'result', 'examples'): xs, ('count', 'number', 'n', 'length'): len(xs)}


STREETS = ['Hill', 'Park', 'Lake', 'Church', 'Mill', 'King', 'River', 'Oak', 'Station', 'Market']
SUFF = ['Ltd', 'Inc', 'Corp', 'and Sons', 'GmbH', 'Group', 'Bank', 'Shop', 'Books', 'Foods']


def of_text():
    """Fields that are copied from a text."""
    n, age, c, job, day = person(), rng.randrange(5, 95), city(), pick(JOBS), pick(w.DAYS)
    item, k, price, firm, cur = w.plural(pick(things)), rng.randrange(2, pick([20, 200])), rng.randrange(2, 2000), ' '.join([invented()] + ([invented()] if chance(0.2) else []) + ([pick(SUFF)] if chance(0.5) else [])), pick(CURRENCY)
    mail = f'{n.split()[-1].lower()}@{w.made_up()}.{pick(["com", "org", "net"])}'
    phone, street = str(rng.randrange(10000, 9999999)), f'{pick(STREETS)} Street {rng.randrange(1, 99)}'
    month, d = pick(w.MONTHS), rng.randrange(1, 29)
    time = f'{rng.randrange(1, 24)}:{rng.randrange(60):02d}'
    P, A, C = {('name', 'person', 'who', 'full_name', 'user', 'customer', 'contact', 'from'): n}, {('age', 'years', 'how_old', 'age_in_years'): age}, {('city', 'town', 'place', 'lives_in', 'location', 'home', 'address', 'where'): c}
    J, D = {('job', 'profession', 'work', 'occupation'): job}, {('day', 'weekday', 'when', 'date', 'due', 'until'): day}
    I, K = {('item', 'product', 'what', 'goods', 'article', 'things', 'ordered'): item}, {('quantity', 'count', 'amount', 'number', 'pieces', 'how_many'): k}
    M = {('amount', 'price', 'total', 'sum', 'cost', 'value', 'to_pay'): price}
    U = {('currency', 'money', 'unit'): cur}
    F = {('sender', 'company', 'from', 'firm', 'seller', 'shop', 'vendor', 'issuer', 'name'): firm}
    text, fields = pick([
        (f'{n} is {age} years old and lives in {c}.', {**P, **A, **C}), (f'{n}, {age}, from {c}.', {**P, **A, **C}), (f'{n} works as a {job} in {c}.', {**P, **J, **C}), (f'My name is {n} and I am {age}. I am a {job}.', {**P, **A, **J}), (f'I am {n} from {c}, a {job} of {age} years.', {**P, **C, **A, **J}),
        (f'{n} ordered {k} {item} for {price} {cur}.', {**P, **K, **I, **M, **U}), (f'Please send {k} {item} to {n} by {day}.', {**K, **I, **{('customer', 'to', 'name', 'recipient', 'person', 'receiver'): n}, **D}), (f'{firm}: {k} {item}, {price} {cur}.', {**F, **K, **I, **M, **U}), (f'We need {k} {item} on {day}. {n}', {**K, **I, **D, **P}),
        (f'Invoice of {firm}: {price} {cur} for {item}.', {**F, **M, **U, **I}), (f'From: {firm}. Amount: {price} {cur}. Due on {day}.', {**F, **M, **U, **D}), (f'{firm} sends a bill of {price} {cur}.', {**F, **M, **U}), (f'You owe {firm} {price} {cur} until {day}.', {**F, **M, **U, **D}), (f'Bill from {firm}, {price} {cur} to pay.', {**F, **M, **U}),
        (f'Call {n} at {phone} or write to {mail}.', {**P, ('phone', 'number', 'telephone', 'tel'): phone, ('email', 'mail', 'address', 'e_mail'): mail}), (f'{n}, {street}, {c}, phone {phone}', {**P, ('street', 'address', 'road'): street, **C, ('phone', 'telephone', 'number'): phone}),
        (f'The meeting with {n} is on {day} at {time} in {c}.', {**P, **D, ('time', 'at', 'hour', 'start'): time, **C}), (f'{n} was born on {month} {d} in {c}.', {**P, ('month', 'birth_month'): month, ('day', 'day_of_month'): d, **C}), (f'Meet {n} in {c} at {time} on {day}.', {**P, **C, ('time', 'hour', 'at'): time, **D}),
        (f'The {item} cost {price} {cur} at {firm}.', {**I, **M, **U, **{('shop', 'seller', 'company', 'where', 'store'): firm}}), (f'{n} paid {price} {cur} to {firm} on {day}.', {**P, **M, **U, **{('to', 'receiver', 'company', 'payee'): firm}, **D}), (f'Two tickets from {c} to {(c2 := city())} on {day}, {price} {cur}.', {('from', 'start', 'origin', 'departure'): c, ('to', 'destination', 'end', 'arrival'): c2, **D, **M}),
    ])
    frame = pick(['{t}', '{t}', '{t} Give me the fields.', 'Text: {t}', 'Extract the fields: {t}', 'Read this: {t}', 'Note: "{t}"', 'What is in this text? {t}', '{t} Put that into JSON.', 'Find name and numbers: {t}', 'Message: {t} What does it say?', 'Fields of: {t}', 'Turn this into JSON: {t}', 'Who and what? {t}', 'Take the data from this text: "{t}"', '{t} Which data are these?', 'Fill in the form from this text: {t}', 'Here is a mail: {t}', 'Parse: {t}'])
    return frame.format(t=text), fields


def chosen(fields, least=1):
    """Some of the fields, with one of the names of each, mostly in their order."""
    keys = [k for k in fields if chance(0.55)]
    if len(keys) < least:
        keys = list(fields)[:max(least, 2)]
    keys = keys[:5]
    if chance(0.15):
        rng.shuffle(keys)
    out = {}
    for k in keys:
        out.setdefault(pick(k) if chance(0.75) else k[0], fields[k])
    return out


def form(value, learns_keys):
    """JSON of an object, with weights: its keys and signs are not learned unless the question asks for JSON."""
    sign = FULL if learns_keys else NONE
    if not isinstance(value, dict):
        return written(value, sign)
    parts = [(sign, '{')]
    for i, (k, v) in enumerate(value.items()):
        parts += [(sign, (', ' if i else '') + json.dumps(k) + ': '), *written(v, sign)]
    return parts + [(sign, '}')]


def written(v, sign):
    if isinstance(v, str):
        return [(sign, '"'), (FULL, json.dumps(v, ensure_ascii=False)[1:])]
    if isinstance(v, list):
        parts = [(sign, '[')]
        for i, x in enumerate(v):
            parts += [(sign, ', ' if i else ''), *written(x, sign)]
        return parts + [(sign, ']')]
    return [(FULL, json.dumps(v))]


KINDS = [(6, of_animal), (4, of_country), (6, of_word), (3, of_thing), (5, of_sum), (3, of_list), (7, of_text)]
BARE = ['animal', 'plant', 'tool', 'musical instrument', 'food', 'person', 'building', 'vehicle', 'color', 'fruit', 'bird', 'fish', 'body part', 'game', 'drink', 'metal', 'insect']


def bare():
    """A value that is no object."""
    r = rng.random()
    if r < 0.3:
        n, yes, no, lemma, _ = pick(w.kinds)
        return pick([f'What is {n}?', f'What kind of thing is {n}?', f'{cap(n)}: what is it?']), yes[0]
    if r < 0.5:
        q, a, *_ = w.is_a()
        return q, a.startswith('Yes')
    if r < 0.6:
        q, a, _ = orders.compare()
        return (q, a.startswith('Yes')) if a.startswith(('Yes', 'No')) else bare()
    if r < 0.88:
        q, _, (_, kind, xs) = orders.list_of()
        return q, xs
    c = pick(w.big)
    return (w.place(c, 'cap')[0], c['capital']) if c['capital'] else bare()


IN_JSON = [' Answer in JSON.', ' Give me JSON.', ' As JSON, please.', ' Reply with a JSON object.', ' Answer only with JSON.', ' (JSON)', ' Use JSON.']


def conversation():
    if chance(0.22):
        q, v = bare()
        return document([('user', noisy(q) if chance(0.3) else q), ('assistant', form(v, False))])
    q, fields = rng.choices([f for _, f in KINDS], [x for x, _ in KINDS])[0]()
    value = chosen(fields)
    asks = chance(0.3)
    if asks:
        names = ', '.join(value)
        q += pick(IN_JSON) if chance(0.3) else pick([f' Answer in JSON with {names}.', f' Give JSON with the keys {names}.', f' JSON: {names}', f' Fields: {names}.', f' Use the keys {names}.', f' {{{", ".join(f"{chr(34)}{k}{chr(34)}: ..." for k in value)}}}'])
        if names not in q and '...' not in q:
            value = {k[0]: v for k, v in list(fields.items())[:2]}
    turns = [('user', q), ('assistant', form(value, asks))]
    if chance(0.15):
        q, fields = rng.choices([f for _, f in KINDS], [x for x, _ in KINDS])[0]()
        turns += [('user', q), ('assistant', form(chosen(fields), False))]
    return document(turns)
