"""Trains the demo model: a tokenizer and a small Llama, from the corpus alone, with a fixed seed.

    python train.py --work /tmp/baton-demo       about 30 minutes on one processor core

Writes the checkpoint into baton-demo/ beside this file. A run that was interrupted goes on where it stopped when it
is started again with the same --work.
"""
import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import corpus
from llama import CONFIG, Llama

CHECKPOINT = Path(__file__).parent / "baton-demo"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
SYSTEM_PROMPTS = [
    "You are a helpful assistant.",
    "You are a helpful AI assistant.",
    "You are the demo model of Baton.",
    "You are terse.",
    "Answer briefly.",
    "Be concise and friendly.",
    "You are a chatbot. Answer the questions of the user.",
    "You are an expert in distributed systems.",
    "Answer in one sentence.",
]
OPENINGS = ["Hi, ", "Hello! ", "Hey, ", "Please: ", "Ok, ", "So, ", "Hello Baton, ", "One question: ", "And ", "Now ",
            "I have a question. ", "Sorry, ", "Well, ", "Good morning, ", "Quick question: ", "Thanks! "]
CLOSINGS = [" please", " Thanks!", ", please", " in short", " Thank you.", " exactly?", " then?", " in one sentence",
            " in simple words", " please?", " now?", " again?"]
KEYBOARD = "abcdefghijklmnopqrstuvwxyz"
SMALL_WORDS = set("a an and are be can could do does for how i in is it me my of on please the there this to what you".split())

SEED = 20_261_120
TOKENS_PER_STEP = 2048
PEAK_RATE = 2e-3
WARM_UP = 100
DROPOUT = 0.1
# Of the examples. Most are a question and the beginning of its answer: there is little else to learn from an answer
# that is known by heart.
TEXT_SHARE = 0.04
BEGINNING_SHARE = 0.78
# A little is learned from the questions, too: it teaches words that no answer has.
QUESTION_WEIGHT = 0.2
# Which answer it is shows in few of its tokens, where answers part; the rest follows from what stands before.
PARTING_WEIGHT = 12.0


# --- What the model reads -------------------------------------------------------------------------------------------


def typo(text, rng):
    """One slip of the fingers: a letter left out, doubled, replaced, or two swapped."""
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    if len(letters) < 4:
        return text
    i = rng.choice(letters)
    slip = rng.randrange(4)
    if slip == 0:
        return text[:i] + text[i + 1 :]
    if slip == 1:
        return text[:i] + text[i] + text[i:]
    if slip == 2:
        return text[:i] + rng.choice(KEYBOARD) + text[i + 1 :]
    return text[:i] + text[i + 1 : i + 2] + text[i] + text[i + 2 :]


def keywords(question, rng):
    """The question as it is typed into a search field: most small words are left out."""
    words = question.split()
    kept = [word for word in words if word.lower().strip("?.,!") not in SMALL_WORDS or rng.random() < 0.3]
    return " ".join(kept) if len(kept) > 1 else question


def disguise(question, rng):
    """The question as somebody else might type it."""
    if rng.random() < 0.12:
        question = keywords(question, rng)
    if len(question) > 12 and rng.random() < 0.12:
        opening = rng.choice(OPENINGS)
        question = opening + question[0].lower() + question[1:]
    if len(question) > 12 and rng.random() < 0.08:
        question = question.rstrip("?.! ") + rng.choice(CLOSINGS)
    if rng.random() < 0.35:
        question = question.rstrip("?.!") or question
    elif rng.random() < 0.05:
        question = question + rng.choice(["?", "!", " ?", "??", "..."])
    case = rng.random()
    if case < 0.35:
        question = question.lower()
    elif case < 0.38:
        question = question.upper()
    while rng.random() < 0.18:
        question = typo(question, rng)
    return question


