"""Makes ONNX exports of the golden checkpoints with onnxruntime-genai's model builder, and records what they compute.

Run it after make_goldens.py, see README.md. For each export, `exports/<name>/` holds a model folder as users have it.
An export whose weights are those of its checkpoint, bit for bit, is held to the checkpoint's own golden; for one with
4-bit weights ONNX Runtime itself computes `golden.json` from the export, with activations in float32.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import transformers
from onnxruntime_genai.models import builder

GREEDY_STEPS = 64
HERE = Path(__file__).parent

class NoTokenizer:
    """The golden checkpoints have no tokenizer, which the builder would copy."""

    chat_template = None
    bos_token_id, eos_token_id, pad_token_id = 1, 2, 2

    @classmethod
    def from_pretrained(cls, *_, **__):
        return cls()

    def get_vocab(self):
        return {}

    def save_pretrained(self, *_):
        pass


for module in (builder, sys.modules["builders.base"], transformers):
    module.AutoTokenizer = NoTokenizer


def exports():
    """Name, checkpoint, precision, execution provider, options, the file's place, and whether config.json goes with it."""
    int4 = {"block_size": "32", "accuracy_level": "1"}
    zeros = {**int4, "is_symmetric": "false"}
    yield "llama3-scaled-int4-genai", "llama3-scaled-tied-bf16", "int4", "cpu", int4, "model.onnx", False
    yield "qwen2-fp16-community", "qwen2-tied", "fp16", "cuda", {}, "onnx/model_fp16.onnx", True
    yield "qwen3-int4-zeros-genai", "qwen3-bf16", "int4", "cpu", zeros, "model.onnx", False
    # The builder leaves the window of Mistral out of the graph, and the graph counts.
    yield "mistral-q4-community", "mistral-window-sharded", "int4", "cpu", int4, "onnx/model_q4.onnx", True


def export(target, checkpoint, precision, provider, options, place, with_config):
    shutil.rmtree(target, ignore_errors=True)
    cache = target / "cache"
    pairs = [f"{key}={value}" for key, value in options.items()]
    extra = builder.parse_extra_options(str(checkpoint), str(checkpoint), str(target), precision, provider, str(cache), pairs)
    builder.create_model(str(checkpoint), str(checkpoint), str(target), precision, provider, str(cache), **extra)
    shutil.rmtree(cache, ignore_errors=True)
    if with_config:
        (target / "genai_config.json").unlink()
        shutil.copy(checkpoint / "config.json", target)
        shutil.copy(checkpoint / "generation_config.json", target)
    if place != "model.onnx":
        (target / place).parent.mkdir()
        for file in target.glob("model.onnx*"):
            # The graph names its data file, so that keeps its name.
            file.rename((target / place).parent / (Path(place).name if file.name == "model.onnx" else file.name))


class Runner:
    """The export in ONNX Runtime: the whole sequence at every step."""

    def __init__(self, path, config):
        heads = config["num_attention_heads"]
        head_size = config.get("head_dim") or config["hidden_size"] // heads
        self.no_cache = np.zeros([1, config["num_key_value_heads"], 0, head_size], dtype=np.float32)
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def logits(self, ids):
        feeds = {}
        for info in self.session.get_inputs():
            if info.name == "input_ids":
                feeds[info.name] = np.array([ids], dtype=np.int64)
            elif info.name == "attention_mask":
                feeds[info.name] = np.ones((1, len(ids)), dtype=np.int64)
            elif info.name == "position_ids":
                feeds[info.name] = np.arange(len(ids), dtype=np.int64)[None]
            else:
                feeds[info.name] = self.no_cache
        return self.session.run(["logits"], feeds)[0][0]


def golden(path, checkpoint):
    """As make_goldens.py records it, for the same prompt and tokens."""
    source = json.loads((checkpoint / "golden.json").read_text())
    runner = Runner(path, json.loads((checkpoint / "config.json").read_text()))
    prompt, recorded = source["prompt"], source["recordedIds"]
    logits = runner.logits(prompt)
    answers = []
    for length in (600, 97, 5):
        tokens = []
        for _ in range(GREEDY_STEPS):
            tokens.append(int(runner.logits(prompt[:length] + tokens)[-1].argmax()))
        answers.append({"promptTokens": length, "tokens": tokens})
    values = [[round(float(value), 4) for value in row] for row in logits[:, recorded]]
    return {"prompt": prompt, "recordedIds": recorded, "logits": values, "greedy": answers}


def main(goldens, folder):
    for name, checkpoint, precision, *recipe in exports():
        target = folder / name
        export(target, goldens / checkpoint, precision, *recipe)
        if precision == "int4":
            values = golden(target / recipe[2], goldens / checkpoint)
            (target / "golden.json").write_text(json.dumps(values, separators=(",", ":")) + "\n")
        else:
            shutil.copy(goldens / checkpoint / "golden.json", target)
        print(name, "bytes", sum(file.stat().st_size for file in target.rglob("*") if file.is_file()))


main(HERE / "goldens", Path(sys.argv[1] if len(sys.argv) > 1 else HERE / "exports"))
