"""Own text: dense drills of what many skills need: to copy what was said, to look a name up, to write a word in capitals or letter by letter."""
import json
import words as w
from fillers import FIRST, city, file, sentences, things
from words import cap, chance, pick, rng

known = [x for x in w.known if 2 < len(x) < 12]


def piece():
    r = rng.random()
    return (pick(things) if r < 0.25 else w.made_up() if r < 0.45 else pick(FIRST) if r < 0.55 else str(rng.randrange(pick([10, 100, 1000, 100000]))) if r < 0.7 else city() if r < 0.78 else file() if r < 0.9 else cap(w.made_up()))


def again():
    """The same list two or three times."""
    xs = [piece() for _ in range(rng.randrange(2, 14))]
    sign, end = pick([' ', ', ', ' ', '\n', ' - ', '; ']), pick(['\n', '\n', ' | ', '. '])
    return end.join([sign.join(xs)] * rng.randrange(2, 4)) + '\n'


def echo():
    """A long row of any words and word parts, two to four times: what comes after a piece is what came after it before."""
    xs = [w.made_up()[:rng.randrange(2, 12)] if chance(0.5) else pick(known) if chance(0.7) else str(rng.randrange(1000)) for _ in range(rng.randrange(10, 45))]
    sign = pick([' ', ' ', ' ', ', ', '\n'])
    return '\n'.join([sign.join(xs)] * rng.randrange(2, 5)) + '\n'


def jumps():
    """A row of words, and then parts of it from any place."""
    xs = [w.made_up() if chance(0.5) else pick(known) for _ in range(rng.randrange(8, 30))]
    out = ' '.join(xs) + '\n'
    for _ in range(rng.randrange(3, 8)):
        a = rng.randrange(len(xs) - 2)
        out += ' '.join(xs[a:a + rng.randrange(2, 7)]) + '\n'
    return out


def quoted():
    """Pieces behind a blank, and again within quotes: their tokens are others there."""
    xs = [pick(known) if chance(0.45) else cap(pick(known)) if chance(0.2) else piece() for _ in range(rng.randrange(3, 12))]
    frame = pick([' {x} "{x}"', '{i}. {x}: "{x}"\n', 'the {x}, {{"word": "{x}"}}\n', ' {x} -> "{x}",', 'What is {x}? "{x}"\n', 'Read {x} and {y}: "{x}", "{y}"\n', '{x} or {y}? "{y}"\n', '{x} {y} {{"a": "{x}", "b": "{y}"}}\n', 'in {x}: ("{x}") '])
    return ''.join(frame.format(x=x, y=y, i=i + 1) for i, (x, y) in enumerate(zip(xs, reversed(xs)))) + '\n'


def lookups():
    """Names with values, and the values again in another order."""
    n = rng.randrange(2, 9)
    keys, values = [], [piece() for _ in range(n)]
    while len(keys) < n:
        k = pick(things) if chance(0.5) else w.made_up() if chance(0.6) else pick(FIRST)
        if k not in keys:
            keys.append(k)
    sign, end = pick([': ', ' = ', ' is ', ' - ', ' -> ', '=']), pick(['\n', ', ', '; ', '. '])
    pairs = list(zip(keys, values))
    first = end.join(k + sign + v for k, v in pairs)
    if chance(0.2):
        first = json.dumps(dict(pairs))
    rng.shuffle(pairs)
    return first + '\n' + end.join(k + sign + v for k, v in pairs) + '\n'


def said():
    """A sentence, and again in quotes or behind a mark."""
    x = pick(sentences) if chance(0.6) else ' '.join(piece() for _ in range(rng.randrange(2, 8)))
    return pick(['{x}\n> {x}\n', '"{x}" - "{x}"\n', '{x}\n{x}\n', 'In: {x}\nOut: {x}\n', '{x}\n{{"text": "{x}"}}\n', '{x} ({x})\n']).format(x=x)


def capitals():
    xs = rng.sample(known, rng.randrange(3, 9))
    r = rng.random()
    if r < 0.5:
        return ''.join(f'{x} {x.upper()}\n' for x in xs)
    if r < 0.75:
        s = pick(sentences)
        return f'{s}\n{s.upper()}\n'
    return ''.join(f'{x.upper()} {x}\n' for x in xs)


def letters():
    xs = [pick(known) if chance(0.8) else w.made_up()[:10] for _ in range(rng.randrange(3, 7))]
    r = rng.random()
    if r < 0.4:
        return ''.join(f'{x}: {" ".join(x.upper())}\n' for x in xs)
    if r < 0.75:
        return ''.join(f'{x}: {" ".join(x.upper())}: {len(x)} letters\n' for x in xs)
    return ''.join(f'{x}: {x[::-1]}\n' for x in xs)


def order():
    if chance(0.5):
        xs = rng.sample(range(pick([10, 30, 100])), rng.randrange(3, 6))
        return f'{", ".join(map(str, xs))}: {", ".join(map(str, sorted(xs)))}\n'
    xs = rng.sample(known, 3)
    return f'{", ".join(xs)}: {", ".join(sorted(xs))}\n'


def drill():
    make = rng.choices([again, echo, jumps, quoted, lookups, said, capitals, letters, order], [2, 2, 2, 6, 4, 4, 4, 3, 2])[0]
    return ''.join(make() for _ in range(rng.randrange(1, 3)))
