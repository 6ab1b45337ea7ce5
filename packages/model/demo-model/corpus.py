"""Reads the corpus: topics with the ways to ask about them, and free text.

A topic in corpus/*.txt:

    # name
    ? a way to ask, with (some|several) alternatives
    @what X            every line below "@what" in frames.txt, with X in its place
    ~ a way to ask that training never shows, not even where a pattern would give it: for measuring
    > the answer
    + the answer to "Tell me more" after this one, where there is one
"""
import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
TOPIC_FILES = ["small-talk.txt", "not-known.txt", "baton.txt", "running.txt", "tracing.txt"]
ALTERNATIVES = re.compile(r"\(([^()]*)\)")


@dataclass
class Topic:
    name: str
    answer: str = ""
    follow_up: str | None = None
    patterns: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)


def expand(pattern):
    """All phrasings of a pattern."""
    parts = ALTERNATIVES.split(pattern)
    choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    return [" ".join("".join(words).split()) for words in itertools.product(*choices)]


def count(pattern):
    total = 1
    for group in ALTERNATIVES.findall(pattern):
        total *= group.count("|") + 1
    return total


def pick(pattern, rng):
    """One phrasing of a pattern."""
    text = ALTERNATIVES.sub(lambda group: rng.choice(group.group(1).split("|")), pattern)
    return " ".join(text.split())


def read_frames():
    frames, current = {}, None
    for line in (CORPUS / "frames.txt").read_text().splitlines():
        if line.startswith("@"):
            current = frames.setdefault(line[1:].strip(), [])
        elif line.strip() and not line.startswith("#"):
            current.append(line.strip())
    return frames


def read_topics():
    frames, topics = read_frames(), []
    for name in TOPIC_FILES:
        for line in (CORPUS / name).read_text().splitlines():
            mark, _, rest = line.partition(" ")
            if mark == "#":
                topics.append(Topic(rest.strip()))
            elif mark == "?":
                topics[-1].patterns.append(rest)
            elif mark == "~":
                topics[-1].held_out.append(rest)
            elif mark == ">":
                topics[-1].answer = rest
            elif mark == "+":
                topics[-1].follow_up = rest
            elif mark.startswith("@"):
                frame = "(" + "|".join(frames[mark[1:]]) + ")"
                # The frame's X is filled in when it is picked: see phrasing().
                topics[-1].patterns.append(f"{frame}\t{rest}")
            elif line.strip():
                raise ValueError(f'{name}: cannot read the line "{line}"')
    return topics


def phrasing(pattern, rng):
    """One way to ask, from a plain pattern or a framed one."""
    frame, tab, subject = pattern.partition("\t")
    text = pick(frame, rng)
    return re.sub(r"\bX\b", lambda _: pick(subject, rng), text) if tab else text


def phrasings(pattern):
    """All ways to ask of a pattern."""
    frame, tab, subject = pattern.partition("\t")
    if not tab:
        return expand(frame)
    return [re.sub(r"\bX\b", lambda _: x, text) for text in expand(frame) for x in expand(subject)]


def size(pattern):
    frame, _, subject = pattern.partition("\t")
    return count(frame) * count(subject)


def normal(question):
    """What two questions have in common that differ in case and punctuation only."""
    return re.sub(r"[^a-z0-9/_]+", " ", question.lower()).strip() or question.strip()


def read_texts(name):
    return [" ".join(text.split()) for text in (CORPUS / name).read_text().split("\n\n") if text.strip()]


def check():
    """Prints what is wrong with the corpus: phrasings that belong to two topics."""
    topics, owner, problems = read_topics(), {}, 0
    for topic in topics:
        assert topic.answer and topic.patterns and topic.held_out, topic.name
        for pattern in topic.patterns:
            for text in phrasings(pattern):
                other = owner.setdefault(normal(text), topic.name)
                if other != topic.name:
                    problems += 1
                    print(f'"{text}" belongs to {other} and to {topic.name}')
        for text in topic.held_out:
            if owner.setdefault(normal(text), topic.name) != topic.name:
                problems += 1
                print(f'"{text}" is held out for {topic.name}, but belongs to {owner[normal(text)]}')
    held_out = sum(len(topic.held_out) for topic in topics)
    print(f"{len(topics)} topics, {len(owner)} phrasings, {held_out} held out, {problems} problems")


if __name__ == "__main__":
    check()
