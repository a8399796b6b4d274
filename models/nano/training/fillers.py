"""Random names, numbers, paths and sentences for the gaps in questions, files and results."""
import words as w
from words import chance, pick, rng

CITIES = sorted({c['capital'] for c in w.countries if c['capital'] and len(c['capital']) < 14} | set(w.cap2state)) + 'Milan Hamburg Lyon Porto Seville Bergen Geneva Munich Krakow Osaka Mumbai Boston Chicago Seattle Leeds York Naples Basel Ghent Malmo'.split()
HELD_NAMES = set('Torvald Philippa Henrik Bertha Wilma Rita Lena Omar Paula Ada Maria'.split())
HELD_PLACES = set('Lisbon Turin Oslo Graz Lund'.split())
FIRST = [n for n in w.first_names if n.isalpha() and 3 <= len(n) <= 9 and n not in HELD_NAMES]
COLORS = 'red blue green yellow black white brown orange purple pink gray'.split()
LANGUAGES = 'French German Spanish Italian Russian Latin Greek English Dutch Danish Swedish Turkish Arabic Chinese Japanese'.split()
JOBS = 'baker doctor teacher farmer cook judge nurse sailor tailor painter driver singer writer engineer gardener lawyer dentist pilot carpenter plumber clerk poet actor barber'.split()
ROOMS = 'kitchen bedroom bathroom hall garage office attic library garden'.split() + ['living room', 'dining room', 'workshop', 'cellar', 'nursery', 'stairs']
DISHES = 'pizzas soups sandwiches coffees teas salads burgers cakes pancakes omelettes steaks noodles rolls beers juices'.split()
DISH = ['apple pie', 'pancakes', 'onion soup', 'pea soup', 'rice pudding', 'fish stew', 'lemon cake', 'fried eggs', 'potato salad', 'roast beef', 'bread', 'meatballs', 'cheese cake', 'noodles']
CURRENCY = 'dollars euros pounds yen francs crowns pesos rubles rupees'.split()
UNITS = 'meters feet inches miles kilometers grams pounds ounces liters gallons yards centimeters'.split()
TASKS = ['buy milk', 'call my mother', 'water the plants', 'pay the rent', 'clean the kitchen', 'write to Tom', 'fix the bicycle', 'wash the car', 'feed the cat', 'book a room', 'mend the fence', 'read the book', 'send the letter', 'sharpen the knives', 'empty the bin']
EVENTS = ['lunch with Ann', 'the dentist', 'a meeting', 'football', 'the concert', 'a walk', 'choir', 'dinner at home', 'the exam', 'a birthday party', 'the school play', 'tennis with Sam', 'a phone call']
MESSAGES = ['I am late', 'see you at noon', 'the train is full', 'please bring bread', 'happy birthday', 'the key is under the mat', 'I love you', 'we meet at the bridge', 'do not wait for me', 'call me tonight', 'the cat is well', 'thank you for the flowers', 'I have the tickets', 'it rains here']
SKIES = [f'{a} {b}' for a in ('light', 'heavy', 'strong', 'thick', 'some', 'much') for b in ('rain', 'snow', 'wind', 'fog', 'showers', 'clouds', 'sun')] + 2 * ['hot', 'cold', 'warm and dry', 'blue sky', 'thunderstorms', 'drizzle', 'storm', 'mild', 'sleet', 'sunny', 'cloudy', 'light rain', 'snow', 'fog', 'clear', 'windy', 'thunder', 'showers', 'overcast', 'hail', 'dry']
COMMANDS = ['ls', 'date', 'whoami', 'npm test', 'git status', 'make', 'pwd', 'df -h', 'python3 run.py', 'node app.js', 'uptime', 'cat list.txt', 'echo hello', 'cargo build']
SUFFIX = ['Ltd', 'Inc', 'and Sons', 'Works', 'Bank', 'Motors', 'Foods', 'Air', 'Group']
EXT = ['txt'] * 6 + ['md'] * 4 + ['json', 'csv', 'log', 'html', 'py', 'js', 'ts', 'yaml', 'ini', 'doc', 'xml', 'toml', 'cfg', 'tex']
things = [f[0] for f in w.nouns if f[4] > 5 and len(f[0]) < 11]
sentences = [e for _, e in w.uses if 20 < len(e) < 70 and '"' not in e]


