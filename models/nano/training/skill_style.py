"""Own text: system texts and the answers that keep to them."""
import json, re
import own_things as t
import plain
import skill_orders as orders
import words as w
from conversation import document
from fillers import FIRST, invented, person, things
from tool_files import fact
from words import cap, chance, noisy, pick, rng


def core(q, a, topic):
    """The answer in one word, if it has one."""
    for form in (r'The opposite of .+ is (\w+)\.$', r'Another word for .+ is (\w+)\.$', r'The capital of .+ is ([\w .-]+)\.$', r'^(Yes|No), ', r'= (\d+)$', r'times \d+ is (\d+)\.$', r'The plural of .+ is (\w+)\.$', r'The past tense of .+ is (\w+)\.$', r': (\d+) letters\.$', r'^(\w+) rhymes with', r'The symbol for \w+ is (\w+)\.$', r'^(\w+) comes (?:after|before)', r' is in ([A-Z]\w+(?: [A-Z]\w+)?)\.$', r'(?:color|colour).+\n?', ):
        m = re.search(form, a)
        if m and m.groups():
            return cap(m[1])
    m = re.fullmatch(r'(?:An?|The|) ?\w+ (?:is|are) (red|blue|green|yellow|white|black|brown|orange|gray|pink|purple)\.', a)
    if m:
        return cap(m[1])
    if a == w.NO_WORD or a == w.NO or a.startswith(('I do not', 'I cannot', 'That sum', 'That has')):
        return 'Unknown'
    if a.startswith('Hello!'):
        return 'Hello'
    if a.startswith('I am nano'):
        return 'Nano'
    if a.startswith("You're welcome"):
        return 'Welcome'
    if a.startswith('Goodbye'):
        return 'Goodbye'
    if isinstance(topic, tuple) and len(topic) == 5:
        k = next((k for k in KINDS.get(topic[0], []) if ' ' not in k), None)
        return cap(k) if k else None
    return None


KINDS = {k[3]: k[1] for k in w.kinds}
CORE = [w.opposite, w.opposite, w.synonym, lambda: w.place(None, 'cap'), lambda: w.place(None, 'cap'), w.is_a, w.is_a, w.sums, w.sums, orders.compare, w.form, orders.letters, orders.rhyme, w.place, w.little, w.define, w.define, w.element, w.trivia, plain.talk, w.unknown]


def three(x):
    return x if len(x) > 2 else (*x, None)


def with_core():
    while True:
        q, a, topic = three(pick(CORE)())
        c = core(q, a, topic)
        if c and len(c.split()) == 1:
            return q, a, topic, c


def one_word(q=None):
    q, a, topic, c = with_core()
    return q, c


CONNECTING = set('a an the of or and in to with for as by at from on it is be your one not'.split())


def short(q, a, topic):
    if isinstance(topic, tuple) and len(topic) == 5:
        d = re.split(r'[,;]| that | which | who | used | when | where | by | so ', topic[3])[0].split()
        d = d[:6]
        while d and d[-1] in CONNECTING:
            d.pop()
        return cap(' '.join(d)) + '.' if d else None
    c = core(q, a, topic)
    return c + '.' if c else a.split('. ')[0].rstrip('.') + '.' if len(a.split()) < 12 else None


def any_turn():
    q, a, topic = plain.turn()
    return q, a, topic


def upper():
    """Its letters are other tokens than the answer's, so short answers come first."""
    q, a, *_ = any_turn() if chance(0.25) else with_core()
    return q, a.upper()


def lower():
    q, a, _ = any_turn()
    return q, a.lower()


def listed():
    if chance(0.8):
        q, _, (_, kind, xs) = orders.list_of()
        return q, '\n'.join(f'- {x}' for x in xs)
    q, a, _ = any_turn()
    return q, '\n'.join(f'- {x}' for x in re.split(r'(?<=\.) |\n', a))


