"""Own text: orders and small talk: lists, comparisons, order, spelling, rhymes, verses, stories, things of nature."""
import own_things as t
import own_verses as v
import words as w
from words import cap, chance, joined, noisy, pick, rng

LISTS = {k: x.split(', ') for k, x in (line.split(': ') for line in t.LISTS.strip().split('\n'))}
for c in 'Africa Asia Europe'.split() + ['South America']:
    LISTS[f'countries in {c}'] = [x['name'] for x in w.big if x['continent'] == c and not x['name'].startswith(('the', 'Am'))]
LISTS['countries'] = [c['name'] for c in w.big if not c['name'].startswith(('the', 'Am', 'England', 'Scot'))]
LISTS['capitals'] = [c['capital'] for c in w.big if c['capital'] and not c['name'].startswith(('the U', 'Am', 'Sco'))]
SAME = {'colors': ['colors', 'colors', 'colours'], 'musical instruments': ['musical instruments', 'instruments'], 'pieces of furniture': ['pieces of furniture', 'kinds of furniture'], 'clothes': ['clothes', 'pieces of clothing', 'things to wear'], 'body parts': ['body parts', 'parts of the body'], 'jobs': ['jobs', 'professions'], 'foods': ['foods', 'things to eat'], 'drinks': ['drinks', 'things to drink'], 'days': ['days', 'days of the week', 'weekdays'], 'games': ['games'], 'feelings': ['feelings', 'emotions'], 'relatives': ['relatives', 'members of a family']}
COUNT = {2: 'two', 3: 'three', 4: 'four', 5: 'five', 6: 'six'}
NAME = ['Name {n} {x}.'] * 4 + ['List {n} {x}.', 'Give me {n} {x}.', 'Tell me {n} {x}.', 'Can you name {n} {x}?', 'I need {n} {x}.', 'name {n} {x}', 'Which {n} {x} do you know?', 'Write down {n} {x}.', 'Say {n} {x}.', 'Please list {n} {x}.', 'Could you name {n} {x}?', 'Do you know {n} {x}?', '{n} {x}, please', 'What are {n} {x}?', 'Think of {n} {x}.', 'Mention {n} {x}.', 'Enumerate {n} {x}.', 'Show me {n} {x}', 'I would like to hear {n} {x}.', 'Let me have {n} {x}.']
ORDERED = ('months', 'days', 'seasons', 'planets', 'numbers')


def some(kind, n):
    """Neighbours in the list, or at least in its order: what has been said decides what can follow, and nothing is said twice."""
    xs = LISTS[kind]
    if kind in ORDERED and chance(0.6):
        return xs[:n]
    if chance(0.85):
        at = rng.randrange(len(xs) - n + 1)
        return xs[at:at + n]
    return [xs[i] for i in sorted(rng.sample(range(len(xs)), n))]


def list_of():
    kind = pick(list(LISTS)) if chance(0.6) else pick('animals birds fruits vegetables colors metals tools vehicles countries flowers trees'.split() + ['musical instruments'])
    n = min(rng.choices([2, 3, 4, 5, 6], [3, 8, 5, 6, 3])[0], len(LISTS[kind]))
    x = pick(SAME.get(kind, [kind]))
    said = COUNT[n] if chance(0.72) else str(n)
    xs = some(kind, n)
    return noisy(cap(pick(NAME).format(n=said, x=x))), cap(joined(xs)) + '.', ('list', kind, xs)


ONE = ['Name {n} {x}.', 'Name {n} {x}', 'Tell me {n} {x}.', 'Give me {n} {x}.', 'Say {n} {x}', 'Can you name {n} {x}?', 'Think of {n} {x}.', 'I need {n} {x}.', 'Do you know {n} {x}?']
SINGULAR = dict(animals='animal', birds='bird', insects='insect', fruits='fruit', vegetables='vegetable', colors='color', metals='metal', tools='tool', vehicles='vehicle', trees='tree', flowers='flower', months='month', planets='planet', drinks='drink', jobs='job', languages='language', countries='country', rivers='river', sports='sport', shapes='shape', buildings='building', rooms='room', games='game', toys='toy', pets='pet')


