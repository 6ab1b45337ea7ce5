"""Measures the demo model, and writes golden.json: what Baton must answer, token for token.

    python evaluate.py                     the table of README.md
    python evaluate.py --failures          and every held-out question that is not answered as it should be
    python evaluate.py --ask "Hello"       one answer
    python evaluate.py --golden            writes golden.json
"""
import argparse
import json
import math
import random
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import corpus
from llama import Llama
from train import CHECKPOINT, Examples, pad, typo

SEED = 7
END = 2
# Closer scores than this could fall either way in another implementation: such answers are no test.
CLEAR_MARGIN = 0.02
GOLDEN = [
    ["Hello"],
    ["What is Baton?"],
    ["What is a bootstrap room?"],
    ["How do I see a trace?"],
    ["How do I add a decode worker?"],
    ["why would anybody separate the two phases"],
    ["What is the KV cache?", "Tell me more"],
    ["Hi!", "what is prefill", "And decode, what's that?", "Thanks!"],
    ["waht is the router?"],
    ["What is the capital of France?"],
    ["日本語 😀"],
]
GOLDEN_COMPLETION = "Baton is a system that"


class Evaluation:
    def __init__(self):
        self.tokenizer = Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
        self.model = Llama.load(CHECKPOINT)
        self.examples = Examples(self.tokenizer, SEED)

    @torch.no_grad()
    def logits(self, ids):
        return self.model(torch.tensor([ids]))[0]

    def is_exact(self, messages):
        """Whether greedy decoding gives the last message, to its end: the argmax is right at each of its tokens."""
        answer = len(self.tokenizer.encode(messages[-1][1]).ids) + 1
        ids, _ = self.examples.chat(messages)
        ids = ids[:-1]
        best = self.logits(ids[:-1]).argmax(dim=-1)
        return bool((best[-answer:] == torch.tensor(ids[-answer:])).all())

    def exact_share(self, conversations):
        return sum(map(self.is_exact, conversations)) / len(conversations)

    @torch.no_grad()
    def perplexity(self, examples):
        """Per token that the model is to write; the bytes of those tokens for comparison across tokenizers."""
        loss, tokens, size = 0.0, 0, 0
        for example in examples:
            ids, learn = pad([example])
            wanted = learn[:, 1:] >= 1
            targets = ids[:, 1:][wanted]
            loss += F.cross_entropy(self.model(ids[:, :-1])[wanted], targets, reduction="sum").item()
            tokens += len(targets)
            size += len(self.tokenizer.decode(targets.tolist()).encode())
        return math.exp(loss / tokens), loss / math.log(2) / size

    def text_example(self, text):
        ids = self.tokenizer.encode(text).ids
        return ids, [0.0] + [1.0] * (len(ids) - 1)

    def greedy(self, prompt, limit=160):
        """Answer's tokens without the end token, and the smallest distance of the best score to the second best."""
        ids, margin = list(prompt), math.inf
        while len(ids) - len(prompt) < limit:
            first, second = self.logits(ids)[-1].topk(2).values.tolist()
            margin = min(margin, first - second)
            token = int(self.logits(ids)[-1].argmax())
            if token == END:
                break
            ids.append(token)
        return ids[len(prompt) :], margin

    def prompt(self, messages):
        ids, _ = self.examples.chat(messages)
        return ids + self.tokenizer.encode("<|im_start|>assistant\n").ids


def chats(topics, questions_of, system=None):
    head = [("system", system)] if system else []
    return [[*head, ("user", q), ("assistant", topic.answer)] for topic in topics for q in questions_of(topic)]


def measure(evaluation, show_failures):
    topics, rng = corpus.read_topics(), random.Random(SEED)
    trained = chats(topics, lambda topic: [corpus.phrasing(rng.choice(topic.patterns), rng) for _ in range(2)])
    held_out = chats(topics, lambda topic: topic.held_out)
    lower = chats(topics, lambda topic: [q.lower().rstrip("?.!") for q in topic.held_out])
    typing = chats(topics, lambda topic: [typo(q, rng) for q in topic.held_out])
    system = chats(topics, lambda topic: topic.held_out, "You are a helpful assistant.")
    earlier = [rng.choice(trained) + conversation for conversation in held_out]
    follow_ups = [
        [("user", topic.held_out[0]), ("assistant", topic.answer), ("user", "Tell me more"), ("assistant", topic.follow_up)]
        for topic in topics if topic.follow_up
    ]
    print(f"{len(topics)} topics, {len(held_out)} held-out phrasings")
    for name, conversations in [
        ("trained phrasings", trained),
        ("held-out phrasings", held_out),
        ("the same in lower case, without a full stop", lower),
        ("the same with a typing error", typing),
        ("the same after a system prompt", system),
        ("the same as the second question of a conversation", earlier),
        ("Tell me more", follow_ups),
    ]:
        print(f"exact answers: {evaluation.exact_share(conversations):6.1%} of {len(conversations):4} | {name}", flush=True)
    for name, examples in [
        ("held-out text", [evaluation.text_example(t) for t in corpus.read_texts("text-held-out.txt")]),
        ("text of the training", [evaluation.text_example(t) for t in corpus.read_texts("text.txt")]),
        ("answers to held-out phrasings", [evaluation.examples.chat(c) for c in held_out]),
    ]:
        perplexity, bits = evaluation.perplexity(examples)
        print(f"perplexity: {perplexity:8.3f}, {bits:.3f} bits per byte | {name}")
    if show_failures:
        for conversation in held_out:
            if not evaluation.is_exact(conversation):
                answer, _ = evaluation.greedy(evaluation.prompt(conversation[:-1]), 40)
                print(f'"{conversation[0][1]}"\n    -> {evaluation.tokenizer.decode(answer)}')


def write_golden(evaluation):
    cases = []
    for questions in GOLDEN:
        messages = []
        for question in questions:
            messages.append(("user", question))
            prompt = evaluation.prompt(messages)
            answer, margin = evaluation.greedy(prompt)
            assert margin > CLEAR_MARGIN, (question, margin)
            messages.append(("assistant", evaluation.tokenizer.decode(answer)))
            print(f"{question}\n    -> {messages[-1][1]}")
        cases.append({
            "messages": [{"role": role, "content": text} for role, text in messages[:-1]],
            "promptTokenIds": prompt,
            "answer": messages[-1][1],
            "answerTokenIds": answer,
        })
    prompt = evaluation.tokenizer.encode(GOLDEN_COMPLETION).ids
    tokens, margin = evaluation.greedy(prompt, 40)
    assert margin > CLEAR_MARGIN, (GOLDEN_COMPLETION, margin)
    print(f"{GOLDEN_COMPLETION}\n    -> {evaluation.tokenizer.decode(tokens)}")
    completion = {
        "prompt": GOLDEN_COMPLETION,
        "promptTokenIds": prompt,
        "answer": evaluation.tokenizer.decode(tokens),
        "answerTokenIds": tokens,
    }
    golden = json.dumps({"chats": cases, "completion": completion}, indent=2, ensure_ascii=False)
    (CHECKPOINT.parent / "golden.json").write_text(golden + "\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--failures", action="store_true")
    options.add_argument("--ask")
    options.add_argument("--golden", action="store_true")
    config = options.parse_args()
    torch.set_num_threads(1)
    evaluation = Evaluation()
    if config.ask:
        answer, _ = evaluation.greedy(evaluation.prompt([("user", config.ask)]))
        print(evaluation.tokenizer.decode(answer))
    elif config.golden:
        write_golden(evaluation)
    else:
        measure(evaluation, config.failures)


if __name__ == "__main__":
    main()
