#!/usr/bin/env python3
"""usage: begin.py MODEL.safetensors START.pt   the weights of the nano that ships, to begin with."""
import sys
import torch
from upcycle import read_safetensors
torch.save({k: v.float() for k, v in read_safetensors(sys.argv[1]).items()}, sys.argv[2])