def one_of():
    kind = pick(list(SINGULAR))
    x = SINGULAR[kind] if kind != 'colors' else pick(['color', 'color', 'colour'])
    said = pick([w.art(x), w.art(x), 'one'])
    y = pick(LISTS[kind])
    return noisy(pick(ONE).format(n=said, x=x)), cap(y) + '.', ('list', kind, [y])


SIZES = t.SIZES.strip().split('|')
THINGS = t.THING_SIZES.strip().split('|')
the = lambda x: f'the {x}' if x in ('moon', 'earth', 'sun', 'sea') else f'{w.art(x)} {x}'
BIGGER = ['Is {a} bigger than {b}?'] * 3 + ['Is {a} larger than {b}?', 'Are {A} bigger than {B}?', 'is {a} bigger than {b}', 'Is {a} taller than {b}?', 'Do you think {a} is bigger than {b}?', 'Would {a} be larger than {b}?']
SMALLER = ['Is {a} smaller than {b}?'] * 3 + ['Are {A} smaller than {B}?', 'is {a} smaller than {b}', 'Is {a} tinier than {b}?']
WHICH_BIG = ['Which is bigger, {a} or {b}?', 'What is larger, {a} or {b}?', 'Which is bigger: {a} or {b}?', 'Is {a} or {b} bigger?', 'Which one is larger, {a} or {b}?', 'Who is bigger, {a} or {b}?', 'What is bigger: {a} or {b}?', 'Which of them is bigger, {a} or {b}?']
WHICH_SMALL = ['Which is smaller, {a} or {b}?', 'What is smaller, {a} or {b}?', 'Is {a} or {b} smaller?', 'Which one is smaller, {a} or {b}?', 'Who is smaller: {a} or {b}?', 'Which is the smaller one, {a} or {b}?']
COMPARE = ['Compare {a} and {b}.', 'Compare {a} with {b}.', 'compare {a} to {b}', 'What is the difference between {a} and {b}?', 'How do {a} and {b} differ?', 'Compare the sizes of {a} and {b}.', 'Tell me how {a} and {b} differ.']


def two_sizes():
    xs = SIZES if chance(0.72) else THINGS
    i, j = sorted(rng.sample(range(len(xs)), 2))
    if j - i < (3 if xs is SIZES else 1):
        return two_sizes()
    return xs[i], xs[j]


def compare():
    r = rng.random()
    if r < 0.14:
        a, b = rng.randrange(pick([20, 100])), rng.randrange(pick([20, 100]))
        if a == b:
            return compare()
        big = chance(0.5)
        q = pick(['Is {a} {m} than {b}?', 'is {a} {m} than {b}', 'Which is {m}, {a} or {b}?', 'What is {m}: {a} or {b}?']).format(a=a, b=b, m=pick(['more', 'larger', 'bigger', 'greater']) if big else pick(['less', 'smaller']))
        word = 'more' if big else 'less'
        yes = (a > b) == big
        if q.lower().startswith('is'):
            return noisy(q), f'Yes, {a} is {word} than {b}.' if yes else f'No, {a} is {"less" if big else "more"} than {b}.', ('compare',)
        return noisy(q), f'{a if yes else b} is {word} than {b if yes else a}.', ('compare',)
    small, large = two_sizes()
    s, l = the(small), the(large)
    words = dict(a=s, b=l, A=w.plural(small), B=w.plural(large))
    back = dict(a=l, b=s, A=w.plural(large), B=w.plural(small))
    if r < 0.36:
        return (noisy(pick(BIGGER).format(**back)), f'Yes, {l} is bigger than {s}.', ('bigger', large, small)) if chance(0.5) else (noisy(pick(BIGGER).format(**words)), f'No, {s} is smaller than {l}.', ('bigger', small, large))
    if r < 0.52:
        return (noisy(pick(SMALLER).format(**words)), f'Yes, {s} is smaller than {l}.', ('smaller', small, large)) if chance(0.5) else (noisy(pick(SMALLER).format(**back)), f'No, {l} is bigger than {s}.', ('smaller', large, small))
    words = words if chance(0.5) else back
    if r < 0.72:
        return noisy(pick(WHICH_BIG).format(**words)), f'{cap(l)} is bigger than {s}.', ('which',)
    if r < 0.88:
        return noisy(pick(WHICH_SMALL).format(**words)), f'{cap(s)} is smaller than {l}.', ('which',)
    return noisy(pick(COMPARE).format(**words)), f'{cap(words["a"])} is {"smaller" if words["a"] == s else "bigger"} than {words["b"]}.', ('compare',)


