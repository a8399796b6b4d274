#!/usr/bin/env python3
"""usage: start.py MODEL.safetensors START.pt   weights to begin with: an earlier nano's, with new rows for the tags of calls and thoughts."""
import sys
import torch
from conversation import MARKERS
from upcycle import read_safetensors

state = {k: v.float() for k, v in read_safetensors(sys.argv[1]).items()}
torch.manual_seed(3)
n = len(MARKERS)
wte, head = state['transformer.wte.weight'], state['lm_head.weight']
wte[-1 - n:-1] = wte.mean(0) + torch.randn(n, wte.shape[1]) * wte.std()
head[-1 - n:-1] = head.mean(0)
torch.save(state, sys.argv[2])
