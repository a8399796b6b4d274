"""Own text: tools that calculate and that look words up, with questions, calls, results and answers."""
import json
import words as w
from fillers import sentences
from words import chance, pick, rng

CALCULATORS = ['calculate', 'calculator', 'calc', 'compute', 'math', 'arithmetic', 'eval', 'eval_expression', 'solve', 'do_sum', 'compute_sum', 'math_tool', 'basic_math', 'calculate_expression', 'number_cruncher', 'abacus', 'sums', 'reckon', 'formula', 'numbers', 'count_up', 'big_sum', 'expression_value', 'result_of', 'pocket_calculator']
ABOUT = ['Calculates an expression', 'Works with large numbers', 'A calculator', 'Evaluate an arithmetic expression', 'Computes sums, products and differences', 'Does arithmetic', 'Solves a sum that is given as text', 'Returns the value of a mathematical expression']
DOES = ['Calculates', 'Computes', 'Works out', 'Evaluates', 'Solves', 'Finds the result of', 'Gives the value of', 'Returns the result of', 'Answers', 'Does', 'Reckons', 'Calculate', 'Compute', 'Evaluate', 'Solve', 'The result of', 'The value of', 'The answer to', 'For', 'Knows the result of']
SUMS = ['a sum', 'sums', 'an arithmetic expression', 'a mathematical expression', 'a formula', 'a calculation', 'large sums', 'sums of large numbers', 'an equation', 'the four kinds of arithmetic', 'any sum', 'an expression with numbers', 'plus, minus, times and divided by', 'sums and products', 'math', 'numbers and signs', 'long sums', 'every calculation']
GIVEN = ['', '', '', ' that is given as text', ' with large numbers', ' exactly', ' of any size', ' written as text', ' in the form of a text', ' that are too hard to do in the head', ', such as 12 * 345', ' for the user', ' with brackets', ' as a number']
NOUNS = ['Calculator', 'Arithmetic', 'Exact arithmetic with big numbers', 'Plus, minus, times and divided by', 'Adds, subtracts, multiplies and divides', 'A pocket calculator', 'Math', 'A machine for sums', 'Math with numbers of any size', 'A slide rule', 'Basic math operations']


def about_calculator():
    r = rng.random()
    return pick(ABOUT) if r < 0.25 else pick(NOUNS) if r < 0.45 else pick(DOES) + ' ' + pick(SUMS) + pick(GIVEN)


EXPRESSION = ['expression', 'expr', 'input', 'formula', 'sum', 'text', 'query', 'calculation', 'term']


def big(op):
    size = lambda: rng.randrange(*pick([(100, 1000), (100, 1000), (1000, 10000), (10000, 100000), (13, 100)]))
    a, b = size(), size()
    if op == '/':
        b = rng.randrange(2, pick([13, 100]))
        a = b * rng.randrange(13, 900)
    if op == '*' and a < 100 and b < 100:
        a += 100
    if op in '+-' and a < 100 and b < 100:
        b += 200
    if op == '-' and a < b:
        a, b = b, a
    return a, b


WORDS = {'+': ['plus', 'and', '+'], '-': ['minus', '-', 'less'], '*': ['times', '*', 'x', 'multiplied by'], '/': ['divided by', '/', 'over']}
ORDERS = {'+': ['Add {a} and {b}.', 'Add {b} to {a}.', 'What is the sum of {a} and {b}?', 'Sum up {a} and {b}', 'What do {a} and {b} make together?'], '-': ['Subtract {b} from {a}.', 'Take {b} from {a}.', 'What is the difference between {a} and {b}?', 'What is left of {a} without {b}?'],
          '*': ['Multiply {a} by {b}.', 'What is the product of {a} and {b}?', 'Multiply {a} and {b}', 'Take {a} {b} times.'], '/': ['Divide {a} by {b}.', 'How often does {b} go into {a}?', 'Split {a} into {b} parts.']}
FRAMES = ['What is {e}?', 'what is {e}', 'How much is {e}?', 'Calculate {e}.', '{e}', '{e} =', 'Compute {e}', "What's {e}?", 'Can you calculate {e}?', 'Tell me what {e} is.', 'I want to know {e}.', 'Please calculate {e} for me.', 'Give me the result of {e}.', '{e}?', 'Find {e}.', 'Do this sum: {e}', 'The sum is {e}.', 'Evaluate {e}', 'How many are {e}?']


def value(a, op, b):
    return a + b if op == '+' else a - b if op == '-' else a * b if op == '*' else a // b


