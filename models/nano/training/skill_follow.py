"""Own text: questions that are understood from the turns before, and facts that the user has said."""
import own_things as t
import plain
import skill_orders as orders
import skill_style as style
import words as w
from conversation import document
from fillers import CITIES, COLORS, DISH, FIRST, JOBS, ROOMS, city, invented, person, things
from words import cap, chance, noisy, pick, rng

ANIMALS = {x.split('|')[0]: x.split('|') for x in t.ANIMALS.strip().split('\n')}
MADE = dict(x.split(' ', 1) for x in t.MADE_OF.split(', '))
COLOUR = dict(x.rsplit(' ', 1) for x in t.COLOURS.split(', '))
KINDS = {k[3]: k for k in w.kinds}
COUNT = {0: 'no', 2: 'two', 4: 'four', 6: 'six', 8: 'eight', 10: 'ten'}
AND = ['And {x}?'] * 5 + ['What about {x}?'] * 3 + ['and {x}', 'And what about {x}?', '{X}?', 'what about {x}', 'And {x}', 'How about {x}?', 'and {x}?', 'Now {x}.', 'The same for {x}?', 'And now {x}?', 'Then {x}?', 'Also {x}?', 'OK, and {x}?', 'And for {x}?']
small = lambda q: noisy(q)
examples = dict(w.uses)


def again_and(x):
    q = pick(AND).format(x=x, X=cap(x))
    return q


def of_noun(f, q, a):
    """About a thing that was explained."""
    lemma, d = f[0], f[3]
    it = w.noun(lemma, d)
    r = rng.random()
    if lemma in ANIMALS and r < 0.5:
        x = ANIMALS[lemma]
        legs, k = COUNT[int(x[1])], rng.randrange(7)
        if k == 0:
            return pick(['How many legs does it have?', 'How many legs has it?', 'How many legs do they have?', 'And how many legs?', 'Does it have legs?', 'how many legs']), f'{cap(it)} has {legs} legs.', f
        if k == 1:
            return pick(['What color is it?', 'Which color does it have?', 'And its color?', 'What color are they?']), f'{cap(it)} is often {x[2]}.', f
        if k == 2 and x[3] != 'nothing':
            return pick(['What sound does it make?', 'What does it say?', 'Which noise does it make?']), f'The sound of {it} is: {x[3]}.', f
        if k == 3:
            return pick(['What does it eat?', 'What do they eat?', 'And what does it eat?', 'What is its food?']), f'It eats {x[4]}.', f
        if k == 4:
            return pick(['Where does it live?', 'Where do they live?', 'And where does it live?', 'Where can I find it?']), f'It lives {x[5]}.', f
        if k == 5:
            return pick(['Can it fly?', 'Does it fly?', 'Can they fly?']), f'Yes, {it} can fly.' if x[8] == 'yes' else f'No, {it} cannot fly.', f
        return pick(['What is a young one called?', 'What are its young called?', 'And its baby?']), f'A young {lemma} is called {w.art(x[7])} {x[7]}.', f
    if r < 0.2 and lemma in KINDS:
        _, yes, no, _, _ = KINDS[lemma]
        if chance(0.5) or not no:
            y = pick(yes)
            return small(pick(['Is it {y}?', 'is it {y}', 'So it is {y}?', 'Is that {y}?', 'And is it {y}?', 'Would you say it is {y}?']).format(y=w.an(y))), f'Yes, {it} is {w.an(y)}.', f
        y = pick(no)
        return small(pick(['Is it {y}?', 'is it {y}', 'So it is {y}?', 'Is that {y}?', 'And is it {y}?', 'Could it be {y}?']).format(y=w.an(y))), f'No, {it} is not {w.an(y)}. It is {w.an(yes[0])}.', f
    if r < 0.3:
        m = MADE.get(lemma)
        return pick(['What is it made of?', 'And what is it made of?', 'Of what is it made?', 'what is it made of', 'Which material is it?', 'And of what is it made?']), f'{cap(it)} is made of {m}.' if m else 'I do not know what it is made of.', f
    if r < 0.36 and lemma in COLOUR:
        return pick(['What color is it?', 'Which color?', 'And its color?', 'What is its color?', 'What color does it have?']), f'{cap(it)} is {COLOUR[lemma]}.', f
    if r < 0.42 and lemma in examples:
        return pick(['Can you use it in a sentence?', 'Use it in a sentence.', 'Give me a sentence with it.', 'An example?', 'Give an example.', 'Use that word in a sentence.', 'Now use it in a sentence.']), examples[lemma], f
    if r < 0.5:
        k = rng.randrange(4)
        if k == 0:
            return pick(['Spell it.', 'How do you spell it?', 'How is it spelled?', 'Can you spell that?', 'Spell the word.']), f'{cap(lemma)} is spelled {" ".join(lemma.upper())}.', f
        if k == 1:
            return pick(['How many letters does it have?', 'How many letters are in it?', 'Count its letters.', 'How long is the word?']), f'{" ".join(lemma.upper())}: {len(lemma)} letters.', f
        if k == 2 and it != lemma:
            return pick(['And the plural?', 'What is the plural?', 'What is its plural?', 'In the plural?']), f'The plural of {lemma} is {w.plural(lemma)}.', f
        if lemma in w.synonyms:
            return pick(['What is another word for it?', 'What is a synonym of it?', 'Another word for it?', 'Is there another word for it?']), f'Another word for {lemma} is {w.synonyms[lemma]}.', f
    if r < 0.56 and lemma in w.opposites:
        return pick(['What is the opposite?', 'And the opposite?', 'And what is its opposite?', 'Its opposite?']), f'The opposite of {lemma} is {w.opposites[lemma]}.', f
    if r < 0.68:
        s = style.short(q, a, f)
        if s:
            return pick(SHORTER), s, None
    if r < 0.75 and lemma in orders.SIZES:
        o = pick([x for x in orders.SIZES if abs(orders.SIZES.index(x) - orders.SIZES.index(lemma)) > 4])
        more = orders.SIZES.index(lemma) > orders.SIZES.index(o)
        return pick([f'Is it bigger than {w.art(o)} {o}?', f'Is it larger than {w.art(o)} {o}?', f'And is it bigger than {w.art(o)} {o}?']), f'Yes, {it} is bigger than {w.art(o)} {o}.' if more else f'No, {it} is smaller than {w.art(o)} {o}.', f
    for _ in range(60):
        g = w.a_fact()
        if g[1] == 'n':
            break
    if chance(0.1):
        x = pick(w.rare_train)
        return again_and(f'{w.art(x)} {x}'), w.NO_WORD, f
    return again_and(w.subject(g)), w.answer(g), g


