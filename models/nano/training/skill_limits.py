"""Own text: what nano does not know or cannot do, in one honest sentence; and "tell me about X" for what it knows."""
import words as w
from fillers import CITIES, LANGUAGES, city, file, invented, person, things
from words import NO, NO_PERSON, NO_PLACE, NO_WORD, cap, chance, noisy, pick, rng
import tool_math

TOO_LARGE = 'That sum is too large for me without thinking or a tool.'
UNTHOUGHT = 'I cannot work that out without thinking.'
TOO_LONG = 'That has too many steps for me without thinking.'
CANNOT = 'I cannot do that. I only know words, small sums and a few facts.'
SUBJECTS = '''quantum physics, relativity, machine learning, neural networks, blockchain, democracy in Athens, the French Revolution, string theory, evolution, photosynthesis, the stock market, inflation, Kant's philosophy, Plato's ideas, the Roman Empire, the Cold War, black holes, dark matter, DNA, cell division, thermodynamics, electromagnetism, organic chemistry, game theory, calculus, linear algebra, topology, statistics, the big bang, the greenhouse effect, the immune system, psychoanalysis, Marxism, existentialism, jazz theory, baroque music, Renaissance art, cubism, Buddhism, the Reformation, the Industrial Revolution, genetics, semiconductors, nuclear fusion, the internet, encryption, operating systems, compilers, databases, cloud computing, bitcoin, taxes, insurance law, contract law, marketing, supply chains, macroeconomics, the theory of everything, Gödel's theorem, Fermat's theorem, quantum entanglement, superconductors, plate tectonics, ocean currents, climate models, the digestive system, vaccines, antibiotics, the periodic table, polymers, Shakespeare's sonnets, Greek tragedy, modern poetry, sociology, anthropology, feminism, logic gates, robotics, aerodynamics, cosmology, medieval guilds, the Silk Road, the Ottoman Empire'''.replace('ö', 'o').replace('\n', ' ').split(', ')
SUBJECT_FORMS = ['Explain {s}.', 'Explain {s} to me.', 'What is {s}?', 'Tell me about {s}.', 'How does {s} work?', 'Can you explain {s}?', 'Describe {s}.', 'Write an essay about {s}.', 'Give a lecture on {s}.', 'Teach me {s}.', 'What do you know about {s}?', 'Summarize {s}.', 'explain {s} in simple terms', 'I want to learn about {s}.', 'What are the basics of {s}?', 'Why is {s} important?', 'Who discovered {s}?', 'What is the history of {s}?', 'Help me to understand {s}.', 'Give me an overview of {s}.', 'Explain {s} like I am five.']
LANGS = ['Python', 'JavaScript', 'Java', 'C', 'C++', 'Rust', 'Go', 'SQL', 'HTML', 'CSS', 'Ruby', 'bash', 'TypeScript', 'PHP', 'Perl', 'Haskell']
CODE = ['Write a {l} function that {t}.', 'Write a {l} program that {t}.', 'Write {l} code for a {n}.', 'How do I {u} in {l}?', 'Fix this {l} code: {c}', 'Debug this: {c}', 'What does this code do? {c}', 'Write a function to {u}.', 'Give me a {l} script to {u}.', 'Implement a {n} in {l}.', 'Translate this into {l}: {c}', 'Write a regex that {t}.', 'Code a {n} in {l}', 'Why does {c} not work?', 'Explain this code: {c}', 'write a program in {l}', 'Refactor {c}']
CODE_T = ['adds two lists', 'sorts numbers', 'reads a file', 'prints the primes', 'reverses a string', 'counts words', 'finds the largest number', 'sends an email', 'parses JSON', 'downloads a page', 'computes factorials', 'draws a circle', 'checks a password', 'removes duplicates']
CODE_U = ['sort a list', 'reverse a string', 'open a file', 'connect to a database', 'parse a date', 'make a loop', 'write a class', 'read a number', 'print a table', 'test a function', 'merge two lists']
CODE_C = ['x = x + 1', 'print("hello")', 'while True: pass', 'def f(x): return x', 'int main() { return 0; }', 'let a = [1, 2, 3]', 'SELECT * FROM users', 'if a = b then c', 'console.log(x)', 'import os', 'for (i = 0; i < 9; i++) {}', 'return null']
OPEN = ['How do I {v} a {n}?', 'How do you {v} a {n}?', 'Why do people {v}?', 'Where can I buy a {n}?', 'Write an essay about {n}.', 'Translate {n} to {L}.', 'How do you say {n} in {L}?', 'Who invented the {n}?', 'When was the {n} invented?', 'What is the best {n}?', 'What do you think about the {n}?', 'How much does a {n} cost?', 'Is a {n} better than a {m}?', 'What happened to the {n}?', 'What happened in 19{y}?', 'Who won the {n} in 20{y}?', 'How many {ns} are there in the world?', 'Should I {v} the {n}?', 'What is the price of {n}?', 'What is the history of the {n}?',
        'How does a {n} work?', 'Why does a {n} {v}?', 'When did the {n} {v}?', 'Who was the first {n}?', 'Give me a recipe for {n}.', 'Who is the best {n}?', 'Which {n} is the most {a}?', 'How old is the {n}?', 'How far is the {n}?', 'What is the population of {C}?', 'Who is the president of {C}?', 'How do I get to {C}?', 'Summarize the {n}.', 'How many people live in {K}?', 'What is the best hotel in {K}?', 'Who is the king of {C}?', 'Who is the prime minister of {C}?', 'Who is the mayor of {K}?', 'What can I see in {K}?', 'Recommend a {n}.', 'Which {n} should I buy?', 'Suggest a {a} {n}.', 'What is the best book about {n}?', 'Give me advice about my {n}.', 'How can I become a {n}?', 'Who will win the {n}?', 'What will happen in 20{y}?', 'How do I cook {n}?', 'How do I repair my {n}?', 'What did {P} say?', 'Why did {P} {v} the {n}?', 'When did {P} die?', 'What does {P} do?', 'Is {P} married?', 'How rich is {P}?', 'What are the pros and cons of the {n}?', 'Write a review of the {n}.', 'Plan a trip to {K}.', 'Plan my day.', 'What shall I eat today?', 'What is the meaning of life?', 'How do I make money?', 'How do I lose weight?', 'What is the fastest way to {v}?', 'Write a speech about {n}.', 'Write a letter to {P}.', 'Write an email to my {n}.', 'Write a resume for a {n}.', 'Write a business plan for a {n}.', 'Correct this text: the {n} are {a}', 'Summarize this article about {n}.', 'Paraphrase: the {n} is {a}', 'What is the plot of {T}?', 'Who wrote {T}?', 'Who sings {T}?', 'When was {T} written?', 'Who plays in {T}?', 'Tell me the plot of the film {T}.', 'What is the phone number of {P}?', 'Where is my {n}?', 'What did I do yesterday?', 'What am I thinking?', 'Who am I?', 'What is in my pocket?', 'How tall am I?', 'What is my password?', 'Do I need a {n}?']