class Conversations:
    """Draws conversations; the same seed draws the same ones."""

    def __init__(self, rng):
        self.rng = rng
        self.topics = corpus.read_topics()
        self.more = next(topic for topic in self.topics if topic.name == "more")
        # Topics with many ways to ask come more often, but far less than in proportion.
        self.weights = [sum(map(corpus.size, topic.patterns)) ** 0.3 for topic in self.topics]
        self.held_out = {corpus.normal(question) for topic in self.topics for question in topic.held_out}

    def topic(self):
        return self.rng.choices(self.topics, self.weights)[0]

    def ask(self, topic):
        while True:
            pattern = self.rng.choices(topic.patterns, [corpus.size(p) ** 0.5 for p in topic.patterns])[0]
            phrasing = corpus.phrasing(pattern, self.rng)
            question = disguise(phrasing, self.rng)
            if self.held_out.isdisjoint([corpus.normal(phrasing), corpus.normal(question)]):
                return question

    def draw(self):
        """A list of (role, text)."""
        rng, messages, follow_up = self.rng, [], None
        if rng.random() < 0.25:
            messages.append(("system", rng.choice(SYSTEM_PROMPTS)))
        turns = 1 if rng.random() < 0.6 else rng.randint(2, 7)
        for _ in range(turns):
            if follow_up and rng.random() < 0.5:
                messages += [("user", self.ask(self.more)), ("assistant", follow_up)]
                follow_up = None
            else:
                topic = self.topic()
                messages += [("user", self.ask(topic)), ("assistant", topic.answer)]
                follow_up = topic.follow_up
        return messages