ORDERS = [x.split('|') for x in t.ORDERS.strip().split('\n')]
UP = ['Put in order: {x}', 'Put these in order: {x}', 'Sort {x}.', 'Sort these numbers: {x}', 'Order these numbers: {x}', 'sort {x}', 'Put {x} in order.', 'Bring {x} into order.', 'Arrange these numbers from small to large: {x}', 'Order: {x}', 'Sort from the smallest to the largest: {x}', 'Which order have {x}?', 'Order the numbers {x}.', 'Line up {x} by size.']
ABC = ['Sort these words: {x}', 'Put these words in the order of the alphabet: {x}', 'Sort by the alphabet: {x}', 'Order the words {x} by the alphabet.', 'Arrange {x} alphabetically.', 'Put {x} in alphabetical order.', 'alphabetical order: {x}', 'Sort {x} from A to Z.', 'Bring the words {x} into the order of the alphabet.']
BY_SIZE = ['Sort by size: {x}', 'Put in order from small to large: {x}', 'Order these animals by size: {x}', 'Sort the animals {x} from the smallest to the largest.', 'Line up {x} by size.', 'Put {x} in order of size.', 'Arrange by size: {x}', 'From small to large: {x}']
abc_words = [x for x in w.easy_known if 3 <= len(x) <= 6]


def in_order():
    r = rng.random()
    if r < 0.42:
        xs = rng.sample(range(pick([10, 30, 100])), rng.randrange(3, 6))
        down = chance(0.12)
        out = sorted(xs, reverse=down)
        q = pick(['Sort from large to small: {x}', 'Put in order, the largest first: {x}', 'Order these numbers from large to small: {x}']) if down else pick(UP)
    elif r < 0.78:
        kind = pick(['fruits', 'animals', 'colors', 'vegetables', 'metals', 'trees', 'birds', 'tools'])
        xs = rng.sample(abc_words if chance(0.5) else [x for x in LISTS[kind]], rng.randrange(3, 5))
        if len({x[0] for x in xs}) < len(xs) and chance(0.8):
            return in_order()
        out, q = sorted(xs), pick(ABC)
    else:
        idx = sorted(rng.sample(range(0, len(SIZES)), 3))
        if min(b - a for a, b in zip(idx, idx[1:])) < 4:
            return in_order()
        out = [SIZES[i] for i in idx]
        xs, q = rng.sample(out, len(out)), pick(BY_SIZE)
    said = ', '.join(map(str, xs)) if chance(0.75) else joined(list(map(str, xs)))
    return noisy(q.format(x=said)), cap(', '.join(map(str, out))) + '.', ('order',)


SPELL = ['How do you spell {x}?', 'Spell {x}.', 'Spell the word {x}.', 'How is {x} spelled?', 'spell {x}', 'Can you spell {x}?', 'Please spell {x} for me.', 'How does one spell {x}?', 'What is the spelling of {x}?', 'Tell me how to spell {x}.', 'Write {x} letter by letter.', 'Say the letters of {x}.']
LETTERS = ['How many letters are in {x}?', 'How many letters does {x} have?', 'Count the letters in {x}.', 'How many letters has {x}?', 'How long is the word {x}?', 'What is the number of letters in {x}?', 'Count the letters of the word {x}.', 'How many letters does the word {x} have?', 'number of letters in {x}', 'Of how many letters is {x} made?']
BACK = ['Write {x} backwards.', 'Spell {x} backwards.', 'What is {x} backwards?', 'Reverse the word {x}.', '{x} backwards', 'Say {x} from the end to the beginning.']
short_words = [x for x in w.known if 3 <= len(x) <= 9]