def invented():
    return w.cap(w.made_up())


def person():
    first = pick(FIRST) if chance(0.8) else invented()
    return first if chance(0.6) else f'{first} {pick(FIRST) if chance(0.4) else invented()}' if chance(0.8) else pick(['Mr ', 'Mrs ', 'Dr ']) + invented()


def city():
    c = pick(CITIES) if chance(0.72) else invented()
    return c if c not in HELD_PLACES else city()


def word():
    return pick(things) if chance(0.6) else pick(list(w.known)) if chance(0.6) else w.made_up()


def number():
    return rng.randrange(2, pick([10, 10, 30, 100, 1000]))


def short():
    """A name of few letters: these are not to become the word that begins like them."""
    r = rng.random()
    letters = lambda n: ''.join(pick('abcdefghijklmnopqrstuvwxyz') for _ in range(n))
    if r < 0.45:
        return letters(rng.randrange(1, 4))
    if r < 0.65:
        return letters(rng.randrange(1, 4)) + str(rng.randrange(pick([10, 100, 3000])))
    if r < 0.85:
        return pick('hi hey ok yes no bye out in tmp new old foo bar baz abc xyz run app cv id db me us hello test demo temp info help form copy back'.split())
    return letters(rng.randrange(2, 4)) + pick('-_') + pick(things)


def stem():
    r = rng.random()
    one = lambda: pick(things) if chance(0.75) else w.made_up()
    if chance(0.2):
        return short()
    if r < 0.45:
        s = one()
    elif r < 0.7:
        s = one() + pick(['-', '_', '_', '.', '']) + (one() if chance(0.6) else str(rng.randrange(pick([10, 100, 3000]))))
    elif r < 0.85:
        s = pick(['README', 'notes', 'todo', 'index', 'plan', 'list', 'diary', 'letter', 'report', 'data', 'config', 'main', 'log', 'draft', 'ideas', 'recipe', 'names', 'budget', 'story', 'poem', 'test', 'package', 'LICENSE', 'CHANGELOG'])
    else:
        s = pick(w.DAYS + w.MONTHS).lower() + (str(rng.randrange(1, 32)) if chance(0.5) else '')
    return w.cap(s) if chance(0.06) else s


def folder():
    r = rng.random()
    one = lambda: pick(['notes', 'docs', 'src', 'data', 'pictures', 'photos', 'music', 'work', 'home', 'letters', 'old', 'test', 'lib', 'images', 'projects', 'files', 'archive', 'books', 'mail']) if chance(0.4) else stem().lower()
    if r < 0.55:
        return one()
    if r < 0.75:
        return one() + '/' + one()
    root = pick(['/home/' + pick(FIRST).lower(), '/tmp', '/var/data', '/srv', '/Users/' + pick(FIRST), '/mnt', '/opt', '.', '~', '/work', '/data', '/etc'])
    return root + '/' + one() + ('/' + one() if chance(0.3) else '')


def file():
    name = f'{stem()}.{pick(EXT)}'
    return name if chance(0.62) else f'{folder()}/{name}'


def clock():
    return f'{rng.randrange(24):02d}:{rng.randrange(60):02d}'


MACHINES = ['oven', 'dishwasher', 'washing machine', 'dryer', 'toaster', 'fan', 'heater', 'coffee machine', 'phone', 'robot', 'radio', 'bicycle', 'lamp', 'drill']
PLACES = ['the station', 'the airport', 'the harbor', 'the museum', 'the zoo', 'the hospital', 'the theater', 'the market', 'the old town', 'the beach', 'the lake', 'the university', 'the stadium', 'the hotel']