def shorter():
    while True:
        q, a, topic = any_turn() if chance(0.4) else w.define()
        s = short(q, a, topic)
        if s:
            return q, s


def in_json():
    r = rng.random()
    if r < 0.4:
        q, a, topic, c = with_core()
        return q, json.dumps({'answer': int(c) if c.isdigit() else c})
    if r < 0.55:
        q, _, (_, kind, xs) = orders.list_of()
        return q, json.dumps({'answer': xs})
    q, a, topic = w.define() if chance(0.5) else any_turn()
    return q, json.dumps({'answer': a})


def voiced(forms):
    def say():
        q, a, _ = any_turn()
        return q, pick(forms).replace('~', a)
    return say


VOICES = {
    'pirate': ['Arr! ~', 'Arr, matey! ~', 'Ahoy, matey! ~', 'Aye! ~ Arr!', '~ Arr, matey!', 'Ahoy! ~'], 'king': ['We, the king, say: ~', 'Hear your king! ~', 'By my crown! ~'], 'robot': ['Beep. ~', 'Beep, beep. ~ Beep.', 'I am a robot. ~'], 'cat': ['Meow! ~', '~ Meow.', 'Purr. ~'],
    'dog': ['Woof! ~', 'Woof, woof! ~', '~ Woof!'], 'cowboy': ['Howdy, partner! ~', 'Well, partner: ~', '~ Yee-haw!'], 'wizard': ['By my staff and hat! ~', 'I see it in my crystal ball: ~'], 'knight': ['By my sword! ~', 'On my honor: ~'], 'ghost': ['Boo! ~', 'Hooo... ~'], 'grandmother': ['My dear child, listen: ~', 'Well, my dear: ~'],
    'teacher': ['Listen well: ~', 'Good question. ~', 'Write this down: ~'], 'child': ['Hee hee! ~', 'Oh, I know! ~'], 'butler': ['Very good, sir. ~', 'Certainly, sir. ~', 'With pleasure, madam. ~'], 'old sailor': ['By the winds and waves! ~', 'Hoy there! ~'], 'poet': ['O listen to my words: ~', 'Ah, sweet question! ~'], 'soldier': ['Yes, sir! ~', 'Sir! ~'],
}
AS = ['You are {a} {v}.', 'Talk like {a} {v}.', 'Speak like {a} {v}.', 'Answer as {a} {v}.', 'You are {a} {v}. Answer like one.', 'Answer in the voice of {a} {v}.', 'Pretend to be {a} {v}.', 'You talk as {a} {v} does.', 'Play the part of {a} {v}.', 'Be {a} {v}.', 'Act as {a} {v}.', 'Write as {a} {v} would.', 'From now on you are {a} {v}.', 'All your answers sound like those of {a} {v}.', 'Imagine that you are {a} {v}.', 'Use the words of {a} {v}.', 'You are {a} old {v}.', 'Reply in the style of {a} {v}.', 'Respond like {a} {v}!', 'The assistant is {a} {v}.', 'Talk in the way of {a} {v}.', 'Your role: {v}.', 'Sound like {a} {v}.']
POLITE = ['Certainly. ~', 'With pleasure. ~', 'Of course, dear friend. ~', 'I am glad to help. ~', '~ I am glad to help.', '~ Thank you for asking.', 'Thank you for your kind question. ~', 'It is my pleasure. ~']