SHORTER = ['Shorter.', 'shorter', 'Make it shorter.', 'Can you say it shorter?', 'In fewer words?', 'Shorter!', 'Be shorter.', 'Say it in a few words.', 'In short?', 'Too long.', 'A bit shorter, please.', 'Give me a shorter answer.', 'Please shorten that.', 'Briefly?']
LOUD = ['In capitals.', 'Say it in capital letters.', 'Again in capitals, please.', 'Write that in capitals.', 'Now in capital letters.', 'The same in upper case.', 'Shout it.', 'Repeat it in capitals.', 'In upper case, please.', 'Can you write that in capital letters?']
AGAIN = ['Say that again.', 'Repeat that.', 'Again?', 'What did you say?', 'Pardon?', 'Once more, please.', 'Can you repeat that?', 'Come again?', 'Repeat your answer.', 'Say it once more.', 'I did not hear that.', 'What was your answer?', 'Sorry, what?']
ASKED = ['What did I ask?', 'What was my question?', 'What have I asked you?', 'Repeat my question.', 'Do you remember my question?', 'What did I just say?', 'Which question did I ask?', 'What was the last thing I asked?']
SURE = ['Are you sure?', 'Really?', 'Is that right?', 'Is that true?', 'are you sure', 'Are you certain?', 'Is that correct?', 'Can that be right?', 'Do you really think so?']
WHY = ['Why?', 'why', 'why?', 'Why is that?', 'How come?', 'Why so?', 'Why not?', 'And why?', 'For what reason?', 'Tell me why.', 'Can you say why?']


def general(q, a):
    """A turn about the turn before, whatever it was."""
    r = rng.random()
    if r < 0.26 and len(a) < 120:
        return pick(LOUD), a.upper(), None
    if r < 0.48:
        return pick(AGAIN), a, None
    if r < 0.66:
        return pick(ASKED), f'You asked: {q}', None
    if r < 0.84:
        return pick(SURE), f'Yes. {a}' if not a.startswith(('I ', 'Yes', 'No', 'That')) else 'I think so, but I am very small and may be wrong.', None
    return (pick(WHY), 'I do not know why.', None) if not a.startswith(('I ', 'That', 'Hello')) else (pick(['Ok', 'I see.', 'Good.', 'Fine.', 'OK, thanks']), 'Good. What else would you like to know?', None)


