"""Reads what molm writes, with NumPy alone: states of `molm trace --hidden`, and answers of `molm serve`.

    trace = Trace("states.safetensors")         # molm trace --hidden all --routes --file a.txt -o states.safetensors
    trace.hidden(3)                             # the residual stream after layer 3: tokens x width
    trace.experts(3).expert_indices             # the experts of each token: tokens x k
    trace.usage(3)                              # tokens that use each expert of layer 3
    ask("/v1/completions", prompt="Once")       # the answer of a server, as a dictionary
    write("mine.safetensors", {"vector": v})    # for `{"tensor": "vector", ...}` in a file of --intervene

Arrays of a trace are mapped from the file, which may be larger than the memory.
"""

import base64
import json
import os
import urllib.error
import urllib.request
from types import SimpleNamespace

import numpy as np

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}


class Trace:
    """A file of `molm trace --hidden`. `tensors` has its arrays by name, `metadata` its texts."""

    def __init__(self, path):
        self.tensors, self.metadata = read(path)
        self.tokens = self.tensors["tokens"]  # ids
        self.texts = self.tensors["texts"]  # of each token the number of its text
        self.names = json.loads(self.metadata["texts"])  # of the texts
        self.layers = sorted(int(name[7:]) for name in self.tensors if name.startswith("hidden."))

    def hidden(self, layer):
        return self.tensors[f"hidden.{layer}"]

    def experts(self, layer, kind="mlp"):
        """The values of a mixture by nnterp's names: expert_indices, expert_weights, router_logits, and others."""
        start = f"layers.{layer}.{kind}."
        own = {name[len(start) :]: values for name, values in self.tensors.items() if name.startswith(start)}
        if not own:
            raise KeyError(f"no {kind} experts of layer {layer}: they need molm trace --hidden {layer} --routes")
        return SimpleNamespace(**own)

    def usage(self, layer, kind="mlp", tokens=slice(None)):
        """How many of the tokens, by default of all, use each expert."""
        own = self.experts(layer, kind)
        # An index of -1 is no expert.
        chosen = np.asarray(own.expert_indices[tokens]).ravel()
        return np.bincount(chosen[chosen >= 0], minlength=own.router_logits.shape[1])


def read(path):
    """The arrays of a safetensors file by name, mapped, and its metadata."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    metadata = header.pop("__metadata__", {})
    mapped = np.memmap(path, np.uint8, "r", offset=8 + size)
    return {
        name: mapped[slice(*entry["data_offsets"])].view(TYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }, metadata


def write(path, tensors, metadata={}):
    """Writes arrays as a safetensors file."""
    names = {np.dtype(type).str: name for name, type in TYPES.items()}
    arrays = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
    header, end = {"__metadata__": metadata}, 0
    for name, values in arrays.items():
        start, end = end, end + values.nbytes
        header[name] = {"dtype": names[values.dtype.str], "shape": values.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(values.tobytes() for values in arrays.values()))


def ask(path, **body):
    """Sends a request to `molm serve`, or to the server at $OPENAI_BASE_URL. Returns its answer."""
    base = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1").rstrip("/").removesuffix("/v1")
    request = urllib.request.Request(base + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    if key := os.environ.get("OPENAI_API_KEY"):
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise RuntimeError(error.read().decode()) from None


def routes(choice):
    """The experts of a choice that was asked for with return_routed_experts=True: tokens x layers x k, -1 for none."""
    routed = choice["routed_experts"]
    return np.frombuffer(base64.b64decode(routed["data"]), routed["dtype"]).reshape(routed["shape"])
