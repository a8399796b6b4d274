#!/usr/bin/env python3
"""usage: add_markers.py OLD_TOKENIZER NEW_TOKENIZER   the last four merges give way to the tags of calls and thoughts."""
import os, sys
from bpe import Tokenizer
from conversation import MARKERS

OLD, NEW = sys.argv[1:3]
os.makedirs(NEW, exist_ok=True)
old, n = Tokenizer.load(OLD), len(MARKERS)
tokens = old.tokens[:-1 - n] + MARKERS + old.tokens[-1:]
assert [''.join(m) for m in old.merges[-n:]] == old.tokens[-1 - n:-1], 'the last tokens are those of the last merges'
Tokenizer(tokens, old.merges[:-n], MARKERS).save(NEW, 2048)
print(old.tokens[-1 - n:], '->', tokens[-1 - n:])