ACTS = ['Draw a {n}.', 'Draw me a {a} {n}.', 'Paint a {n} for me.', 'Play a song.', 'Play {T}.', 'Call {P}.', 'Send a mail to {P}.', 'Book a hotel in {K}.', 'Book a table for two.', 'Order a {n}.', 'Buy me a {n}.', 'Open the {n}.', 'Turn on the light.', 'Set an alarm for 7.', 'Search the web for {n}.', 'Show me a picture of a {n}.', 'Make a photo of a {n}.', 'Read the file {f}.', 'Delete {f}.', 'Open {f}.', 'Print {f}.', 'Remind me to {v} the {n}.', 'Start the {n}.', 'Close the window.', 'Cook me a {n}.', 'Find a flight to {K}.', 'Get me a ticket to {K}.', 'Translate this into {L}.', 'Translate "{n}" into {L}.', 'Say {n} in {L}.', 'Speak {L}.', 'Show me the way to {K}.', 'Clean the {n}.', 'Sing {T}.', 'Post this on the web.', 'Record a video of the {n}.', 'Make a table of the {ns}.', 'Reserve two seats for {T}.', 'Install {n}.', 'Shut down the computer.', 'Drive me to {K}.', 'Bring me a {n}.']
GIBBERISH = 'asdfghjkl qwertz yxcvbnm jklo fghj sdfg rtzu dfgh poiu lkjh mnbv wert hjkl uiop qwer zxcv vbnm'.split()
titles = lambda: pick(['The ', 'A ', '']) + ' '.join(cap(pick(things)) for _ in range(rng.randrange(1, 3))) if chance(0.8) else pick(['Faust', 'Don Quixote', 'the Iliad', 'the Odyssey', 'War and Peace', 'Star Wars', 'Titanic', 'Ulysses', 'the Aeneid', 'Carmen', 'Casablanca', 'the Magic Flute', 'Frankenstein', 'Dracula', 'Macbeth', 'Othello', 'Emma'])