def follow(turn):
    """(question, answer, topic) behind a turn; None if there is none."""
    q, a, topic = turn
    if chance(0.18):
        return general(q, a)
    if not isinstance(topic, tuple):
        return general(q, a) if chance(0.4) else None
    kind = topic[0]
    if len(topic) == 5 and topic[1] == 'n':
        return of_noun(topic, q, a)
    if len(topic) == 5:
        if chance(0.25) and topic[0] in w.opposites:
            return pick(['What is the opposite?', 'And the opposite?', 'And what is its opposite?']), f'The opposite of {topic[0]} is {w.opposites[topic[0]]}.', topic
        if chance(0.25) and topic[0] in examples:
            return pick(['Use it in a sentence.', 'Can you use it in a sentence?', 'Give me an example.', 'A sentence with it?']), examples[topic[0]], topic
        for _ in range(60):
            g = w.a_fact()
            if g[1] == topic[1] and w.main[g[0]] is g:
                return again_and(g[0]), w.answer(g), g
        return None
    if kind == 'opp':
        _, b, more = w.opposite()
        return again_and(pick([more[1], more[1], 'of ' + more[1]])), b, more
    if kind == 'syn':
        _, b, more = w.synonym()
        return again_and(pick([more[1], 'for ' + more[1]])), b, more
    if kind in ('cap', 'where'):
        here = next((c for c in w.countries if c['name'] == topic[1]), None)
        r = rng.random()
        if here and r < 0.22:
            return pick(['Where is it?', 'Which continent is it in?', 'On which continent?', 'And where is that?', 'Where is that country?']), f'{cap(here["name"])} is in {here["continent"]}.', ('where', here['name'])
        if here and r < 0.34 and here['languages']:
            return pick(['What language do they speak there?', 'Which language is spoken there?', 'And the language?', 'What do people speak there?']), f'People in {here["name"]} speak {here["languages"][0]}.', topic
        if here and here['capital'] and kind == 'where' and r < 0.6:
            return pick(['What is its capital?', 'And the capital?', 'What is the capital?', 'And its capital?', 'Which city is its capital?', 'Capital?', 'Tell me its capital.']), f'The capital of {here["name"]} is {here["capital"]}.', ('cap', here['name'])
        c = pick(w.big)
        if kind == 'where':
            return again_and(c['name']), f'{cap(c["name"])} is in {c["continent"]}.', ('where', c['name'])
        if not c['capital']:
            return None
        return again_and(pick([c['name'], 'of ' + c['name'], 'that of ' + c['name']])), f'The capital of {c["name"]} is {c["capital"]}.', ('cap', c['name'])
    if kind == 'isa':
        n, yes, no, lemma, _ = KINDS[topic[1]]
        return pick(WHY), f'Because {n} is {w.an(yes[0])}.' if a.startswith('No') else f'Because that is what {n} is: {w.an(yes[0])}.', None
    if kind in ('sum', 'times'):
        c = int(a.rstrip('.').split(' ')[-1])
        r = rng.random()
        if r < 0.62:
            op = pick('++-*')
            b = rng.randrange(1, 10) if op == '*' else rng.randrange(1, pick([10, 30]))
            if op == '-' and b > c or op == '*' and (c > 12 or b * c > 144) or op == '+' and c + b > 199:
                return None
            said = {'+': ['plus {b}?', 'And plus {b}?', 'Add {b}.', 'plus {b}', 'And {b} more?', 'Now add {b}.', '+ {b}', 'Add {b} to that.', 'and with {b} more?', 'If I add {b}?'], '-': ['minus {b}?', 'And minus {b}?', 'Subtract {b}.', 'minus {b}', 'Take {b} away.', '- {b}', 'Now take away {b}.', 'Less {b}?'], '*': ['times {b}?', 'And times {b}?', 'Multiply it by {b}.', 'times {b}', 'x {b}', 'And {b} times that?']}[op]
            v = c + b if op == '+' else c - b if op == '-' else c * b
            return pick(said).format(b=b), f'{c} {op} {b} = {v}' if op != '*' else f'{c} times {b} is {v}.', ('sum',)
        x = w.a_sum()
        return again_and(f'{x[0]} {x[1]} {x[2]}'), f'{x[0]} {x[1]} {x[2]} = {x[3]}', ('sum',)
    if kind == 'list':
        rest = [x for x in orders.LISTS[topic[1]] if x not in topic[2]]
        n = rng.randrange(1, 4)
        if len(rest) < n or topic[1] in orders.ORDERED:
            return None
        xs = rng.sample(rest, n)
        if n == 1:
            return pick(['Another one?', 'One more.', 'Name another.', 'And one more?', 'Another, please.', 'Do you know another one?']), cap(xs[0]) + '.', ('list', topic[1], topic[2] + xs)
        k = orders.COUNT[n]
        return pick([f'Name {k} more.', f'{cap(k)} more.', f'And {k} more?', f'Give me {k} others.', f'{k} more, please', f'Tell me {k} more.', f'Can you name {k} others?', f'List {k} more.']), cap(orders.joined(xs)) + '.', ('list', topic[1], topic[2] + xs)
    if kind in ('bigger', 'smaller'):
        xs = orders.SIZES if topic[1] in orders.SIZES and topic[2] in orders.SIZES else orders.THINGS
        o = pick([x for x in xs if abs(xs.index(x) - xs.index(topic[2])) > (3 if xs is orders.SIZES else 1)])
        more = xs.index(o) > xs.index(topic[2])
        x, y = orders.the(o), orders.the(topic[2])
        if kind == 'bigger':
            return again_and(x), f'Yes, {x} is bigger than {y}.' if more else f'No, {x} is smaller than {y}.', (kind, o, topic[2])
        return again_and(x), f'No, {x} is bigger than {y}.' if more else f'Yes, {x} is smaller than {y}.', (kind, o, topic[2])
    if kind == 'spell':
        x = pick(w.easy_known)
        return again_and(x), f'{cap(x)} is spelled {" ".join(x.upper())}.', ('spell', x)
    if kind == 'letters':
        x = pick(w.easy_known)
        return again_and(x), f'{" ".join(x.upper())}: {len(x)} letters.', ('letters', x)
    if kind == 'rhyme':
        x = pick(list(orders.RHYMES))
        return again_and(pick([x, 'with ' + x])), f'{cap(orders.RHYMES[x][0])} rhymes with {x}.', ('rhyme', x)
    if kind == 'poem':
        x = pick([k for k in orders.VERSES if k != 'any'])
        return pick([f'And about the {x}?', f'Now one about the {x}.', f'And one on the {x}?', f'Another, about the {x}.']), orders.verse(x, x), ('poem', x)
    if kind == 'story':
        return pick(['Another one!', 'Another story.', 'One more.', 'Tell me another.']), orders.story()[1], ('story',)
    if kind == 'joke':
        return pick(['Another one!', 'One more.', 'Tell me another.', 'Another joke!']), pick([j for j in orders.JOKES if j != a]), ('joke',)
    if kind == 'nature':
        s, q, n, b = pick(orders.NATURE)
        return pick([f'And why {q}?', f'And {n}?', f'What about {n}?', f'Then why {q}?']), b, ('nature',)
    if kind == 'plural':
        x = pick(w.count_nouns)
        return again_and('of ' + x), f'The plural of {x} is {w.plural(x)}.', topic
    return None