def letters():
    x, r = (pick(w.easy_known) if chance(0.5) else pick(short_words)) if chance(0.93) else w.made_up()[:8], rng.random()
    if r < 0.36:
        return noisy(pick(SPELL).format(x=x)), f'{cap(x)} is spelled {" ".join(x.upper())}.', ('spell', x)
    if r < 0.72:
        n = len(x)
        return noisy(pick(LETTERS).format(x=x)), f'{cap(x)} has {n} letters: {" ".join(x.upper())}.' if chance(0.0) else f'{" ".join(x.upper())}: {n} letters.', ('letters', x)
    if r < 0.82:
        return noisy(pick(BACK).format(x=x)), x[::-1], ('back', x)
    if r < 0.91:
        return noisy(pick([f'What is the first letter of {x}?', f'Which letter does {x} begin with?', f'What letter does {x} start with?'])), f'{cap(x)} starts with the letter {x[0].upper()}.', ('letter', x)
    return noisy(pick([f'What is the last letter of {x}?', f'Which letter does {x} end with?', f'What letter is at the end of {x}?'])), f'{cap(x)} ends with the letter {x[-1].upper()}.', ('letter', x)


REPEAT = ['Repeat after me: {x}', 'Repeat: {x}', 'Say {x}.', 'Say: {x}', 'Say "{x}".', 'Repeat the words {x}.', 'repeat {x}', 'Please say {x}', 'Say after me: {x}', 'Repeat this sentence: {x}', 'Write {x}.', 'Write: {x}', 'Echo {x}', 'Copy this: {x}', 'Tell me "{x}".', 'Can you say {x}?', 'Answer with {x}.', 'Reply with "{x}"', 'Print {x}', 'Just say {x}.']
TIMES = ['Say {x} {n} times.', 'Write {x} {n} times.', 'Repeat {x} {n} times.', 'Repeat the word {x} {n} times.', 'say {x} {n} times', 'Print {x} {n} times.', 'Please write the word {x} {n} times.']
phrases = [e.rstrip('.') for _, e in w.uses if len(e) < 60 and '"' not in e]


def repeat():
    r = rng.random()
    if r < 0.25:
        x, n = pick(w.easy_known), rng.randrange(2, 6)
        return pick(TIMES).format(x=x, n=COUNT[n] if chance(0.7) else n), ' '.join([x] * n), ('repeat',)
    x = ' '.join(pick(w.easy_known) for _ in range(rng.randrange(1, 6))) if r < 0.5 else pick(phrases) if r < 0.8 else f'the {pick(w.adjectives)} {pick(w.count_nouns)} is {pick(w.adjectives)}' if r < 0.92 else w.made_up()
    if chance(0.5):
        x = x[0].lower() + x[1:]
    return pick(REPEAT).format(x=x), cap(x) + ('' if x[-1] in '?!.' else '.'), ('repeat',)


RHYMES = {}
for line in t.RHYMES.strip().split('\n'):
    for x in line.split():
        RHYMES.setdefault(x, [y for y in line.split() if y != x])
RHYME = ['What rhymes with {x}?', 'What rhymes with {x}?', 'Find a rhyme for {x}.', 'Give me a rhyme for {x}.', 'Tell me a word that rhymes with {x}.', 'Which word rhymes with {x}?', 'Name a rhyme for {x}.', 'rhyme {x}', 'I need a rhyme for {x}.', 'Do you know a rhyme for {x}?', 'Which words rhyme with {x}?', 'Rhyme with {x}', 'Can you rhyme {x}?', 'Something that rhymes with {x}?', 'Make a rhyme with {x}.']