def code():
    letters = ''.join(pick('ABCDEFGHJKLMNPRSTUVWXYZ') for _ in range(rng.randrange(1, 4)))
    return f'{letters}{pick(["", "", "-", " "])}{rng.randrange(10, pick([100, 1000, 100000]))}'


KINDS = dict(
    code=code, place=lambda: pick(PLACES) if chance(0.6) else city(), madeup=lambda: w.made_up() + (pick(['-', '_', '']) + pick(['web', 'db', 'api', 'mail', 'x', '1', '2', '7', 'js', 'core']) if chance(0.5) else ''), machine=lambda: pick(MACHINES), job=lambda: pick(JOBS),
    small2=lambda: rng.randrange(2, 10), scene=lambda: f'a {pick(things)}' if chance(0.4) else f'a {pick(things)} and a {pick(things)}' if chance(0.4) else f'a {pick(COLORS)} {pick(things)}',
    city=city, person=person, word=word, number=number, file=file, folder=folder, time=clock,
    small=lambda: rng.randrange(10), day=lambda: pick(['tomorrow', 'today', 'tonight', 'on ' + pick(w.DAYS), 'next week', 'this evening'] if chance(0.4) else ['tomorrow', 'today']),
    language=lambda: pick(LANGUAGES), text=lambda: pick(MESSAGES) if chance(0.5) else pick(sentences).rstrip('.').lower() if chance(0.7) else f'{pick(things)} and {pick(things)}',
    email=lambda: f'{pick(FIRST).lower()}{pick([".", "_", ""])}{w.made_up() if chance(0.5) else ""}@{w.made_up() if chance(0.6) else "mail"}.{pick(["com", "org", "net", "de"])}',
    thing=lambda: pick(things), color=lambda: pick(COLORS), room=lambda: pick(ROOMS), onoff=lambda: pick(['on', 'off']), openclose=lambda: pick(['open', 'close']),
    title=lambda: ' '.join(w.cap(pick(things)) for _ in range(rng.randrange(1, 4))), topic=lambda: pick(things) if chance(0.4) else f'{pick(w.adjectives)} {pick(things)}s' if chance(0.5) else invented(),
    company=lambda: invented() + (' ' + pick(SUFFIX) if chance(0.3) else ''), currency=lambda: pick(CURRENCY), unit=lambda: pick(UNITS), event=lambda: pick(EVENTS), weekday=lambda: pick(w.DAYS), task=lambda: pick(TASKS),
    dish=lambda: pick(DISHES) if chance(0.6) else pick(DISH), command=lambda: pick(COMMANDS), url=lambda: f'https://{"www." if chance(0.4) else ""}{w.made_up()}.{pick(["com", "org", "net", "io"])}{"/" + pick(things) if chance(0.5) else ""}')


def drawn():
    """Values for the gaps of results."""
    return dict(skykey=pick(['sky', 'weather', 'condition', 'conditions', 'summary', 'forecast', 'description', 'state', 'outlook']), warmkey=pick(['temperature', 'celsius', 'degrees', 'temp', 'temp_c', 'warmth', 't']), placekey=pick(['city', 'place', 'location', 'name', 'where']), sky=pick(SKIES), n=rng.randrange(1, pick([10, 40, 100, 1000])), k=rng.randrange(1, 10), d=rng.randrange(1, 29), time=clock(), weekday=pick(w.DAYS), month=pick(w.MONTHS), x=w.made_up(), text=pick(sentences), room=pick(ROOMS), job=pick(JOBS), day=pick(['today', 'tomorrow', 'on ' + pick(w.DAYS)]), cur=pick(CURRENCY), name=pick(FIRST))


def filled(text, args, values):
    for i, a in enumerate(args):
        text = text.replace('{%d}' % i, str(a))
    for k, v in values.items():
        text = text.replace('{' + k + '}', str(v))
    return text