def sum_and_question():
    op = pick('+-*/')
    a, b = big(op)
    if chance(0.28):
        return a, op, b, pick(ORDERS[op]).format(a=a, b=b)
    return a, op, b, pick(FRAMES).format(e=f'{a} {pick(WORDS[op][:3])} {b}' if op == '*' or chance(0.9) else f'{a}{op}{b}')


def shown(n):
    return pick([str(n)] * 3 + [json.dumps({pick(['result', 'value', 'answer', 'sum']): n}), f'Result: {n}', f'= {n}'])


def math_asked():
    r = rng.random()
    if r < 0.7:
        key = pick(EXPRESSION)
        tool = dict(name=pick(CALCULATORS), description=about_calculator() + pick(['', '', '.']), parameters=dict(type='object', properties={key: {'type': 'string'}}, required=[key]))
        s = rng.random()
        if s < 0.72:
            a, op, b, q = sum_and_question()
            e, n = f'{a} {op} {b}', value(a, op, b)
        elif s < 0.86:
            a, b, c = (rng.randrange(3, pick([30, 100, 1000])) for _ in range(3))
            o, p = pick('+-*'), pick('+-*')
            e = f'{a} {o} {b} {p} {c}' if chance(0.7) else f'({a} {o} {b}) {p} {c}'
            n, q = eval(e), pick(FRAMES).format(e=e)
        elif s < 0.93:
            a, b = rng.randrange(2, 100), rng.randrange(10, 2000)
            e, n = f'{a} / 100 * {b}', round(a * b / 100, 2)
            q = pick(['What is {a}% of {b}?', 'How much is {a} % of {b}?', 'What are {a} percent of {b}?', 'Calculate {a}% of {b}.']).format(a=a, b=b)
        else:
            a = rng.randrange(11, 200)
            e, n, q = (f'sqrt({a * a})', a, pick(['What is the square root of {x}?', 'square root of {x}', 'Find the square root of {x}.']).format(x=a * a)) if chance(0.5) else (f'{a} * {a}', a * a, pick(['What is {x} squared?', 'What is the square of {x}?', 'Square {x}.']).format(x=a))
        return tool, q, [(tool['name'], {key: e})], shown(n), pick([f'{e} = {n}'] * 3 + [f'It is {n}.'])
    op = pick('+-*/')
    names = {'+': ['add', 'plus', 'add_numbers', 'sum_of'], '-': ['subtract', 'minus', 'difference'], '*': ['multiply', 'times', 'product'], '/': ['divide', 'quotient']}
    what = {'+': 'Adds two numbers', '-': 'Subtracts b from a', '*': 'Multiplies two numbers', '/': 'Divides a by b'}
    keys = pick([('a', 'b'), ('x', 'y'), ('first', 'second'), ('left', 'right'), ('number1', 'number2')])
    a, op, b, q = sum_and_question()
    n = value(a, op, b)
    two = {keys[0]: {'type': 'number'}, keys[1]: {'type': 'number'}}
    answer = pick([f'{a} {op} {b} = {n}'] * 3 + [f'It is {n}.'])
    if r < 0.87:
        make = lambda o: dict(name=pick(names[o]), description=what[o].replace('b from a', f'{keys[1]} from {keys[0]}').replace('a by b', f'{keys[0]} by {keys[1]}'), parameters=dict(type='object', properties=two, required=list(keys)))
        tools = [make(o) for o in (pick([op, '+-*/', '+-*/', '+*' if op in '+*' else '-/']))]
        rng.shuffle(tools)
        tool = next(t for t in tools if t['name'] in names[op])
        return tools if len(tools) > 1 else tool, q, [(tool['name'], {keys[0]: a, keys[1]: b})], shown(n), answer
    key = pick(['operation', 'op', 'operator', 'kind'])
    style = pick([dict(zip('+-*/', ['add', 'subtract', 'multiply', 'divide'])), dict(zip('+-*/', '+-*/')), dict(zip('+-*/', ['plus', 'minus', 'times', 'divided']))])
    props = {**two, key: {'type': 'string', 'enum': list(style.values())}} if chance(0.6) else {key: {'type': 'string', 'enum': list(style.values())}, **two}
    tool = dict(name=pick(CALCULATORS), description=pick(ABOUT[1:6] + NOUNS), parameters=dict(type='object', properties=props, required=list(props)))
    values = {keys[0]: a, keys[1]: b, key: style[op]}
    return tool, q, [(tool['name'], {k: values[k] for k in props})], shown(n), answer


