"""Trains a tiny tokenizer for each family of models and records what the reference implementation does with it.

The pipelines (normalizer, splitting, byte fallback, post-processing) are those of the family; the vocabularies are
small and made here. The chat templates are written for this project in the manner of each family's, with the same
Jinja features.
"""

import json
import shutil
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

CORPUS = [
    "The baton is handed over while the runner still runs: prefill reads the prompt, decode writes the answer.",
    "It's what we'd call a relay; they're running, I'm waiting, you've won. THEY'RE running, IT'S late.",
    "def handover(block, room=None):\n    return {'room': room, \"blocks\": [block] * 16}\n\n\n",
    "Größe, façade, naïve, Ærøskøbing, Łódź, Ελληνικά, русский текст, 中文字符和标点。日本語のテキスト, 한국어 문장",
    "Prices: 1, 12, 123, 1234, 12345, 3.14159, 1e-9, 2026-11-20. Tabs\tand   runs   of    spaces.",
    "😀 🏃‍♀️ 👨‍👩‍👧‍👦 🇩🇪 — “quotes” … and symbols: ≈ ∑ €100 £5 ©®",
] * 4

AWKWARD = [
    "",
    " ",
    "  ",
    "a",
    " a",
    "a ",
    "Hello world",
    "   three   spaces   ",
    "\n",
    "\n\n\n",
    "line\r\nline\rline\n",
    "tab\tand\t\ttabs",
    "It's, we'd, they'RE, I'M; 'll 'LL ’s",
    "1 12 123 1234 12345 1234567 3.14 -5 1e-9 ½ ² ٣",
    "ÄÖÜ äöü ß ẞ ſ",
    "e\u0301 é",
    "ﬁ ﬀ Å Å ﷺ",
    "中文字符和标点。日本語のテキスト、한국어",
    "😀😃 🏃‍♀️ 👨‍👩‍👧‍👦 🇩🇪 👍🏽",
    "\u200b\u200d\ufeff\u00a0\u2003\u3000",
    "\x00\x01\x7f\x85",
    "𝒜𝓁𝑔 𐍈 𒀀",
    "عربي עברית हिन्दी ไทย",
    "a" * 300,
    "!!!???...---___***",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>",
    "<s>[INST] hi [/INST]</s>",
    "x<|im_end|>y <|im_end|> z",
    "<|im_en",
    "https://example.org/a?b=c&d=%20#e",
    "def f(x):\n\treturn x**2  # comment\n",
    "▁already▁marked ▁",
    "Ġbyte Ċ characters",
]

CONVERSATIONS = [
    [{"role": "user", "content": "Hello"}],
    [{"role": "system", "content": "Be brief.\n"}, {"role": "user", "content": "  Who are you?  "}],
    [
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "Sure? 😀 {{ 7 * 7 }} {% raw %} <|im_end|>"},
    ],
    [
        {"role": "system", "content": ""},
        {"role": "user", "content": "a\n\nb"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nc"},
        {"role": "user", "content": ""},
    ],
]

CHATML = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helper.<|im_end|>\\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

HEADERS = """{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is defined and tools is not none %}{{- "Environment: ipython\\n" }}{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

INSTRUCT = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set ns = namespace(index=0) %}
{%- for message in loop_messages %}
    {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
        {{- raise_exception("After the optional system message, roles must alternate user/assistant") }}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- else %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- endif %}
{%- endfor %}
"""

THINKING = """{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content %}
        {%- if '</think>' in content %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")


def split_by(pattern):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False),
        ]
    )


def byte_level(pre_tokenizer, specials, normalizer=None):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=[], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in specials])
    return tokenizer


def sentence_piece(start):
    """BPE over whole texts with byte fallback and no splitting, as Llama 2, TinyLlama and Mistral have it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    specials = [AddedToken(text, normalized=False, special=True) for text in ("<unk>", "<s>", "</s>")]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    # The trainer would learn merges across words, since nothing splits them: cut at spaces first.
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trained.train_from_iterator(
        [text for text in CORPUS if text.isascii()], trainers.BpeTrainer(vocab_size=300, show_progress=False)
    )
    learnt = json.loads(trained.to_str())["model"]
    state = json.loads(tokenizer.to_str())
    pieces = ["<unk>", "<s>", "</s>", *bytes_, *learnt["vocab"]]
    state["model"]["vocab"] = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    state["model"]["merges"] = learnt["merges"]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.add_special_tokens(specials)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A", special_tokens=[(start, tokenizer.token_to_id(start))]
    )
    return tokenizer


def families():
    """Name, tokenizer, its named tokens, chat template, whether the template is a file of its own."""
    chatml = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    gpt2 = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
        ]
    )
    yield "smollm2", byte_level(gpt2, chatml), dict(bos_token=chatml[1], eos_token=chatml[2]), CHATML
    llama3 = byte_level(
        split_by(LLAMA3_SPLIT), ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    )
    llama3.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                special_tokens=[("<|begin_of_text|>", llama3.token_to_id("<|begin_of_text|>"))],
            ),
        ]
    )
    yield "llama3", llama3, dict(bos_token="<|begin_of_text|>", eos_token="<|eot_id|>"), HEADERS
    qwen = byte_level(split_by(QWEN_SPLIT), chatml, normalizers.NFC())
    yield "qwen", qwen, dict(eos_token=chatml[2], pad_token=chatml[0]), THINKING
    yield "llama2", sentence_piece("<s>"), dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>"), INSTRUCT


def golden(tokenizer):
    texts = [
        {
            "text": text,
            "ids": tokenizer.encode(text),
            "bare": tokenizer.encode(text, add_special_tokens=False),
            "decoded": tokenizer.decode(
                tokenizer.encode(text, add_special_tokens=False),
                skip_special_tokens=False,
                clean_up_tokenization_spaces=False,
            ),
        }
        for text in AWKWARD
    ]
    chats = [
        {
            "messages": messages,
            "text": tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False),
        }
        for messages in CONVERSATIONS
    ]
    return {"texts": texts, "chats": chats}


def main(folder):
    for name, inner, named, template in families():
        target = folder / name
        shutil.rmtree(target, ignore_errors=True)
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=inner, clean_up_tokenization_spaces=False, chat_template=template, **named
        )
        tokenizer.save_pretrained(target)
        (target / "golden.json").write_text(json.dumps(golden(tokenizer), ensure_ascii=True, indent=1) + "\n")
        print(name, len(tokenizer), sum(file.stat().st_size for file in target.iterdir()), sorted(f.name for f in target.iterdir()))


main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "tokenizers"))