def topical(turn):
    """A turn with the topic of its answer, for forms that have none."""
    q, a, topic = turn
    if topic is None and a.startswith('The plural of'):
        topic = ('plural',)
    return q, a, topic


# what users say of themselves: statements, and questions with answers
PETS = 'dog cat horse rabbit parrot hamster turtle goat mouse pony'.split()


def said():
    n, c, age, job, col, x = pick(FIRST) if chance(0.75) else invented(), city(), rng.randrange(5, 95), pick(JOBS), pick(COLORS), pick(things)
    p, pet, room, num, dish, animal = pick(FIRST) if chance(0.6) else invented(), pick(PETS), pick(ROOMS), rng.randrange(3, 9999), pick(DISH), pick(orders.LISTS['animals'])
    return pick([
        lambda: ('name', ['My name is {v}.', 'I am {v}.', 'my name is {v}', 'Call me {v}.', "I'm {v}.", 'I am called {v}.', 'Hi, I am {v}.', 'Hello, my name is {v}.', 'You can call me {v}.', 'This is {v} speaking.', 'People call me {v}.', 'Hello, {v} here.', 'The name is {v}.', 'they call me {v}'], n, ['What is my name?', 'what is my name', "What's my name?", 'Do you know my name?', 'Who am I?', 'Do you remember my name?', 'How am I called?', 'Say my name.', 'Tell me my name.', 'Which name did I tell you?', 'Can you remember what I am called?'], 'Your name is {v}.', f'Hello, {n}!'),
        lambda: ('city', ['I live in {v}.', 'I am from {v}.', 'My home is in {v}.', 'I come from {v}.', 'My town is {v}.', 'I have a house in {v}.', 'I moved to {v}.'], c, ['Where do I live?', 'In which city do I live?', 'Where am I from?', 'What is my town?', 'Do you know where I live?', 'Where is my home?', 'Which city am I from?'], 'You live in {v}.', None),
        lambda: ('age', ['I am {v} years old.', 'I am {v}.', 'My age is {v}.', 'I turned {v} today.', "I'm {v} years of age."], age, ['How old am I?', 'What is my age?', 'Do you know how old I am?', 'Which age did I tell you?', 'how old am I'], 'You are {v} years old.', None),
        lambda: ('job', ['I am a {v}.', 'I work as a {v}.', 'My job is {v}.', 'By profession I am a {v}.', 'I earn my money as a {v}.'], job, ['What is my job?', 'What do I do for work?', 'What am I?', 'What is my profession?', 'Do you know what I do?', 'As what do I work?'], 'You are a {v}.', None),
        lambda: ('color', ['My favorite color is {v}.', 'I like {v} most.', 'The color that I love is {v}.', 'I like the color {v} best.', 'My favourite colour is {v}.'], col, ['What is my favorite color?', 'Which color do I like?', 'What color do I love?', 'Do you know my favorite color?', 'What is my favourite colour?', 'Which color do I like most?'], 'Your favorite color is {v}.', None),
        lambda: ('pet', [f'My {pet} is called {{v}}.', f'I have a {pet} named {{v}}.', f'The name of my {pet} is {{v}}.', f'I have a {pet}. Its name is {{v}}.', f'My {pet} has the name {{v}}.', f'I own a {pet} called {{v}}.'], p, [f'What is my {pet} called?', f'What is the name of my {pet}?', f'How is my {pet} called?', f'Do you know the name of my {pet}?', f'Which name has my {pet}?', f"What's my {pet}'s name?"], f'Your {pet} is called {{v}}.', None),
        lambda: ('friend', ['My friend is called {v}.', 'My best friend is {v}.', 'I have a friend named {v}.', 'The name of my friend is {v}.'], p, ['What is my friend called?', 'Who is my friend?', 'What is the name of my friend?', 'Who is my best friend?'], 'Your friend is {v}.', None),
        lambda: ('relative', [f'My {(r := pick(["brother", "sister", "mother", "father", "son", "daughter", "wife", "husband", "teacher", "boss", "aunt", "uncle"]))} is called {{v}}.', f'The name of my {r} is {{v}}.', f'I have a {r} named {{v}}.'], p, [f'What is my {r} called?', f'What is the name of my {r}?', f'Who is my {r}?', f'Do you know the name of my {r}?'], f'Your {r} is called {{v}}.', None),
        lambda: ('number', ['Remember the number {v}.', 'My number is {v}.', 'The number is {v}.', 'Keep the number {v} in mind.', 'My lucky number is {v}.', 'Note the number {v}.', 'The code is {v}.', 'Please remember {v}.'], num, ['What is the number?', 'Which number did I say?', 'What was my number?', 'Do you remember the number?', 'What number did I give you?', 'Tell me the number again.'], 'The number is {v}.', None),
        lambda: ('food', ['My favorite food is {v}.', 'I love {v}.', 'I like {v} most of all foods.', 'I like to eat {v}.'], dish, ['What is my favorite food?', 'What do I like to eat?', 'Which food do I love?', 'What food do I like most?'], 'Your favorite food is {v}.', None),
        lambda: ('animal', ['My favorite animal is the {v}.', 'The animal that I like best is the {v}.', 'I like the {v} most of all animals.'], animal, ['What is my favorite animal?', 'Which animal do I like best?', 'Do you know my favorite animal?'], 'Your favorite animal is the {v}.', None),
        lambda: ('place', [f'The {x} is in the {{v}}.', f'My {x} is in the {{v}}.', f'I have put the {x} into the {{v}}.', f'I left my {x} in the {{v}}.', f'You find the {x} in the {{v}}.'], room if chance(0.6) else f'{pick(COLORS)} {pick(["box", "bag", "drawer", "pot", "basket", "chest", "bowl"])}', [f'Where is the {x}?', f'Where is my {x}?', f'Where did I put the {x}?', f'Do you know where the {x} is?', f'Where can I find the {x}?'], f'The {x} is in the {{v}}.', None),
        lambda: ('word', ['The password is {v}.', 'The secret word is {v}.', 'Remember the word {v}.', 'Keep in mind: {v}', 'My code word is {v}.', 'Remember this: {v}', 'Please remember the word {v}.'], w.made_up() if chance(0.5) else x, ['What is the word?', 'Which word did I tell you?', 'What was the secret word?', 'What should you remember?', 'What is the password?', 'What did I tell you to remember?'], 'It is {v}.', None),
        lambda: ('count', [f'I have {{v}} {w.plural(x)}.', f'There are {{v}} {w.plural(x)} in my house.', f'I own {{v}} {w.plural(x)}.', f'I bought {{v}} {w.plural(x)}.'], rng.randrange(2, 90), [f'How many {w.plural(x)} do I have?', f'How many {w.plural(x)} are there?', f'What is the number of my {w.plural(x)}?', f'Do you know how many {w.plural(x)} I have?'], f'You have {{v}} {w.plural(x)}.', None),
        lambda: ('month', ['My birthday is in {v}.', 'I was born in {v}.', 'I have my birthday in {v}.'], pick(w.MONTHS), ['When is my birthday?', 'In which month was I born?', 'In which month is my birthday?', 'When was I born?'], 'Your birthday is in {v}.', None),
        lambda: ('plan', ['Tomorrow I go to {v}.', 'I want to travel to {v}.', 'I am on my way to {v}.', 'Next week I fly to {v}.'], c, ['Where do I go?', 'Where do I want to travel?', 'What is the aim of my journey?', 'To which city do I go?', 'Where am I going?'], 'You go to {v}.', None),
    ])()


