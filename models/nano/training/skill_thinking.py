"""Own text: sums of several steps and word problems, worked out in numbered steps between the markers of thoughts."""
import words as w
from conversation import document
from fillers import FIRST
from words import cap, chance, joined, noisy, pick, rng
import plain

PLACES = ['ones', 'tens', 'hundreds', 'thousands', 'ten thousands', 'more']


def added(a, b):
    """a + b by columns, if one of them is large: each column, then the digits found so far."""
    if a < 100 and b < 100:
        return f'{a} + {b} = {a + b}'
    x, y, carry, out, parts = str(a)[::-1], str(b)[::-1], 0, '', []
    n = max(len(x), len(y))
    for i in range(n):
        ds = [s[i] for s in (x, y) if i < len(s)] + ([str(carry)] if carry else [])
        total = sum(map(int, ds))
        out = (str(total) if i == n - 1 else str(total % 10)) + out
        carry = total // 10
        parts.append(f'{PLACES[i]} {" + ".join(ds)} = {total}, {out}' if len(ds) > 1 else f'{PLACES[i]} {ds[0]}, {out}')
    return f'{a} + {b}: {"; ".join(parts)}. So {a} + {b} = {a + b}'


def taken(a, b):
    """a - b by columns, with borrowing."""
    if a < 100:
        return f'{a} - {b} = {a - b}'
    x, y, borrow, out, parts = str(a)[::-1], str(b)[::-1], 0, '', []
    for i in range(len(x)):
        d, e = int(x[i]), int(y[i]) if i < len(y) else 0
        less = ([str(e)] if i < len(y) else []) + ([str(borrow)] if borrow else [])
        again = int(d < e + borrow)
        top = d + 10 * again
        r = top - e - borrow
        out = str(r) + out
        parts.append((f'{PLACES[i]} {" - ".join([str(top)] + less)} = {r}' if less else f'{PLACES[i]} {r}') + f', {out}' + (', borrow 1' if again else ''))
        borrow = again
    return f'{a} - {b}: {"; ".join(parts)}. So {a} - {b} = {a - b}'


