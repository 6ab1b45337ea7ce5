"""The network: a Llama, written down plainly, and how it is stored in the Hugging Face layout."""
import json

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 1024,
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
    "eos_token_id": [2, 0],
    "torch_dtype": "float16",
}


def rotary(length, config):
    """Cosines and sines [length, head_dim]; element i is paired with i + head_dim / 2."""
    half = torch.arange(0, config["head_dim"], 2).float() / config["head_dim"]
    angles = torch.outer(torch.arange(length).float(), config["rope_theta"] ** -half)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x, table):
    cos, sin = table
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class Norm(nn.Module):
    def __init__(self, size, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.epsilon)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, size = config["hidden_size"], config["head_dim"]
        self.heads, self.kv_heads, self.size = config["num_attention_heads"], config["num_key_value_heads"], size
        self.q_proj = nn.Linear(hidden, self.heads * size, bias=False)
        self.k_proj = nn.Linear(hidden, self.kv_heads * size, bias=False)
        self.v_proj = nn.Linear(hidden, self.kv_heads * size, bias=False)
        self.o_proj = nn.Linear(self.heads * size, hidden, bias=False)

    def forward(self, x, table):
        batch, length, _ = x.shape
        split = lambda y, heads: y.view(batch, length, heads, self.size).transpose(1, 2)
        q = rotate(split(self.q_proj(x), self.heads), table)
        k = rotate(split(self.k_proj(x), self.kv_heads), table)
        v = split(self.v_proj(x), self.kv_heads)
        group = self.heads // self.kv_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, -1))


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        self.gate_proj = nn.Linear(hidden, inner, bias=False)
        self.up_proj = nn.Linear(hidden, inner, bias=False)
        self.down_proj = nn.Linear(inner, hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config, dropout):
        super().__init__()
        self.self_attn, self.mlp = Attention(config), Mlp(config)
        self.input_layernorm = Norm(config["hidden_size"], config["rms_norm_eps"])
        self.post_attention_layernorm = Norm(config["hidden_size"], config["rms_norm_eps"])
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, table):
        x = x + self.dropout(self.self_attn(self.input_layernorm(x), table))
        return x + self.dropout(self.mlp(self.post_attention_layernorm(x)))


class Llama(nn.Module):
    """`dropout` acts in training only and is not part of the checkpoint."""

    def __init__(self, config, dropout=0.0):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(Layer(config, dropout) for _ in range(config["num_hidden_layers"]))
        self.norm = Norm(config["hidden_size"], config["rms_norm_eps"])
        self.dropout = nn.Dropout(dropout)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    nn.init.normal_(parameter, std=0.02 / (2 * len(self.layers)) ** 0.5)
                elif name.startswith("embed"):
                    nn.init.normal_(parameter, std=0.02)
                else:
                    nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)

    def forward(self, ids):
        """Logits [batch, length, vocabulary] of token ids [batch, length]."""
        x = self.dropout(self.embed_tokens(ids))
        table = rotary(ids.shape[1], self.config)
        for layer in self.layers:
            x = layer(x, table)
        return F.linear(self.norm(x), self.embed_tokens.weight)

    def save(self, folder):
        """Writes config.json and model.safetensors, in half precision."""
        weights = {f"model.{name}": value.half().contiguous() for name, value in self.state_dict().items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(self.config, indent=2) + "\n")

    @staticmethod
    def load(folder):
        """The stored model, computing in float32."""
        model = Llama(json.loads((folder / "config.json").read_text()))
        weights = load_file(folder / "model.safetensors")
        model.load_state_dict({name.removeprefix("model."): value.float() for name, value in weights.items()})
        return model.eval()