# system texts, and what makes a question and an answer that keeps to them
STYLES = [
    (12, ['Answer in one word.', 'Answer with one word.', 'Reply in one word only.', 'Use one word.', 'One word answers only.', 'You answer with a single word.', 'Give only one word as an answer.', 'Answers must have one word.', 'Be brief: one word.', 'Say just one word.', 'Always answer in a single word.', 'Only one word per reply, please.', 'Your answer is always one word.', 'Keep each answer to one word.', 'Answer me with exactly one word.', 'No sentences, only one word.', 'one word only', 'Respond with a one-word answer.', 'Never use more than one word.', 'Every reply is a single word.'], one_word),
    (16, ['Answer in capitals.', 'Answer in capital letters.', 'Use capital letters only.', 'Write in capitals.', 'Write in upper case.', 'Reply in UPPER CASE.', 'You write all words in capitals.', 'ALL CAPS PLEASE', 'Use only uppercase letters.', 'SHOUT.', 'Shout every answer in capitals.', 'Everything in capital letters, please.', 'Always use capitals.', 'Your answers are in capitals.', 'ANSWER IN CAPITALS', 'All answers in upper case.', 'Speak in capital letters.', 'Type with caps lock on.', 'Big letters only.', 'Never use small letters.', 'Write every word with capital letters only.'], upper),
    (2, ['Use small letters only.', 'Answer in lower case.', 'Write without capitals.', 'no capital letters', 'Never use capital letters.', 'all lowercase please', 'Write everything in small letters.'], lower),
    (8, ['Answer as a list.', 'Use a list.', 'Write lists.', 'Answer with bullet points.', 'Give your answers as a list.', 'Make a list with dashes.', 'Put each item on its own line.', 'Use bullets.', 'Always answer in bullet points.', 'List the items, one per line.', 'Format answers as lists.', 'Reply with a bulleted list.', 'One item on each line.', 'You like lists. Use them.', 'Every answer is a list.', 'Write answers in the form of a list.', 'Begin each line with a dash.'], listed),
    (9, ['Answer in JSON.', 'Reply only with JSON.', 'Use JSON.', 'Only JSON.', 'Your answers are JSON objects.', 'Respond in JSON only.', 'Answer with a JSON object.', 'Write JSON and no other text.', 'Always reply with valid JSON.', 'Give every answer as JSON.', 'You are an API that returns JSON.', 'Return JSON.', 'JSON output only', 'Answers must be JSON.', 'Output a JSON object with the key answer.', 'Put the answer into JSON.', 'Nothing but JSON, please.', 'All output has to be JSON.', 'You write JSON objects.'], in_json),
    (6, ['Answer shortly.', 'Be short.', 'Give short answers.', 'Be brief.', 'Use few words.', 'Short answers, please.', 'Be concise.', 'Answer in a few words.', 'Say as little as you can.', 'You are a person of few words.', 'Answer as briefly as possible.', 'Make it short.', 'Do not write long answers.', 'Answer in at most seven words.', 'Keep it brief.', 'Your answers are very short.', 'No long sentences.'], shorter),
    (6, ['Be polite.', 'Answer politely.', 'You are very polite.', 'Always be polite and friendly.', 'Be kind.', 'Speak in a polite way.', 'Use polite words.', 'You are a polite assistant.', 'Mind your manners.', 'Be friendly and polite.', 'Please be courteous.', 'Treat the user with great respect.', 'Answer with good manners.', 'You are kind and polite.', 'Always stay polite, please.', 'Be warm and friendly.'], voiced(POLITE)),
    (1.2, ['End every answer with an exclamation mark.', 'Use exclamation marks.', 'Sound excited!', 'Be enthusiastic.'], lambda: (lambda q, a, _: (q, a.rstrip('.') + '!'))(*any_turn())),
    (1.5, ['Put your answer in brackets.', 'Write your answers in brackets.', 'Brackets around every answer.', 'Answer in parentheses.'], lambda: (lambda q, a, _: (q, f'({a})'))(*any_turn())),
    (1.5, ['Put your answer in quotes.', 'Write answers in quotation marks.', 'Answer within quotes.', 'Use quotation marks around your answers.'], lambda: (lambda q, a, _: (q, f'"{a}"'))(*any_turn())),
]
NEUTRAL = ['You are a helpful assistant.', 'You are a helpful assistant.', 'Help the user.', 'You are nano.', 'Answer the question.', 'You are an assistant.', 'Be helpful.', 'You are a chatbot.', 'You answer questions.', 'Answer in English.', 'The user asks questions.', 'You are a helpful, honest and harmless assistant.', 'Be honest.', 'You are an AI assistant.', 'Do what the user says.', 'Think before you answer.', 'You are a small model.', 'Answer as well as you can.', 'Tell the truth.', 'You know many words.', 'Be careful.', 'You are a language model.', 'The date is today.', 'You work for a school.', 'Say only what you know.', 'Use simple words.', 'You are a good helper of children.', 'If you do not know something, say so.']
NAMES = ['Your name is {n}.', 'You are {n}.', 'You are called {n}.', 'Your name is {n}, and you help people.', 'You are {n}, a helpful assistant.', 'The assistant is called {n}.', 'Call yourself {n}.', 'You are {n}. You work in a {j}.', 'Act as {n}.', 'The user calls you {n}.', 'Your name is {n}. Be helpful.', 'You play {n}.']
WHO = ['What is your name?', 'Who are you?', 'who are you', "What's your name?", 'What are you called?', 'Introduce yourself.', 'Tell me your name.', 'Who am I talking to?', 'What should I call you?', 'Say who you are.', 'Do you have a name?', 'How are you called?', 'May I ask your name?', 'And you are?']
TITLES = ['Professor', 'Captain', 'Doctor', 'Aunt', 'Uncle', 'King', 'Queen', 'Mister', 'Lady', 'Sir', 'Chef', 'Master', 'Judge']


