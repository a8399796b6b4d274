"""Single questions and answers of all kinds that need neither tools nor thoughts nor a system text."""
import own_talk
import skill_limits as limits
import skill_orders as orders
import words as w
from words import chance, pick, rng

TALK_W, TALK = [x[0] for x in own_talk.TALK], own_talk.TALK


def talk(_=None):
    _, qs, a = rng.choices(TALK, TALK_W)[0]
    q = qs[0] if chance(0.15) else pick(qs)
    return (w.noisy(q) if chance(0.4) else q), a


UNTHOUGHT = (limits.TOO_LARGE, limits.TOO_LONG, limits.UNTHOUGHT)


def small_problem():
    import skill_thinking
    q, *_ = skill_thinking.small_problem()
    return q, limits.UNTHOUGHT


MIX = [(22, w.define), (8, w.sums), (5.5, w.unknown), (6, limits.unknown), (2.5, limits.about), (1, limits.about_place), (4.5, w.opposite), (2.4, w.synonym), (5, w.is_a), (0.4, w.kind_of), (1.4, w.use), (0.5, w.list_of), (2.2, w.form), (4.5, w.place), (1.1, w.element), (4.2, w.little), (1.6, w.trivia), (1, w.famous), (4.5, talk), (0.8, small_problem), (3.5, limits.beyond_the_table), (2.5, limits.of_the_table), (2, limits.story_without_thoughts), (9, orders.list_of), (1.2, orders.one_of)]
ALL = MIX + [(x * 1.2, f) for x, f in orders.MIX]
FUNCTIONS, WEIGHTS = [f for _, f in ALL], [x for x, _ in ALL]


def turn():
    """(question, answer, topic or None)."""
    t = rng.choices(FUNCTIONS, WEIGHTS)[0]()
    return t if len(t) > 2 else (*t, None)


def question():
    q, a, _ = turn()
    return q, a


REFUSALS = ('I do not', 'I cannot', 'That sum', 'That has')


def safe():
    """The same, but no question that it refuses: a tool might answer that."""
    while True:
        q, a, _ = turn()
        if not a.startswith(REFUSALS):
            return q, a
