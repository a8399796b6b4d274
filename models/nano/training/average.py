#!/usr/bin/env python3
"""usage: average.py OUT.pt WEIGHT:RUN.pt...   the mean of the weights of several runs of one line: it keeps what each of them does best."""
import sys
import torch

mean = {}
for part in sys.argv[2:]:
    weight, file = part.split(':', 1)
    for name, value in torch.load(file, weights_only=True).items():
        mean[name] = mean.get(name, 0) + float(weight) * value
torch.save(mean, sys.argv[1])