def word_at_end():
    x = pick(w.easy_known) if chance(0.7) else w.made_up()
    q, a, _ = any_turn()
    r = rng.random()
    if r < 0.5:
        s = pick(['End every answer with the word {x}.', 'End each answer with {x}.', 'Always say {x} at the end.', 'Finish each answer with {x}.', 'Your last word is always {x}.', 'Add the word {x} to the end of every answer.', 'Close all answers with {x}.', 'Say {x} after every answer.'])
        return s.format(x=x), q, f'{a} {cap(x)}.'
    s = pick(['Begin every answer with {x}.', 'Start each answer with the word {x}.', 'Always say {x} first.', 'The first word of your answer is {x}.', 'Say {x} before every answer.'])
    return s.format(x=x), q, f'{cap(x)}. {a}'


def always():
    x = pick(['ok', 'no', 'yes', 'I cannot say', 'ask me later', 'nothing', 'I see']) if chance(0.5) else ' '.join(pick(w.easy_known) for _ in range(rng.randrange(1, 4)))
    s = pick(['Always answer with "{x}".', 'Whatever the user says, answer {x}.', 'Answer every question with "{x}".', 'Only say "{x}".', 'Reply {x} to everything.', 'Your only answer is "{x}".'])
    return s.format(x=x), any_turn()[0], cap(x) + '.'


LIMITED = {'capitals': lambda: w.place(None, 'cap'), 'sums': w.sums, 'opposites': w.opposite, 'animals': None, 'words': w.define}


def only_about():
    k = pick(['capitals', 'sums', 'opposites'])
    s = pick(['Only answer questions about {k}.', 'You only answer questions about {k}.', 'Talk about {k} only.', 'You help with {k} and with nothing else.', 'Refuse all questions that are not about {k}.']).format(k=k)
    if chance(0.5):
        q, a, *_ = LIMITED[k]()
        return s, q, a
    other = pick([f for x, f in LIMITED.items() if x != k and f] + [plain.talk])
    return s, other()[0], f'I only answer questions about {k}.'


def named():
    n = person() if chance(0.6) else f'{pick(TITLES)} {cap(pick(things)) if chance(0.5) else invented()}' if chance(0.75) else invented()
    s = pick(NAMES).format(n=n, j=pick(['shop', 'school', 'library', 'hotel', 'zoo', 'museum', 'bank']))
    return s, noisy(pick(WHO)), pick([f'My name is {n}.', f'I am {n}.'])