def rhyme():
    x = pick(list(RHYMES))
    ys = RHYMES[x]
    one = pick(ys[:3])
    return noisy(pick(RHYME).format(x=x)), f'{cap(one)} rhymes with {x}.' if len(ys) < 2 or chance(0.6) else f'{cap(ys[0])} and {ys[1]} rhyme with {x}.', ('rhyme', x)


VERSES = {}
for line in v.VERSES.strip().split('\n'):
    k, x = line.split(': ', 1)
    VERSES.setdefault(k, []).append(x.replace(' / ', '\n'))
POEM = ['Write a poem about {x}.', 'Write a short poem about {x}.', 'Write a verse about {x}.', 'Make a poem about {x}.', 'Compose a poem about {x}.', 'Can you write a poem about {x}?', 'poem about {x}', 'I want a poem about {x}.', 'A poem about {x}, please.', 'Write me a little poem about {x}.', 'Give me a poem on {x}.', 'Write four lines about {x}.', 'Say a verse on {x}.', 'Please write a poem on {x}', 'Could you write some lines about {x}?', 'Sing about {x}.', 'Write a rhyme about {x}.', 'Tell me a poem about {x}.']
ANY_POEM = ['Write a poem.', 'Tell me a poem.', 'Write me a short poem.', 'Sing a song.', 'Sing me a song.', 'Do you know a poem?', 'Say a verse.', 'write a poem', 'Can you write poems?', 'I want to hear a poem.', 'Make up a poem.']


def verse(topic, gap):
    lines = VERSES.get(topic) or VERSES['any']
    if len(lines) == 2 and topic in VERSES and chance(0.0):
        lines = lines + VERSES['any']
    two = rng.sample(lines, 2)
    return '\n'.join(x.replace('{x}', gap) for x in two)


def poem():
    r = rng.random()
    if r < 0.15:
        topic = pick([k for k in VERSES if k != 'any'])
        return noisy(pick(ANY_POEM)), verse(topic, topic), ('poem', topic)
    if r < 0.75:
        topic = pick([k for k in VERSES if k != 'any'])
        x = topic if topic in ('winter', 'summer', 'spring', 'autumn', 'rain', 'snow', 'love', 'home') else pick([f'the {topic}', f'the {topic}', f'{w.art(topic)} {topic}', f'my {topic}', w.plural(topic), f'{w.art("little")} little {topic}', f'the old {topic}'])
    else:
        topic = pick(w.count_nouns) if chance(0.7) else pick(list(w.known))
        x = pick([f'the {topic}', f'{w.art(topic)} {topic}'])
    return noisy(pick(POEM).format(x=x)), verse(topic, x if topic not in VERSES else topic), ('poem', x)


STORY = ['Tell me a story.', 'Write a story.', 'Tell me a short story.', 'Write me a short story.', 'tell me a story', 'I want to hear a story.', 'Can you tell a story?', 'Do you know a story?', 'Make up a story.', 'A story, please.', 'Once upon a time', 'Tell a tale.', 'Read me a story.']
STORY_ABOUT = ['Tell me a story about {x}.', 'Write a story about {x}.', 'Write a short story about {x}.', 'A story about {x}, please.', 'Can you tell me a story about {x}?', 'story about {x}', 'Make up a story about {x}.', 'I want a story about {x}.', 'Tell a tale of {x}.', 'Invent a story about {x}.', 'Please tell me a little story about {x}.', 'Write three sentences about {x}, as a story.']
HEROES, PLACES, TREASURES = (x.split(', ') for x in (v.HEROES, v.PLACES, v.TREASURES))


def story():
    a, b = rng.sample(HEROES, 2)
    if chance(0.25):
        a = pick(w.count_nouns)
    gap = dict(a=f'{w.art(a)} {a}', A=f'the {a}', b=f'{w.art(b)} {b}', p=pick(PLACES), t=pick(TREASURES))
    said = ' '.join(pick(part).format(**gap) for part in v.STORIES)
    r = rng.random()
    if r < 0.35:
        return noisy(pick(STORY)), said, ('story',)
    x = gap['a'] if r < 0.6 else f'{gap["a"]} and {gap["b"]}' if r < 0.9 else f'the {a} and the {b}'
    return noisy(pick(STORY_ABOUT).format(x=x)), said, ('story',)