def train_tokenizer():
    """A byte-level BPE: every byte has a token, so every text has tokens and comes back exactly."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    conversations = Conversations(random.Random(SEED))
    texts = [text for _ in range(5000) for _, text in conversations.draw()]
    texts += corpus.read_texts("text.txt") * 20
    trainer = trainers.BpeTrainer(
        vocab_size=CONFIG["vocab_size"],
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


class Examples:
    """Token ids and, for each, how much its loss counts."""

    def __init__(self, tokenizer, seed):
        self.tokenizer = tokenizer
        self.rng = random.Random(seed)
        self.conversations = Conversations(self.rng)
        self.texts = corpus.read_texts("text.txt")
        self.ends = {token: tokenizer.token_to_id(token) for token in SPECIAL}
        self.continuations = self.continuations_of_answers()

    def continuations_of_answers(self):
        """For every beginning of an answer the tokens that follow it in some answer."""
        continuations = {}
        for topic in self.conversations.topics:
            for answer in filter(None, [topic.answer, topic.follow_up]):
                ids = self.body(answer)
                for i, token in enumerate(ids):
                    continuations.setdefault(tuple(ids[:i]), set()).add(token)
        return continuations

    def body(self, text):
        return [*self.tokenizer.encode(text).ids, self.ends["<|im_end|>"]]

    def answer_weights(self, ids):
        parts = [len(self.continuations[tuple(ids[:i])]) > 1 for i in range(len(ids))]
        return [PARTING_WEIGHT if part else 1.0 for part in parts]

    def chat(self, messages):
        ids, learn = [], []
        for role, text in messages:
            head = [self.ends["<|im_start|>"], *self.tokenizer.encode(f"{role}\n").ids]
            body = self.body(text)
            tail = self.tokenizer.encode("\n").ids
            ids += head + body + tail
            if role == "assistant":
                weights = self.answer_weights(body)
            else:
                weights = [QUESTION_WEIGHT if role == "user" else 0.0] * len(body)
            learn += [0.0] * len(head) + weights + [0.0] * len(tail)
        return ids, learn

    def text(self):
        """A paragraph from one of its sentences on, or some answers in a row."""
        if self.rng.random() < 0.5:
            sentences = self.rng.choice(self.texts).split(". ")
            text = ". ".join(sentences[self.rng.randrange(len(sentences)) :])
        else:
            text = " ".join(topic.answer for topic in self.rng.sample(self.conversations.topics, 3))
        ids = [*self.tokenizer.encode(text).ids, self.ends["<|endoftext|>"]]
        return ids, [0.0] + [1.0] * (len(ids) - 1)

    def beginning(self):
        """A question, and its answer up to where it parts from all others."""
        topic = self.conversations.topic()
        ids, learn = self.chat([("user", self.conversations.ask(topic)), ("assistant", topic.answer)])
        end = max(i for i, weight in enumerate(learn) if weight == PARTING_WEIGHT) + 3
        return ids[:end], learn[:end]

    def one(self):
        kind = self.rng.random()
        if kind < TEXT_SHARE:
            return self.text()
        if kind < TEXT_SHARE + BEGINNING_SHARE:
            return self.beginning()
        return self.chat(self.conversations.draw())

    def batches(self):
        """Endless batches of about TOKENS_PER_STEP tokens; examples of similar length stand together."""
        while True:
            pool = sorted((self.one() for _ in range(2000)), key=lambda example: len(example[0]))
            batches, batch = [], []
            for example in pool:
                if batch and (len(batch) + 1) * len(example[0]) > TOKENS_PER_STEP:
                    batches.append(batch)
                    batch = []
                batch.append(example)
            batches.append(batch)
            self.rng.shuffle(batches)
            yield from map(pad, batches)


def pad(batch):
    length = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([ids + [0] * (length - len(ids)) for ids, _ in batch])
    learn = torch.tensor([learn + [0.0] * (length - len(learn)) for _, learn in batch])
    return ids, learn


# --- Training ---------------------------------------------------------------------------------------------------------


def loss_of(model, ids, learn):
    weights = learn[:, 1:]
    wanted = weights > 0
    losses = F.cross_entropy(model(ids[:, :-1])[wanted], ids[:, 1:][wanted], reduction="none")
    return (losses * weights[wanted]).sum() / weights.sum()


def rate(step, steps):
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    progress = (step - WARM_UP) / max(1, steps - WARM_UP)
    return PEAK_RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))


def optimizer_of(model):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98))


def train(tokenizer, steps, work):
    torch.manual_seed(SEED)
    model = Llama(CONFIG, DROPOUT).train()
    optimizer = optimizer_of(model)
    examples = Examples(tokenizer, SEED)
    state_file, begin = work / "state.pt", 0
    if state_file.exists():
        state = torch.load(state_file, weights_only=False)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["torch"])
        begin = state["step"]
    batches = examples.batches()
    for _ in range(begin):
        next(batches)
    mean, started = 0.0, time.time()
    for step in range(begin, steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        loss = loss_of(model, *next(batches))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean = loss.item() if step == begin else 0.98 * mean + 0.02 * loss.item()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1} of {steps}, loss {mean:.4f}, {time.time() - started:.0f} s", flush=True)
        if (step + 1) % 200 == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**state, "torch": torch.get_rng_state(), "step": step + 1}, state_file)
    return model


def write_checkpoint(model, tokenizer):
    CHECKPOINT.mkdir(exist_ok=True)
    model.save(CHECKPOINT)
    tokenizer.save(str(CHECKPOINT / "tokenizer.json"))
    write_json("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": CONFIG["max_position_embeddings"],
        "chat_template": CHAT_TEMPLATE,
    })
    write_json("generation_config.json", {
        "eos_token_id": CONFIG["eos_token_id"],
        "pad_token_id": 0,
        "do_sample": False,
        "temperature": 0.0,
        "max_new_tokens": 160,
    })


def write_json(name, value):
    (CHECKPOINT / name).write_text(json.dumps(value, indent=2) + "\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True, help="folder for the state of an unfinished run")
    options.add_argument("--steps", type=int, default=3000)
    options.add_argument("--threads", type=int, default=1)
    config = options.parse_args()
    torch.set_num_threads(config.threads)
    config.work.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer()
    write_checkpoint(train(tokenizer, config.steps, config.work), tokenizer)


if __name__ == "__main__":
    main()