def told():
    """Facts in the system text."""
    facts = [fact() for _ in range(rng.choices([1, 2, 3], [4, 4, 2])[0])]
    a, qs, _ = pick(facts)
    s = ' '.join(f[0] for f in facts)
    if chance(0.25):
        n = pick(FIRST)
        s += f' The user is called {n}.'
        if chance(0.5):
            return s, noisy(pick(['What is my name?', 'Who am I?', 'Do you know my name?', 'How am I called?'])), f'Your name is {n}.'
    return (pick(NEUTRAL) + ' ' if chance(0.3) else '') + s, noisy(pick(qs)), a


def combined():
    """Two demands at once."""
    r = rng.random()
    ONE, UP = STYLES[0][1], STYLES[1][1]
    join = lambda a, b: f'{a} {b}' if chance(0.55) else f'{a.rstrip(".")} and {b[0].lower() + b[1:]}'
    if r < 0.3:
        q, a = one_word()
        return (join(pick(ONE), pick(UP)) if chance(0.5) else pick(['Answer in one word, in capitals.', 'One word, capital letters.', 'Use one word and only capitals.', 'Answer with a single word in upper case.', 'ONE WORD IN CAPITALS'])), q, a.upper()
    if r < 0.5:
        q, a = listed()
        return join(pick(STYLES[3][1]), pick(UP)), q, a.upper()
    if r < 0.8:
        v = pick(list(VOICES)) if chance(0.5) else 'pirate'
        q, a = voiced(VOICES[v])()
        if chance(0.5):
            return join(pick(AS).format(a=w.art(v), v=v), pick(UP)), q, a.upper()
        q, a, topic, c = with_core()
        return join(pick(AS).format(a=w.art(v), v=v), pick(STYLES[5][1])), q, pick(VOICES[v]).replace('~', c + '.')
    q, a = shorter()
    return join(pick(STYLES[6][1]), pick(STYLES[5][1])), q, pick(POLITE).replace('~', a)


STYLE_W = [x for x, _, _ in STYLES]
IN_USER = ['{s} {q}', '{q} {s}', '{s}: {q}', '{q} ({s})']


def conversation():
    r, n = rng.random(), rng.choices([1, 2, 3, 4], [4, 4, 2, 1])[0]
    if r < 0.50:
        _, texts, make = rng.choices(STYLES, STYLE_W)[0]
        s, pairs = pick(texts), [make() for _ in range(n)]
        if chance(0.2):  # within the question
            q, a = pairs[0]
            said = pick(IN_USER[:2]).format(s=s, q=q if q[-1:] in '.?!' else q + '.')
            return document([('user', said), ('assistant', a)])
    elif r < 0.64:
        v = 'pirate' if chance(0.35) else pick(list(VOICES))
        s = pick(AS).replace('{a} old', 'an old').format(a=w.art(v), v=v)
        s, pairs = s.replace('a old', 'an old'), [voiced(VOICES[v])() for _ in range(n)]
    elif r < 0.72:
        s, q, a = named()
        pairs = [(q, a)] if chance(0.6) else [plain.question(), (q, a)]
    elif r < 0.78:
        s, q, a = word_at_end()
        pairs = [(q, a)]
    elif r < 0.80:
        s, q, a = pick([always, only_about])()
        pairs = [(q, a)]
    elif r < 0.87:
        s, q, a = told()
        pairs = [(q, a)] if chance(0.7) else [plain.question(), (q, a)]
    elif r < 0.92:
        s, q, a = combined()
        pairs = [(q, a)]
    else:
        s = ' '.join(rng.sample(NEUTRAL, rng.choices([1, 2], [4, 1])[0]))
        pairs = [plain.question() for _ in range(n)]
    if chance(0.12) and r < 0.64:
        s = pick(['You are a helpful assistant. ', 'You are nano. ', 'Be helpful. ']) + s
    turns = [x for q, a in pairs for x in (('user', q), ('assistant', a))]
    return document(turns, s)