def multiplied(a, b):
    if min(a, b) < 2:
        return []
    if a <= 12 and b <= 12:
        return [f'{a} * {b} = {a * b}']
    if a < b:
        a, b = b, a
    if b > 12:
        tens, ones = b // 10 * 10, b % 10
        if not ones:
            return multiplied(a, b // 10) + [f'{a} * {b} = {a * b}']
        return multiplied(a, b // 10) + [f'{a} * {tens} = {a * tens}'] + multiplied(a, ones) + [added(a * tens, a * ones)]
    if a % 10 == 0 and a < 130:
        return [f'{a} * {b} = {a * b}']
    tens, ones = a // 10 * 10, a % 10
    if a > 129:
        return [f'{a} * {b} = {a * b}']
    return [f'{a} = {tens} + {ones}', f'{tens} * {b} = {tens * b}', f'{ones} * {b} = {ones * b}', added(tens * b, ones * b)]


def step(a, op, b):
    return [added(a, b)] if op == '+' else [taken(a, b)] if op == '-' else multiplied(a, b) if op == '*' else [f'{a} / {b} = {a // b}']


def value(a, op, b):
    return a + b if op == '+' else a - b if op == '-' else a * b if op == '*' else a // b


ASK = ['What is {e}?'] * 3 + ['what is {e}', 'Calculate {e}.', 'How much is {e}?', '{e}', '{e} =', "What's {e}?", 'Compute {e}', 'Work out {e}.', '{e}?', 'Please calculate {e}.', 'Solve {e}', 'Find {e}.', 'How many are {e}?', 'Tell me {e}.', 'Can you do {e}?']


def chain():
    """A sum of two to four numbers, or of two large ones."""
    r = rng.random()
    if r < 0.4:
        op = pick('+-+-*')
        if op == '*':
            a, b = rng.randrange(11, 100), rng.randrange(2, 13) if chance(0.85) else rng.randrange(2, 10) * 10
        else:
            a, b = (rng.randrange(*pick([(100, 1000), (100, 1000), (10, 100), (1000, 10000)])) for _ in range(2))
            if a < 100 and b < 100:
                a += 100 * rng.randrange(1, 10)
        if op == '-' and a < b:
            a, b = b, a
        e = f'{a} {op} {b}'
        return e, step(a, op, b), value(a, op, b), None
    if r < 0.58:  # a product first
        a, b, c = rng.randrange(2, 13), rng.randrange(2, 13), rng.randrange(1, pick([20, 60, 100]))
        p = a * b
        if chance(0.5):
            e, rest = f'{a} {pick("*xx*")} {b} + {c}', ('+', c)
        elif c < p:
            e, rest = f'{a} {pick("*xx*")} {b} - {c}', ('-', c)
        else:
            e, rest = f'{c} + {a} {pick("*x")} {b}', None
        if rest:
            return e, step(a, '*', b) + step(p, *rest), value(p, *rest), 'times'
        return e, step(a, '*', b) + step(c, '+', p), c + p, 'times'
    if r < 0.63:  # brackets
        a, b, c = rng.randrange(1, 10), rng.randrange(1, 9), rng.randrange(2, 10)
        return f'({a} + {b}) * {c}', step(a, '+', b) + multiplied(a + b, c), (a + b) * c, None
    n = rng.choices([3, 4, 5], [6, 4, 1])[0]
    top = pick([20, 50, 100, 100, 300])
    total, e, steps = rng.randrange(5, top), '', []
    e = str(total)
    for _ in range(n - 1):
        b = rng.randrange(1, top)
        op = '-' if b < total and chance(0.45) else '+'
        steps += step(total, op, b)
        total, e = value(total, op, b), f'{e} {op} {b}'
    return e, steps, total, None


def in_words(e, steps, total):
    """The same as an order in words, if it can be said so."""
    ps = e.split(' ')
    if set(ps[1::2]) == {'+'} and chance(0.7):
        said = joined(ps[::2])
        return pick([f'Add {said}.', f'What is the sum of {said}?', f'Sum up {said}', f'How much are {said} together?', f'What do {said} make?'])
    if len(ps) == 5 and ps[1] in '+-' and ps[3] in '+-':
        a, o, b, p, c = ps
        first = f'Add {b} to {a}' if o == '+' else pick([f'Take {b} from {a}', f'Subtract {b} from {a}'])
        then = f'add {c}' if p == '+' else pick([f'subtract {c}', f'take {c} away'])
        return pick([f'{first}, then {then}.', f'{first} and {then}.', f'{first}. Then {then}. What is left?', f'{first} and then {then}. What do you get?'])
    return pick(ASK).format(e=e)


def people():
    n = pick(FIRST)
    return n, pick(['She', 'He'])


GOODS = 'apples,pears,marbles,coins,books,pencils,eggs,stamps,cards,balls,candles,flowers,shells,nuts,buttons,stones,sweets,cookies,plums,cherries,sheep,hens,fish,keys,cups,plates,hats,shirts,roses,tomatoes,potatoes,lemons,oranges,balloons,toys,tickets,letters,nails,boxes,bottles'.split(',')
GAIN = ['{S} buys {n} more', '{S} gets {n} more', '{S} finds {n}', '{S} wins {n}', '{a} friend gives {o} {n} more', '{S} picks {n} more', '{S} is given {n}', '{S} gets {n} from {o2} aunt', '{S} collects {n} more', 'then {s} buys {n}', 'later {s} finds {n} more']
LOSE = ['{S} loses {n}', '{S} eats {n}', '{S} gives {n} away', '{S} sells {n}', '{S} gives {n} to {o2} sister', '{S} breaks {n}', '{n} are stolen', '{S} uses {n}', 'then {s} loses {n} of them', 'later {s} sells {n}', '{S} throws {n} away', '{S} puts {n} back']
LOSABLE = {'eats': 'apples pears eggs nuts sweets cookies plums cherries tomatoes potatoes lemons oranges fish'.split()}
PAST = {'buys': 'bought', 'gets': 'got', 'finds': 'found', 'wins': 'won', 'gives': 'gave', 'picks': 'picked', 'is given': 'was given', 'collects': 'collected', 'loses': 'lost', 'eats': 'ate', 'sells': 'sold', 'breaks': 'broke', 'are stolen': 'were stolen', 'uses': 'used', 'throws': 'threw', 'puts': 'put', 'has': 'had'}


def goods_story(events):
    """Somebody has things, gets some and loses some."""
    n, s = people()
    g, total = pick(GOODS), rng.randrange(5, pick([20, 50, 100]))
    i_form = chance(0.12)
    who = 'I' if i_form else n
    o, o2 = ('her', 'her') if s == 'She' else ('him', 'his')
    past = chance(0.35)
    start = pick([f'{n} has {total} {g}', f'{n} has {total} {g}', f'{n} starts with {total} {g}', f'There are {total} {g} on the table of {n}', f'{n} owns {total} {g}']) if not past else f'{n} had {total} {g}'
    lines, steps = [], [f'{n} {"had" if past else "has"} {total} {g}.'] if chance(0.0) else []
    for k in range(events):
        b = rng.randrange(1, pick([10, 20, 50]))
        lose = b < total and chance(0.55)
        form = pick(LOSE if lose else GAIN)
        if 'eats' in form and g not in LOSABLE['eats']:
            form = pick(LOSE[:1] + LOSE[2:4])
        text = form.format(S=s, s=s.lower(), n=b, a='A', o=o, o2=o2)
        if past:
            for x, y in PAST.items():
                text = text.replace(f' {x}', f' {y}', 1) if f' {x}' in text else text
        lines.append(text)
        op = '-' if lose else '+'
        steps += step(total, op, b)
        total = value(total, op, b)
    body = start + '. ' + '. '.join(cap(x) for x in lines) + '.' if chance(0.6) else (start + pick([', ', ' and ']) + ' and '.join(x[0].lower() + x[1:] if x.startswith(('She', 'He', 'A ')) else x for x in lines) + '.')
    ask = pick([f'How many {g} does {n} have now?', f'How many {g} does {s.lower()} have?', f'How many {g} are left?', f'How many has {s.lower()} now?', f'How many {g} has {n} got?', f'How many {g} are there now?', f'How many {g} does {n} have in the end?', 'How many are there?', f'What is the number of {g} now?'])
    return f'{body} {ask}', steps, f'{n} has {total} {g}.', total


CONTAINERS = 'boxes,bags,baskets,rows,shelves,plates,jars,drawers,packets,tables,trays,crates'.split(',')


def groups():
    n, s = people()
    a, b = rng.randrange(2, 13), rng.randrange(2, 13)
    g, c = pick(GOODS), pick(CONTAINERS)
    p = a * b
    k = rng.randrange(1, max(2, p))
    steps = step(a, '*', b)
    start = pick([f'There are {a} {c} with {b} {g} each.', f'{n} has {a} {c} with {b} {g} in each.', f'There are {a} {c} of {b} {g}.', f'{a} {c} hold {b} {g} each.', f'{n} fills {a} {c} with {b} {g} each.', f'In each of {a} {c} there are {b} {g}.'])
    if chance(0.6):
        start += pick([f' {k} of them are taken away.', f' {n} takes {k} of the {g}.', f' {k} {g} are broken.', f' {k} are lost.', f' Then {k} are sold.', f' {n} gives {k} away.'])
        steps, total = steps + step(p, '-', k), p - k
        ask = pick([f'How many {g} are left?', f'How many {g} are there now?', 'How many are left?', 'How many remain?', f'How many {g} are still there?'])
    else:
        start += pick([f' {k} more are added.', f' {n} brings {k} more.', f' Then {k} more come.', f' There are {k} more {g} on the floor.'])
        steps, total = steps + step(p, '+', k), p + k
        ask = pick([f'How many {g} are there in all?', f'How many {g} is that?', f'How many {g} are there?', 'How many are there now?'])
    return f'{start} {ask}', steps, f'There are {total} {g}.', total


def misc():
    n, s = people()
    m = pick([x for x in FIRST[:200] if x != n])
    g = pick(GOODS)
    r = rng.randrange(16)
    a, b, c = rng.randrange(4, 60), rng.randrange(2, 20), rng.randrange(2, 40)
    if r == 0:
        older = chance(0.6)
        steps = step(a, '+', b) + step(a + b, '+', c)
        return pick([f'{n} is {a} years old. {m} is {b} years older, and {pick(["the father", "the mother", "the teacher", "the aunt"])} is {c} years older than {m}. How old is {pick(["the oldest of them", "the oldest"])}?', f'{n} is {a}. {m} is {b} years older than {n}, and Tom is {c} years older than {m}. How old is Tom?']), steps, f'The age is {a + b + c} years.', a + b + c
    if r == 1:
        a, b = rng.randrange(2, 10), rng.randrange(2, 8)
        p = a * b
        pay = p + rng.randrange(1, 20)
        return pick([f'{n} buys {a} {g} for {b} dollars each and pays with {pay} dollars. How much change does {s.lower()} get?', f'One of the {g} costs {b} dollars. {n} takes {a} and gives {pay} dollars. How many dollars does {s.lower()} get back?', f'{g} cost {b} dollars each. I take {a} and have {pay} dollars. How much is left?'.capitalize()]), step(a, '*', b) + step(pay, '-', p), f'{pay - p} dollars are left.', pay - p
    if r == 2:
        a, b, c = rng.randrange(10, 60), rng.randrange(2, 10), rng.randrange(2, 20)
        v = pick(['bus', 'train', 'ship', 'boat', 'lift', 'tram'])
        who = pick(['people', 'passengers', 'children', 'travelers'])
        return pick([f'There are {a} {who} on a {v}. {b} get off and {c} get on. How many {who} are on it now?', f'A {v} has {a} {who}. At the next stop {b} leave and {c} come in. How many are there now?', f'{a} {who} are on the {v}; {b} leave it, {c} enter it. How many {who} does it have?']), step(a, '-', b) + step(a - b, '+', c), f'There are {a - b + c} {who}.', a - b + c
    if r == 3:
        a, b, c = rng.randrange(2, 12), rng.randrange(2, 8), rng.randrange(1, 30)
        x = pick([('reads', 'pages'), ('runs', 'miles'), ('writes', 'letters'), ('bakes', 'rolls'), ('walks', 'miles'), ('learns', 'words'), ('sells', 'hats'), ('catches', 'fish'), ('plants', 'trees')])
        d1 = pick(w.DAYS)
        return pick([f'{n} {x[0]} {a} {x[1]} a day for {b} days and {c} {x[1]} on {d1}. How many {x[1]} is that in all?', f'Each day {n} {x[0]} {a} {x[1]}. After {b} days {s.lower()} {x[0]} {c} more. How many {x[1]} are that?', f'For {b} days {n} {x[0]} {a} {x[1]} each day, then {c} {x[1]} on the last day. How many {x[1]} does {s.lower()} have?']), step(a, '*', b) + step(a * b, '+', c), f'That is {a * b + c} {x[1]}.', a * b + c
    if r == 4:
        k, op = pick([('twice', 2), ('three times', 3), ('twice', 2)])
        a = rng.randrange(3, 30)
        h = pick([x for x in GOODS if x != g])
        return pick([f'There are {a} {g} and {k} as many {h}. How many things are there in all?', f'{n} has {a} {g} and {k} as many {h}. How many does {s.lower()} have together?', f'{n} has {a} {g}. {m} has {k} as many. How many {g} do they have together?']), multiplied(a, op) + step(a, '+', a * op), f'There are {a * (op + 1)} in all.', a * (op + 1)
    if r == 5:
        a = rng.randrange(3, 50)
        return pick([f'Double {a} and add {b}.', f'Double {a}, then add {b}.', f'Take {a} twice and add {b}.', f'What is {b} more than twice {a}?']), multiplied(a, 2) + step(2 * a, '+', b), f'It is {2 * a + b}.', 2 * a + b
    if r == 6:
        b, c = rng.randrange(2, 10), rng.randrange(2, 12)
        k = rng.randrange(1, 15)
        return pick([f'{n} shares {b * c} {g} among {b} children and gives each {k} more. How many {g} does each child get?', f'{b} friends share {b * c} {g}. Then each gets {k} more. How many does each have?']), [f'{b * c} / {b} = {c}'] + step(c, '+', k), f'Each has {c + k} {g}.', c + k
    if r == 7:
        x, y = rng.randrange(3, 40), rng.randrange(3, 40)
        total = x + y + rng.randrange(1, 40)
        who = pick(['baker', 'farmer', 'shop', 'smith', 'gardener', 'tailor', 'cook'])
        pre = 'A ' + who
        return pick([f'{pre} has {total} {g}. {x} are sold in the morning and {y} in the evening. How many {g} are left?', f'{pre} made {total} {g}, sold {x} on {pick(w.DAYS)} and {y} on {pick(w.DAYS)}. How many are left?']), step(total, '-', x) + step(total - x, '-', y), f'{total - x - y} {g} are left.', total - x - y
    if r == 8:
        a = rng.randrange(5, 40) * 2
        k = rng.randrange(1, a // 2)
        return pick([f'Half of {a} {g} are red. {n} takes {k} of the red ones. How many red {g} are left?', f'{n} has {a} {g} and gives half of them away. Then {s.lower()} loses {k}. How many are left?', f'Take half of {a} and subtract {k}.', f'Halve {a} and take {k} away.']), [f'{a} / 2 = {a // 2}'] + step(a // 2, '-', k), f'It is {a // 2 - k}.', a // 2 - k
    if r == 9:
        x, y, z = (rng.randrange(2, 30) for _ in range(3))
        return pick([f'In a garden there are {x} roses, {y} tulips and {z} lilies. How many flowers are there?', f'{n} has {x} red, {y} blue and {z} green {g}. How many {g} are that?', f'A farm has {x} cows, {y} pigs and {z} sheep. How many animals are there in all?', f'{x} girls, {y} boys and {z} teachers are in the hall. How many people are in the hall?']), step(x, '+', y) + step(x + y, '+', z), f'There are {x + y + z} in all.', x + y + z
    if r == 11:  # made, and sold or used at two times
        x, y = rng.randrange(3, 40), rng.randrange(3, 40)
        total = x + y + rng.randrange(1, 40)
        who = pick(['potter', 'shoemaker', 'brewer', 'printer', 'carpenter', 'butcher', 'florist', 'weaver'])
        t1, t2 = pick([('before noon', 'after noon'), ('in the first week', 'in the second week'), ('in spring', 'in autumn'), ('today', 'tomorrow'), ('at the market', 'at home'), ('to one customer', 'to another')])
        v = pick(['sells', 'gives away', 'loses', 'breaks', 'uses'])
        return pick([f'A {who} makes {total} {g}. {s} {v} {x} {t1} and {y} {t2}. How many {g} are left?', f'A {who} has {total} {g}; {x} are sold {t1} and {y} {t2}. How many {g} does the {who} still have?', f'{n} makes {total} {g}, {v} {x} {t1} and {y} {t2}. How many {g} remain?']), step(total, '-', x) + step(total - x, '-', y), f'{total - x - y} {g} are left.', total - x - y
    if r == 12:  # groups of mine, some used up
        a, b = rng.randrange(2, 12), rng.randrange(2, 10)
        k = rng.randrange(1, a * b)
        c = pick(CONTAINERS)
        v = pick(['lose', 'sell', 'give away', 'use', 'break', 'burn', 'drop'])
        return pick([f'I have {a} {c} with {b} {g} each and {v} {k} {g}. How many {g} do I have left?', f'If I buy {a} {c} with {b} {g} in each and {v} {k} of them, how many {g} are left?', f'I own {a} {c} of {b} {g}. I {v} {k}. How many {g} do I still have?', f'If {n} has {a} {c} with {b} {g} each, and {k} {g} are lost, how many {g} has {s.lower()} left?']), step(a, '*', b) + step(a * b, '-', k), f'{a * b - k} {g} are left.', a * b - k
    if r == 13:  # what is paid
        a, b = rng.randrange(2, 10), rng.randrange(2, 10)
        pay = a * b + rng.randrange(1, 30)
        return pick([f'A cup of tea costs {b} dollars. We drink {a} and pay with {pay} dollars. How much do we get back?', f'{cap(g)} cost {b} euros each. {n} buys {a} and has {pay} euros. How many euros are left?', f'I buy {a} {g} at {b} dollars each and give {pay} dollars. What is my change?', f'Each of the {g} costs {b} dollars. {n} wants {a} of them and has {pay} dollars. How much money is left?']), step(a, '*', b) + step(pay, '-', a * b), f'{pay - a * b} dollars are left.', pay - a * b
    if r == 14:  # rows, some taken, some brought back
        a, b = rng.randrange(2, 12), rng.randrange(2, 12)
        p = a * b
        x = rng.randrange(1, p)
        y = rng.randrange(1, 20)
        c = pick(CONTAINERS)
        return pick([f'There are {a} {c} of {b} {g}. {n} takes {x} {g} and puts {y} back. How many {g} are there now?', f'A shop has {a} {c} with {b} {g} each. It sells {x} {g} and gets {y} new ones. How many {g} has it now?', f'{n} has {a} {c} of {b} {g}, loses {x} and finds {y}. How many {g} has {s.lower()} now?']), step(a, '*', b) + step(p, '-', x) + step(p - x, '+', y), f'There are {p - x + y} {g}.', p - x + y
    if r == 15:  # so often as many, and both together
        a, (k, op) = rng.randrange(3, 40), pick([('twice', 2), ('three times', 3), ('twice', 2), ('four times', 4)])
        h = pick([x for x in GOODS if x != g])
        where = pick(['In a shop', 'In a garden', 'On a ship', 'In a room', 'On a table', 'In a box', 'At school'])
        return pick([f'{where} there are {a} {g} and {k} as many {h}. How many are there together?', f'{where} are {a} {g} and {k} as many {h}. How many things are that?', f'{n} has {a} {g}, and {m} has {k} as many. How many have both together?']), multiplied(a, op) + step(a, '+', a * op), f'There are {a * (op + 1)} in all.', a * (op + 1)
    a = rng.randrange(20, 100)
    b = rng.randrange(1, a // 2)
    c = rng.randrange(1, a // 2)
    return pick([f'Double {a} and subtract {b}.', f'Double {a}, then take {b} away.', f'Twice {a} minus {b}?']), multiplied(a, 2) + step(2 * a, '-', b), f'It is {2 * a - b}.', 2 * a - b


def problem():
    """A question of several steps: (question, steps, answer, value)."""
    r = rng.random()
    if r < 0.46:
        e, steps, total, kind = chain()
        q = pick(ASK).format(e=e) if kind or chance(0.75) else in_words(e, steps, total)
        return noisy(q), steps, f'{e} = {total}', total
    q, steps, a, total = goods_story(rng.choices([2, 3], [4, 1])[0]) if r < 0.66 else groups() if r < 0.75 else misc()
    return q, steps, a, total


def small_problem():
    """A problem of one step, which it answers without thoughts, too."""
    q, steps, a, total = goods_story(1)
    return q, a, steps


ONE_LOSE = ['{N} {have} {a} {g} and {eat} {b}.', '{N} {have} {a} {g} and {lose} {b} of them.', '{N} {have} {a} {g}. {N} {eat} {b}.', '{N} {have} {a} {g}, and {b} are lost.', 'There are {a} {g}. {N} {eat} {b} of them.', '{N} {buy} {a} {g} and {lose} {b}.', 'Of {a} {g}, {b} are gone.']
ONE_GAIN = ['{N} {have} {a} {g} and {buy} {b} more.', '{N} {have} {a} {g}. {N} {get} {b} more.', 'There are {a} {g}, and {b} more come.', '{N} {buy} {a} {g} today and {b} tomorrow.', '{N} {have} {a} red {g} and {b} blue {g}.']
ONE_LEFT = ['How many are left?', 'How many {g} are left?', 'How many {g} {do} {n} have left?', 'How many {g} are there now?', 'How many remain?', 'How many {do} {n} still have?']
ONE_NOW = ['How many {g} are there now?', 'How many {g} {do} {n} have now?', 'How many is that?', 'How many are there in all?', 'How many {g} are that?']
ONE_TIMES = ['A {v} has {a} {c} with {b} {g} each.', 'There are {a} {c} with {b} {g} each.', 'There are {a} {c} of {b} {g}.', 'A {v} has {a} {c} of {b} {g}.', 'Each of {a} {c} has {b} {g}.', '{a} {c} have {b} {g} each.', 'One of the {c} has {b} {g}. There are {a} of them.']
ONE_ALL = ['How many {g}?', 'How many {g} are there?', 'How many {g} are that?', 'How many {g} are there in all?', 'How many are there together?', 'How many {g} does it have?']
PARTS = ['wagons', 'rooms', 'floors', 'cars', 'halls', 'desks', 'benches', 'tents', 'houses', 'classes', 'teams', 'pages', 'gardens', 'boats', 'cages', 'streets'] + CONTAINERS
INSIDE = ['seats', 'beds', 'windows', 'chairs', 'pupils', 'players', 'lines', 'words', 'trees', 'people', 'birds', 'lamps', 'doors', 'children', 'pens', 'books', 'bottles'] + GOODS[:20]


def one_step():
    """A problem of one step: (question, steps, answer)."""
    if chance(0.4):
        a, b = rng.randrange(2, 13), rng.randrange(2, 13) if chance(0.55) else rng.randrange(13, 100) if chance(0.5) else rng.randrange(2, 10) * 10
        g, c, v = pick(INSIDE), pick(PARTS), pick(['train', 'school', 'hotel', 'ship', 'house', 'shop', 'town', 'farm', 'park', 'theater', 'museum', 'factory'])
        q = f'{pick(ONE_TIMES)} {pick(ONE_ALL)}'.format(a=a, b=b, g=g, c=c, v=v)
        return cap(q), step(a, '*', b), f'There are {a * b} {g}.'
    g, i = pick(GOODS), chance(0.35)
    n = 'I' if i else pick(FIRST)
    s = '' if i else 's'
    forms = dict(N=n, n=n, g=g, have='have' if i else 'has', do='do' if i else 'does', eat=pick(['eat', 'sell', 'lose', 'use', 'break', 'take']) + s, lose=pick(['lose', 'sell', 'give away', 'break']), buy='buy' + s, get=pick(['get', 'find', 'win', 'buy']) + s)
    if not i:
        forms['lose'] = forms['lose'].replace('give ', 'gives ') if ' ' in forms['lose'] else forms['lose'] + 's'
    a, b = rng.randrange(2, pick([20, 50, 100])), rng.randrange(1, pick([10, 20, 50]))
    if chance(0.6):
        a, b = max(a, b) + 1, min(a, b)
        q, steps, total = f'{pick(ONE_LOSE)} {pick(ONE_LEFT)}', step(a, '-', b), a - b
        said = pick([f'{total} {g} are left.', f'There are {total} {g} left.'])
    else:
        q, steps, total = f'{pick(ONE_GAIN)} {pick(ONE_NOW)}', step(a, '+', b), a + b
        said = f'There are {total} {g}.'
    return cap(q.format(a=a, b=b, **forms)), steps, said


TOO_HARD = 'That is too hard for me, even with thinking.'


def too_hard():
    """A product of two large numbers, or a quotient outside of the table: it says so, with thoughts, too."""
    if chance(0.5):
        a, b = rng.randrange(13, pick([100, 100, 1000])), rng.randrange(13, 100)
        if a % 10 == 0 or b % 10 == 0:
            return too_hard()
        e, thoughts = f'{a} {pick(["*", "*", "x", "times"])} {b}', f'1. {a} and {b} are both above 12.'
    else:
        b = rng.randrange(2, 26)
        a = b * rng.randrange(13, 60) if chance(0.7) else rng.randrange(20, 300)
        if a % b == 0 and a // b < 13 and b < 13:
            return too_hard()
        e, thoughts = f'{a} {pick(["/", "/", "divided by"])} {b}', f'1. {a} / {b} is not in the table.'
    return noisy(pick(ASK).format(e=e)), thoughts, TOO_HARD


def quotient():
    b, c = rng.randrange(2, 13), rng.randrange(1, 13)
    return noisy(pick(ASK).format(e=f'{b * c} {pick(["/", "/", "divided by"])} {b}')), [f'{b * c} / {b} = {c}'], f'{b * c} / {b} = {c}'


def numbered(steps):
    return '\n'.join(f'{i + 1}. {s}{"" if s.endswith(".") else "."}' for i, s in enumerate(steps))


def plain_thought(q):
    """Thoughts about a question that needs none."""
    return pick(['1. This needs no steps.', '1. I can answer this at once.'])


def conversation():
    turns, r = [], rng.random()
    for _ in range(rng.choices([1, 2, 3], [6, 3, 1])[0]):
        r = rng.random()
        if r < 0.12:
            q, thoughts, a = too_hard()
            turns += [('user', q), ('think', thoughts, a)]
        elif r < 0.3:
            q, steps, a = one_step() if chance(0.9) else quotient()
            turns += [('user', q), ('think', numbered(steps), a)]
        elif r < 0.8:
            q, steps, a, _ = problem() if chance(0.86) else (lambda t: (t[0], t[2], t[1], 0))(small_problem())
            thoughts = numbered(steps)
            if chance(0.07):  # a budget cut them short
                cut = rng.randrange(2, max(3, len(thoughts)))
                turns += [('user', q), ('cut', thoughts[:cut].rstrip(), a)]
                continue
            turns += [('user', q), ('think', thoughts, a)]
        else:
            q, a = plain.question()
            while a in plain.UNTHOUGHT:
                q, a = plain.question()
            thoughts = plain_thought(q)
            turns += [('user', q), ('cut', thoughts[:rng.randrange(1, len(thoughts))], a) if chance(0.1) else ('think', thoughts, a)]
    return document(turns)