def gaps(q):
    n, m = pick(w.nouns)[0] if chance(0.5) else pick(things), pick(things)
    return q.format(v=pick(w.verbs1), n=n, m=m, ns=w.plural(n), a=pick(w.adjectives), y=f'{rng.randrange(100):02d}', C=pick(w.big)['name'], L=pick(LANGUAGES), K=city() if chance(0.7) else invented(), P=person(), T=titles(), f=file())


def large_sum():
    r = rng.random()
    if r < 0.62:
        _, _, _, q = tool_math.sum_and_question()
        return noisy(q), TOO_LARGE
    if r < 0.72:
        a, b = rng.randrange(2, 100), rng.randrange(10, 2000)
        return noisy(pick(['What is {a}% of {b}?', 'How much is {a} % of {b}?', 'What are {a} percent of {b}?', '{a}% of {b}']).format(a=a, b=b)), TOO_LARGE
    if r < 0.82:
        a = rng.randrange(2, 3000)
        return noisy(pick(['What is the square root of {a}?', 'square root of {a}', 'What is {a} squared?', 'What is {a}^{b}?', 'What is {a}.5 + {b}.25?', 'Solve x + {a} = {b}.', 'Solve {b}x = {a}.', 'What is x if {b}x + {a} = 0?', 'What is the derivative of x^{b}?', 'What is {a} factorial?', 'Integrate x^{b}.', 'What is log({a})?', 'Is {a} a prime number?', 'Factor x^2 - {a}.']).format(a=a, b=rng.randrange(2, 12))), TOO_LARGE
    import skill_thinking
    return noisy(skill_thinking.problem()[0]), TOO_LONG


PRODUCT = ['What is {a} {s} {b}?'] * 3 + ['what is {a} {s} {b}', '{a} {s} {b}', '{a} {s} {b} =', 'How much is {a} {s} {b}?', 'Calculate {a} {s} {b}.', "What's {a} {s} {b}?", 'What is {a}{t}{b}?', '{a}{t}{b}', 'Compute {a} {s} {b}', 'Tell me {a} {s} {b}.', '{a} {s} {b}?']
BY = ['Multiply {a} by {b}.', 'What is the product of {a} and {b}?']
INTO = ['Divide {a} by {b}.', 'How often does {b} go into {a}?', 'What is {a} divided by {b}?']