BOOKS = ['define', 'dictionary', 'lookup_word', 'get_definition', 'word_meaning', 'look_up', 'dict', 'thesaurus', 'define_word', 'glossary', 'explain_word', 'lexicon', 'wordnet', 'definition_of', 'search_dictionary', 'vocabulary', 'word_book', 'meaning', 'word_info', 'term_info', 'term', 'words', 'get_word', 'entry_of']
ABOUT_BOOKS = ['The meaning of a word', 'Looks a word up in a dictionary', 'Get the definition of a word', 'Explains rare words', 'Dictionary of the English language', 'Finds out what a word means', 'Returns the definition of a term']
SHOWS = ['Gives', 'Returns', 'Shows', 'Finds', 'Looks up', 'Says', 'Tells', 'Fetches', 'Searches for', 'Get', 'Find', 'Look up', 'Show', 'For', 'Has', 'Knows']
MEANINGS = ['the meaning of a word', 'the definition of a term', 'what a word means', 'the entry of a word', 'the sense of a word', 'an explanation of a word', 'rare words', 'hard words', 'the definition of a word', 'what is meant by a term', 'words and their meanings', 'a word', 'unknown words', 'old words']
WHERE = ['', '', '', ' in a dictionary', ' from a large dictionary', ' of English', ' from a book of words', ' in a lexicon', ' as a short text', ' that the user does not know', ', as a dictionary has it', ' with its definition', ' and explains it']
BOOK_NOUNS = ['Dictionary', 'Lexicon', 'A book of words', 'Definitions of words', 'Meanings of rare words', 'Glossary of terms', 'Word definitions', 'English dictionary', 'Explains a word', 'Defines a term', 'Defines words']


def about_book():
    r = rng.random()
    return pick(ABOUT_BOOKS) if r < 0.25 else pick(BOOK_NOUNS) if r < 0.45 else pick(SHOWS) + ' ' + pick(MEANINGS) + pick(WHERE)


LOOK = ['Look up {w}.', 'Look up the word {w}.', 'Look {w} up in the dictionary.', 'What does the dictionary say about {w}?', 'Find the meaning of {w}.', 'Search the dictionary for {w}.', 'Check what {w} means.', 'Get me the definition of {w}.', 'Find out what {w} means.', 'I do not know the word {w}.', 'What on earth is {n}?', 'Have you heard of {n}?', 'Do you happen to know what {n} is?', 'Please look up {w}', 'Is {w} a word?', 'What could {w} mean?', 'Who knows what {w} means?', 'Someone said {w}. What is that?']
held_back = {'quixotry', 'zarf', 'borborygmus', 'flumpet', 'zugzwang', 'florble'}


def dictionary_asked():
    key = pick(['word', 'term', 'w', 'entry', 'lemma', 'text', 'query', 'name', 'headword'])
    tool = dict(name=pick(BOOKS), description=about_book() + pick(['', '', '.']), parameters=dict(type='object', properties={key: {'type': 'string'}}, required=[key]))
    while True:
        x = pick(w.rare_train) if chance(0.7) else w.made_up()
        if x not in held_back:
            break
    n = x if chance(0.15) else f'{w.art(x)} {x}'
    forms = LOOK if chance(0.35) else w.ANY if chance(0.5) else w.NOUN
    q = pick(forms).format(w=x, W=x, n=n)
    d = meaning(x)
    if chance(0.06) or not d:
        return tool, q, [(tool['name'], {key: x})], pick(['not found', 'null', 'no entry', '[]', 'no such word']), pick([f'The dictionary does not have {x}.', f'I could not find {x}.'])
    said = pick([d] * 4 + [f'{x}: {d}', json.dumps({'word': x, 'definition': d}), json.dumps({'meaning': d}), f'(noun) {d}', w.cap(d) + '.'])
    return tool, q, [(tool['name'], {key: x})], said, pick([f'{w.cap(x)} means {d}.', f'{w.cap(x)}: {d}.', f'{w.cap(x)} means {d}.'])


def meaning(x):
    by = w.index.get(x)
    if not by:
        return pick(sentences).rstrip('.').lower() if chance(0.3) else f'{w.art("kind")} kind of {pick(w.easy_known)}' if chance(0.5) else f'to {pick(w.verbs1)} with a {pick(w.easy_known)}'
    s = w.synsets[next(iter(by)), next(iter(by.values()))[0]]
    d = w.clean_def(s['defn'], 80)
    return d if d and not w.held(s) and '"' not in d else ''