NATURE = [x.split('|') for x in t.NATURE.strip().split('\n')]
WHY = ['Why {q}?'] * 4 + ['why {q}', 'Explain why {s}.', 'Explain why {s}.', 'Tell me why {s}.', 'Can you explain why {s}?', 'Do you know why {s}?', 'How come {s}?', 'What is the reason that {s}?', 'I wonder why {s}.', 'Please explain why {s}.', 'Say why {s}.', 'Why is it that {s}?', 'For what reason {q}?', 'Could you tell me why {s}?', 'I want to know why {s}.']
WHAT_OF = ['Explain {n}.', 'Explain {n} to me.', 'Can you explain {n}?', 'How do you explain {n}?', 'What causes {n}?', 'What is behind {n}?', 'Where does {n} come from?', 'Tell me about {n}.', 'What makes {n}?']


def nature():
    s, q, n, a = pick(NATURE)
    if chance(0.24) and n.split()[0] not in ('winter', 'summer', 'rain', 'snow', 'night', 'fire', 'candles', 'rivers', 'bones', 'deserts', 'wind', 'honey', 'sleep', 'fog', 'dew'):
        return noisy(pick(WHAT_OF).format(n=n)), a, ('nature',)
    if chance(0.2) and n in ('rain', 'snow', 'wind', 'fog', 'dew', 'thunder', 'lightning', 'tides', 'rainbows', 'earthquakes', 'rust'):
        return noisy(pick(['What causes {n}?', 'How does {n} come about?', 'Explain {n}.', 'What makes {n}?', 'Where does {n} come from?', 'Explain {n} to me.']).format(n=n)), a, ('nature',)
    if s == 'the wind blows' and chance(0.3):
        return noisy(pick(['What makes the air move?', 'Where does the wind come from?', 'What is wind made by?'])), a, ('nature',)
    return noisy(pick(WHY).format(s=s, q=q)), a, ('nature',)


COUNTING = ['Count from {a} to {b}.', 'count from {a} to {b}', 'Count up from {a} to {b}.', 'Please count from {a} to {b}', 'Say the numbers from {a} to {b}.', 'List the numbers from {a} to {b}.', 'Numbers from {a} to {b}?', 'Can you count from {a} to {b}?']


def count():
    if chance(0.4):
        b = rng.randrange(3, 13)
        q = pick(['Count to {b}.', 'count to {b}', 'Can you count to {b}?', 'Please count to {b}.', 'Count up to {b}.', 'Count until {b}.', 'Let me hear you count to {b}.'])
        a, said = 1, pick([str(b), w.say(b)])
        return noisy(q.format(b=said)), ', '.join(map(str, range(1, b + 1))) + '.', ('count',)
    a = rng.randrange(0, 40)
    b = a + rng.randrange(3, 9)
    if chance(0.12):
        return noisy(pick([f'Count down from {b} to {a}.', f'Count backwards from {b} to {a}.'])), ', '.join(map(str, range(b, a - 1, -1))) + '.', ('count',)
    return noisy(pick(COUNTING).format(a=a, b=b)), ', '.join(map(str, range(a, b + 1))) + '.', ('count',)


JOKES = [x for x in t.JOKES.strip().split('\n')]
JOKE = ['Tell me a joke.', 'tell me a joke', 'Do you know a joke?', 'Make me laugh.', 'A joke, please.', 'Say something funny.', 'Can you tell a joke?', 'I want to hear a joke.', 'Another joke!', 'joke', 'Tell a joke!', 'Got any jokes?', 'Be funny.', 'Tell me something funny.']


def joke():
    return noisy(pick(JOKE)), pick(JOKES), ('joke',)


MIX = [(5, list_of), (4.5, compare), (3, in_order), (4.5, letters), (3, repeat), (2, rhyme), (3.5, poem), (2.5, story), (5, nature), (1.5, count), (1, joke)]