def beyond_the_table():
    """A product or quotient just outside of what it knows by heart."""
    if chance(0.55):
        a, b = rng.randrange(13, pick([20, 40, 100, 100])), rng.randrange(2, pick([13, 13, 30, 100]))
        if chance(0.5):
            a, b = b, a
        s, t = pick(['*', '*', 'x', 'times']), pick('*x')
        q = pick(BY) if chance(0.15) else pick(PRODUCT)
    else:
        b = rng.randrange(2, 26)
        a = b * rng.randrange(13, pick([20, 50, 100])) if chance(0.7) else rng.randrange(20, 300)
        if a % b == 0 and a // b < 13 and b < 13:
            return beyond_the_table()
        s, t = pick(['/', '/', 'divided by']), '/'
        q = pick(INTO) if chance(0.15) else pick(PRODUCT)
    return noisy(q.format(a=a, b=b, s=s, t=t)), TOO_LARGE


def of_the_table():
    """A quotient that it knows by heart."""
    b, c = rng.randrange(1, 13), rng.randrange(13)
    s, t = pick(['/', '/', 'divided by']), '/'
    q = pick(INTO[::2]) if chance(0.15) else pick(PRODUCT)
    return noisy(q.format(a=b * c, b=b, s=s, t=t)), f'{b * c} / {b} = {c}'


def story_without_thoughts():
    import skill_thinking
    if chance(0.45):
        return noisy(skill_thinking.one_step()[0]), UNTHOUGHT
    return noisy(skill_thinking.problem()[0]), TOO_LONG


def unknown():
    """A question or an order with an honest answer."""
    r = rng.random()
    if r < 0.2:
        return large_sum()
    if r < 0.33:
        s = pick(SUBJECTS)
        return noisy(pick(SUBJECT_FORMS).format(s=s)), NO
    if r < 0.43:
        l = pick(LANGS)
        return noisy(pick(CODE).format(l=l, t=pick(CODE_T), u=pick(CODE_U), c=pick(CODE_C), n=pick(things))), CANNOT
    if r < 0.75:
        return noisy(gaps(pick(OPEN))), NO
    if r < 0.93:
        return noisy(gaps(pick(ACTS))), CANNOT
    q = ' '.join(pick(GIBBERISH) if chance(0.5) else ''.join(pick('abcdefghijklmnopqrstuvwxyz') for _ in range(rng.randrange(2, 8))) for _ in range(rng.randrange(1, 5)))
    return pick([q, q, q + '?', q.upper(), '...', '?', '???', '!!', '12 apples blue', '#$%&', q + ' 123']), pick(['I do not understand that.'])


ABOUT = ['Tell me about {n}.', 'tell me about {n}', 'Tell me something about {n}.', 'What do you know about {n}?', 'What can you tell me about {n}?', 'Talk about {n}.', 'Describe {n}.', 'Explain {n}.', 'Can you tell me about {n}?', 'I want to know about {n}.', 'Say something about {n}.', 'Inform me about {n}.', 'Can you describe {n}?', 'about {n}', 'Please tell me about {n}.', 'Do you know anything about {n}?', 'Give me information about {n}.', 'Write about {n}.', 'What about {n}?', 'Write a sentence about {n}.', 'Explain to me what {n} is.']


def about():
    """"Tell me about X" is "What is X?"."""
    f = w.a_fact()
    while f[1] != 'n' or w.main[f[0]] is not f:
        f = w.a_fact()
    lemma, d = f[0], f[3]
    r = rng.random()
    n = w.noun(lemma, d)
    if n != lemma:
        n = w.plural(lemma) if r < 0.35 else f'the {lemma}' if r < 0.6 else n if r < 0.85 else lemma
    else:
        n = f'the {lemma}' if r < 0.15 else lemma
    return noisy(pick(ABOUT).format(n=n)), w.answer(f), f


def about_place():
    c = pick(w.big) if chance(0.8) else pick(w.countries)
    if not c['capital']:
        return about_place()
    return noisy(pick(ABOUT).format(n=c['name'])), f'{cap(c["name"])} is a country in {c["continent"]}. Its capital is {c["capital"]}.', ('cap', c['name'])