ACK = ['Good. I will remember that.', 'Thank you. I will remember that.', 'I will remember that.']


def memory(longest):
    facts = []
    for _ in range(rng.choices([1, 2, 3], [6, 3, 2])[0]):
        f = said()
        if f[0] not in [g[0] for g in facts]:
            facts.append(f)
    turns, length = [], 0
    if len(facts) == 2 and chance(0.5):  # two in one sentence
        a, b = (pick(f[1]).format(v=f[2]) for f in facts)
        turns += [('user', f'{a.rstrip(".")} and {b[0].lower() + b[1:] if not b.startswith("I") else b}' if chance(0.6) else f'{a} {b}'), ('assistant', next((f[5] for f in facts if f[5]), pick(ACK)))]
    else:
        for f in facts:
            turns += [('user', noisy_end(pick(f[1]).format(v=f[2]))), ('assistant', f[5] or pick(ACK))]
            while chance(0.3):
                q, a = plain.question()
                turns += [('user', q), ('assistant', a)]
    fill = 0 if chance(0.3) else rng.randrange(0, longest)
    while length < fill:
        q, a = plain.question()
        length += len(q + a) + 20
        turns += [('user', q), ('assistant', a)]
    rng.shuffle(facts)
    for f in facts[:rng.randrange(1, len(facts) + 1)]:
        turns += [('user', noisy_end(pick(f[3]))), ('assistant', f[4].format(v=f[2]))]
    if chance(0.2):
        f = said()
        if f[0] not in [g[0] for g in facts]:
            turns += [('user', pick(f[3])), ('assistant', 'I do not know. You have not told me.')]
    return document(turns)


def noisy_end(q):
    return q[:-1] if chance(0.12) and q[-1] in '.?' else q


def untold():
    f = said()
    return pick(f[3]), 'I do not know. You have not told me.', None


def conversation():
    """Plain turns, each followed by others that lean on it."""
    turns, n = [], rng.choices([1, 2, 3, 4], [4, 4, 2, 1])[0]
    for _ in range(n):
        t = topical(plain.turn()) if chance(0.96) else untold()
        turns += [('user', t[0]), ('assistant', t[1])]
        while chance(0.62):
            g = follow(t)
            if not g:
                break
            turns += [('user', g[0]), ('assistant', g[1])]
            t = g
    return document(turns)
